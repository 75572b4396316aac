"""What others' files of weights look like, written down by hand for the tests.

The names are listed without the rules of wtal_core/weights/layouts.py, so that both can be wrong
independently.
"""

import struct
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

MIXED = {
    "3b": (192, 64, 96, 128, 16, 32, 32),
    "3c": (256, 128, 128, 192, 32, 96, 64),
    "4b": (480, 192, 96, 208, 16, 48, 64),
    "4c": (512, 160, 112, 224, 24, 64, 64),
    "4d": (512, 128, 128, 256, 24, 64, 64),
    "4e": (512, 112, 144, 288, 32, 64, 64),
    "4f": (528, 256, 160, 320, 32, 128, 128),
    "5b": (832, 256, 160, 320, 32, 128, 128),
    "5c": (832, 384, 192, 384, 48, 128, 128),
}
# piergiaj's, hassony2's and DeepMind's name of a unit in a Mixed block, input of it, output, kernel
UNITS = (
    ("b0", "branch_0", "Branch_0/Conv3d_0a_1x1", 0, 1, 1),
    ("b1a", "branch_1.0", "Branch_1/Conv3d_0a_1x1", 0, 2, 1),
    ("b1b", "branch_1.1", "Branch_1/Conv3d_0b_3x3", 2, 3, 3),
    ("b2a", "branch_2.0", "Branch_2/Conv3d_0a_1x1", 0, 4, 1),
    ("b2b", "branch_2.1", "Branch_2/Conv3d_0b_3x3", 4, 5, 3),
    ("b3b", "branch_3.1", "Branch_3/Conv3d_0b_1x1", 0, 6, 1),
)


def all_units(channels: int) -> list[tuple[str, str, str, int, int, int]]:
    """Each convolution with BatchNorm: three names, channels in, channels out, size of kernel."""
    units = [
        ("Conv3d_1a_7x7", "conv3d_1a_7x7", "Conv3d_1a_7x7", channels, 64, 7),
        ("Conv3d_2b_1x1", "conv3d_2b_1x1", "Conv3d_2b_1x1", 64, 64, 1),
        ("Conv3d_2c_3x3", "conv3d_2c_3x3", "Conv3d_2c_3x3", 64, 192, 3),
    ]
    for block, sizes in MIXED.items():
        for piergiaj, hassony2, deepmind, given, made, kernel in UNITS:
            if block == "5b" and piergiaj == "b2b":
                deepmind = "Branch_2/Conv3d_0a_3x3"  # a slip in the published checkpoint
            units.append(
                (
                    f"Mixed_{block}.{piergiaj}", f"mixed_{block}.{hassony2}",
                    f"Mixed_{block}/{deepmind}", sizes[given], sizes[made], kernel,
                )
            )  # fmt: skip
    return units


def three_layouts(
    channels: int, gamma: bool = False, seed: int = 3
) -> tuple[dict[str, Tensor], dict[str, Tensor], dict[str, np.ndarray]]:
    """The same random I3D as piergiaj, hassony2 and DeepMind keep it.

    With `gamma`, BatchNorm of the first two has a weight that is not one (so DeepMind's differs).
    """
    draw = torch.Generator().manual_seed(seed)
    first: dict[str, Tensor] = {}
    second: dict[str, Tensor] = {}
    third: dict[str, np.ndarray] = {}
    stream = {3: "RGB", 2: "Flow"}[channels]
    for piergiaj, hassony2, deepmind, fan_in, fan_out, kernel in all_units(channels):
        spread = (2 / (fan_in * kernel**3)) ** 0.5
        weight = torch.randn(fan_out, fan_in, *[kernel] * 3, generator=draw) * spread
        beta, mean, more = torch.randn(3, fan_out, generator=draw) * 0.3
        variance = 0.5 + more.abs()
        scale = 1 + 0.5 * torch.randn(fan_out, generator=draw) * gamma
        first |= {
            f"{piergiaj}.conv3d.weight": weight, f"{piergiaj}.bn.weight": scale,
            f"{piergiaj}.bn.bias": beta, f"{piergiaj}.bn.running_mean": mean,
            f"{piergiaj}.bn.running_var": variance,
        }  # fmt: skip
        second |= {
            f"{hassony2}.conv3d.weight": weight, f"{hassony2}.batch3d.weight": scale,
            f"{hassony2}.batch3d.bias": beta, f"{hassony2}.batch3d.running_mean": mean,
            f"{hassony2}.batch3d.running_var": variance,
        }  # fmt: skip
        name = f"{stream}/inception_i3d/{deepmind}"
        third[f"{name}/conv_3d/w"] = weight.permute(2, 3, 4, 1, 0).contiguous().numpy()
        third[f"{name}/batch_norm/beta"] = beta.numpy()
        third[f"{name}/batch_norm/moving_mean"] = mean.numpy()
        third[f"{name}/batch_norm/moving_variance"] = variance.numpy()
    weight = torch.randn(400, 1024, 1, 1, 1, generator=draw) * 0.05
    bias = torch.randn(400, generator=draw)
    first |= {"logits.conv3d.weight": weight, "logits.conv3d.bias": bias}
    second |= {"conv3d_0c_1x1.conv3d.weight": weight, "conv3d_0c_1x1.conv3d.bias": bias}
    name = f"{stream}/inception_i3d/Logits/Conv3d_0c_1x1/conv_3d"
    third[f"{name}/w"] = weight.permute(2, 3, 4, 1, 0).contiguous().numpy()
    third[f"{name}/b"] = bias.numpy()
    return first, second, third


def write_bundle(index: Path, arrays: dict[str, np.ndarray], per_block: int = 17) -> None:
    """A TensorFlow checkpoint of float32 variables: sorted keys with shared beginnings, which start
    anew every 5 entries; `per_block` entries in a data block."""
    offset, rows = 0, [(b"", b"\x08\x01\x1a\x02\x08\x01")]  # header: one shard, version
    names = sorted(arrays)
    for name in names:
        size = arrays[name].nbytes
        dims = b"".join(_message(2, b"\x08" + _varint(n)) for n in arrays[name].shape)
        value = b"\x08\x01" + _message(2, dims)
        value += (b"\x20" + _varint(offset) if offset else b"") + b"\x28" + _varint(size)
        rows.append((name.encode(), value + b"\x35crc!"))
        offset += size
    table, handles = b"", []
    for start in range(0, len(rows), per_block):
        chosen = rows[start : start + per_block]
        handles.append((chosen[-1][0] + b"\xff", _place(table, block := _block(chosen))))
        table += block + b"\0crc!"
    empty = _block([])
    meta = _place(table, empty)
    table += empty + b"\0crc!"
    listing = _block(handles)
    footer = meta + _place(table, listing)
    table += listing + b"\0crc!" + footer.ljust(40, b"\0") + struct.pack("<Q", 0xDB4775248B80FB57)
    index.parent.mkdir(parents=True, exist_ok=True)
    index.write_bytes(table)
    data = index.with_name(index.name.removesuffix(".index") + ".data-00000-of-00001")
    data.write_bytes(b"".join(arrays[name].astype("<f4").tobytes() for name in names))


def _block(rows: list[tuple[bytes, bytes]]) -> bytes:
    content, restarts, before = b"", [], b""
    for number, (key, value) in enumerate(rows):
        shared = 0
        if number % 5 == 0:
            restarts.append(len(content))
        else:
            while shared < min(len(key), len(before)) and key[shared] == before[shared]:
                shared += 1
        content += _varint(shared) + _varint(len(key) - shared) + _varint(len(value))
        content += key[shared:] + value
        before = key
    restarts = restarts or [0]
    return content + struct.pack(f"<{len(restarts)}I", *restarts) + struct.pack("<I", len(restarts))


def _place(table: bytes, block: bytes) -> bytes:
    return _varint(len(table)) + _varint(len(block))


def _message(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])
