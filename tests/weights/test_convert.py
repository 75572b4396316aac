"""Other people's checkpoints become ours: every layout gives the same network, or is refused."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.weights.foreign import MIXED, three_layouts, write_bundle
from wtal_core.checkpoint import load_checkpoint, save_checkpoint
from wtal_core.encoders.clip import QuickGELU, build_clip, load_clip
from wtal_core.encoders.i3d import InceptionI3d, load_i3d
from wtal_core.errors import WtalError
from wtal_core.weights.convert import (
    VIT_B_16,
    convert_entry,
    i3d_shapes,
    load_state,
    read_clip,
    read_deepmind,
    read_hassony2,
    read_piergiaj,
)
from wtal_core.weights.registry import find_entry
from wtal_core.weights.tf_bundle import read_bundle, read_index

VARIABLES = Path(__file__).parents[3] / "shared" / "reference" / "i3d"


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.mark.parametrize(("target", "channels"), [("i3d_rgb", 3), ("i3d_flow", 2)])
def test_three_layouts_are_one_network(target: str, channels: int, tmp_path: Path) -> None:
    first, second, third = three_layouts(channels)
    torch.save(first, tmp_path / "new.pt")
    # The published files are older than torch 1.6: pickles in a row.
    torch.save(second, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    write_bundle(tmp_path / "model.ckpt.index", third)
    found = [
        read_piergiaj(tmp_path / "new.pt", target),
        read_hassony2(tmp_path / "old.pth", target),
        read_deepmind(tmp_path / "model.ckpt.index", target),
    ]
    expected = InceptionI3d(channels, classes=400).state_dict()
    assert len(expected) == 230
    for state in found:
        assert {k: v.shape for k, v in state.items()} == {k: v.shape for k, v in expected.items()}
        for key, tensor in state.items():
            assert torch.equal(tensor, found[0][key]), key
    assert len({tuple(t.flatten()[:3].tolist()) for t in found[0].values()}) == 230  # none twice


def same_pad(x: Tensor, kernel: tuple[int, ...], stride: tuple[int, ...]) -> Tensor:
    """TensorFlow's SAME, by the rule of the remainder; zeros."""
    widths: list[int] = []
    for size, k, s in zip(x.shape[:1:-1], kernel[::-1], stride[::-1], strict=True):
        total = max(k - (s if size % s == 0 else size % s), 0)
        widths += [total // 2, total - total // 2]
    return F.pad(x, widths)


def normalise(state: dict[str, Tensor], name: str, x: Tensor) -> Tensor:
    """PyTorch's BatchNorm in evaluation, with epsilon 0.001."""
    mean, variance = (state[f"{name}.bn.running_{k}"] for k in ("mean", "var"))
    weight, bias = (state[f"{name}.bn.{k}"] for k in ("weight", "bias"))
    return F.batch_norm(x, mean, variance, weight, bias, eps=0.001)


def plain_forward(state: dict[str, Tensor], clip: Tensor) -> Tensor:
    """Logits of I3D from piergiaj's state dict, written with PyTorch's functions alone."""

    def unit(x: Tensor, name: str, stride: int = 1) -> Tensor:
        weight = state[f"{name}.conv3d.weight"]
        x = F.conv3d(same_pad(x, weight.shape[2:], (stride,) * 3), weight, stride=stride)
        return normalise(state, name, x).relu()

    def pool(x: Tensor, kernel: tuple[int, ...], stride: tuple[int, ...]) -> Tensor:
        # Nothing is below zero after ReLU, so zeros never win. With SAME padding ceil changes
        # nothing, which is what the ports rely on.
        padded = same_pad(x, kernel, stride)
        found = F.max_pool3d(padded, kernel, stride, ceil_mode=True)
        assert found.shape == F.max_pool3d(padded, kernel, stride).shape
        return found

    def mixed(x: Tensor, name: str) -> Tensor:
        one = unit(x, f"{name}.b0")
        two = unit(unit(x, f"{name}.b1a"), f"{name}.b1b")
        three = unit(unit(x, f"{name}.b2a"), f"{name}.b2b")
        four = unit(pool(x, (3, 3, 3), (1, 1, 1)), f"{name}.b3b")
        return torch.cat([one, two, three, four], dim=1)

    x = pool(unit(clip, "Conv3d_1a_7x7", 2), (1, 3, 3), (1, 2, 2))
    x = pool(unit(unit(x, "Conv3d_2b_1x1"), "Conv3d_2c_3x3"), (1, 3, 3), (1, 2, 2))
    pools = {"4b": ((3, 3, 3), (2, 2, 2)), "5b": ((2, 2, 2), (2, 2, 2))}
    for block in MIXED:
        if block in pools:
            x = pool(x, *pools[block])
        x = mixed(x, f"Mixed_{block}")
    x = F.avg_pool3d(x, (2, 7, 7), 1)
    weight, bias = state["logits.conv3d.weight"], state["logits.conv3d.bias"]
    return F.conv3d(x, weight, bias).mean((2, 3, 4))


@pytest.mark.slow
@pytest.mark.parametrize("frames", [16, 21])
def test_converted_network_equals_a_plain_one(frames: int, tmp_path: Path) -> None:
    """Weights under foreign names in a network of PyTorch's own parts; BatchNorm has a weight."""
    state, other, _ = three_layouts(2, gamma=True)
    torch.save(other, tmp_path / "model.pth")
    clip = torch.rand(1, 2, frames, 224, 224, generator=torch.Generator().manual_seed(8)) * 2 - 1
    expected = plain_forward(state, clip)
    with torch.inference_mode():
        actual = load_i3d(1.0, read_hassony2(tmp_path / "model.pth", "i3d_flow")).logits(clip)
    assert expected.std() > 0.1
    torch.testing.assert_close(actual, expected, rtol=1e-3, atol=1e-3)


def test_a_weight_of_batch_norm_goes_into_the_convolution(tmp_path: Path) -> None:
    state, _, _ = three_layouts(3, gamma=True)
    state["Mixed_4c.b0.bn.num_batches_tracked"] = torch.tensor(7)
    torch.save(state, tmp_path / "rgb.pt")
    found = load_i3d(1.0, read_piergiaj(tmp_path / "rgb.pt", "i3d_rgb"))
    x = torch.rand(2, 3, 5, 9, 11)
    unit = "Conv3d_1a_7x7"
    conv = F.conv3d(same_pad(x, (7, 7, 7), (2, 2, 2)), state[f"{unit}.conv3d.weight"], stride=2)
    assert not bool((state[f"{unit}.bn.weight"] == 1).any())
    expected = normalise(state, unit, conv).relu()
    torch.testing.assert_close(found.trunk[0](x), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.reference
@pytest.mark.parametrize(("stream", "target"), [("RGB", "i3d_rgb"), ("Flow", "i3d_flow")])
def test_a_checkpoint_of_the_published_variables(stream: str, target: str, tmp_path: Path) -> None:
    """All 230 names and shapes of DeepMind's tables, as a checkpoint in their form."""
    table = VARIABLES / f"{stream.lower()}_imagenet_variables.tsv"
    if not table.exists():
        pytest.skip("the table of DeepMind's variables is not beside the repository")
    shapes = dict(line.split("\t") for line in table.read_text().splitlines())
    rng = np.random.default_rng(5)
    arrays = {
        name: rng.random([int(n) for n in shape.split("x")], np.float32)
        for name, shape in shapes.items()
    }
    write_bundle(tmp_path / "model.ckpt.index", arrays)
    found = read_deepmind(tmp_path / "model.ckpt.index", target)
    assert len(found) == len(arrays) == 230
    kernel = arrays[f"{stream}/inception_i3d/Mixed_4e/Branch_2/Conv3d_0b_3x3/conv_3d/w"]
    ours = found["trunk.Mixed_4e.Branch_2.Conv3d_0b_3x3.conv_3d.weight"]
    assert ours[5, 4, 0, 1, 2] == kernel[0, 1, 2, 4, 5]


ARRAYS = {
    f"net/layer_{i}/{name}": np.arange(n, dtype=np.float32).reshape(shape) + i
    for i in range(13)
    for name, n, shape in (("bias", 7, (7,)), ("w", 30, (2, 3, 5)), ("step", 1, ()))
}


class TestBundle:
    """TensorFlow's form itself."""

    @pytest.mark.parametrize("per_block", [1, 3, 100])
    def test_what_is_written_is_read(self, per_block: int, tmp_path: Path) -> None:
        write_bundle(tmp_path / "m.index", ARRAYS, per_block)
        found = read_bundle(tmp_path / "m.index")
        assert found.keys() == ARRAYS.keys()
        for name, array in found.items():
            np.testing.assert_array_equal(array, ARRAYS[name])

    def test_a_short_data_file(self, tmp_path: Path) -> None:
        write_bundle(tmp_path / "m.index", ARRAYS)
        data = tmp_path / "m.data-00000-of-00001"
        data.write_bytes(data.read_bytes()[:-1])
        with pytest.raises(WtalError, match=r"truncated: 1975 bytes, m\.index tells of 1976"):
            read_bundle(tmp_path / "m.index")
        data.unlink()
        with pytest.raises(WtalError, match=r"belongs to m\.index"):
            read_bundle(tmp_path / "m.index")

    def test_any_broken_index_is_an_error_of_ours(self, tmp_path: Path) -> None:
        write_bundle(tmp_path / "m.index", ARRAYS)
        whole = (tmp_path / "m.index").read_bytes()
        rng = np.random.default_rng(1)
        refused = 0
        for _ in range(300):
            broken = bytearray(whole)
            for at in rng.integers(0, len(whole), 3):
                broken[at] = rng.integers(256)
            (tmp_path / "m.index").write_bytes(bytes(broken))
            try:
                read_index(tmp_path / "m.index")
            except WtalError:
                refused += 1
        assert refused > 100
        for length in range(0, len(whole), 37):
            (tmp_path / "m.index").write_bytes(whole[:length])
            with pytest.raises(WtalError):
                read_index(tmp_path / "m.index")


Change = Callable[[dict[str, Tensor]], None]


def drop(state: dict[str, Tensor]) -> None:
    del state["Mixed_3c.b2a.conv3d.weight"]


def rename(state: dict[str, Tensor]) -> None:
    state["Mixed_3c.b2a.conv.weight"] = state.pop("Mixed_3c.b2a.conv3d.weight")


def narrow(state: dict[str, Tensor]) -> None:
    state["logits.conv3d.bias"] = torch.zeros(157)


def scalar(state: dict[str, Tensor]) -> None:
    state["Mixed_4b.b1a.bn.weight"] = torch.ones(95)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (drop, r"1 tensors missing \(Mixed_3c.b2a.conv3d.weight\), 0 unexpected"),
        (rename, r"1 unexpected \(Mixed_3c.b2a.conv.weight\)"),
        (narrow, r"Logits.*bias has shape \(157,\), expected \(400,\)"),
        (scalar, r"Mixed_4b.b1a.bn.weight has shape \(95,\)"),
    ],
)
def test_another_network_is_refused(change: Change, message: str, tmp_path: Path) -> None:
    state, _, _ = three_layouts(3)
    change(state)
    torch.save(state, tmp_path / "rgb.pt")
    with pytest.raises(WtalError, match=message):
        read_piergiaj(tmp_path / "rgb.pt", "i3d_rgb")


def test_the_other_stream_is_refused(tmp_path: Path) -> None:
    torch.save(three_layouts(3)[0], tmp_path / "rgb.pt")
    with pytest.raises(WtalError, match=r"\(64, 3, 7, 7, 7\), expected \(64, 2, 7, 7, 7\)"):
        read_piergiaj(tmp_path / "rgb.pt", "i3d_flow")


def test_a_checkpoint_says_where_it_comes_from(tmp_path: Path) -> None:
    entry = find_entry("i3d_rgb")
    torch.save(three_layouts(3)[0], tmp_path / "rgb.pt")
    folder = convert_entry(
        entry, {"rgb_imagenet.pt": tmp_path / "rgb.pt"}, {"rgb_imagenet.pt": "ab"}, tmp_path / "e"
    )
    assert folder == tmp_path / "e" / "i3d_rgb"
    tensors, meta = load_checkpoint(folder)
    assert (meta["network"], meta["stream"], meta["width"]) == ("i3d", "rgb", 1.0)
    assert meta["source"]["files"] == {
        "rgb_imagenet.pt": {"url": entry.files[0].url, "sha256": "ab"}
    }
    assert load_i3d(meta["width"], tensors).dim == 1024
    assert json.loads((folder / "meta.json").read_text())["meta"] == meta


@pytest.fixture(scope="module")
def vit() -> dict[str, Tensor]:
    """A full ViT-B/16 with random weights, as open_clip keeps it."""
    torch.manual_seed(2)
    return {k: v.detach() for k, v in build_clip("ViT-B-16").state_dict().items()}


@pytest.mark.slow
def test_clip_is_open_clips_vit_b_16_with_quick_gelu(
    vit: dict[str, Tensor], tmp_path: Path
) -> None:
    # The same file form as the published one, without its name for the folder.
    save_checkpoint(tmp_path / "file", vit, {})
    path = tmp_path / "file" / "model.safetensors"
    entry = find_entry("clip")
    name = entry.files[0].name
    folder = convert_entry(entry, {name: path}, {name: "cd"}, tmp_path)
    tensors, meta = load_checkpoint(folder)
    assert meta["config"]["quick_gelu"] is True
    assert tensors.keys() == vit.keys()
    # 149,620,737 parameters of four bytes are what the published file holds besides its header.
    assert 4 * sum(t.numel() for t in tensors.values()) == 598_482_948
    model = load_clip(meta["config"], tensors)
    activations = [m for n, m in model.named_modules() if n.endswith("mlp.gelu")]
    assert len(activations) == 24
    assert all(isinstance(m, QuickGELU) for m in activations)
    x = torch.tensor([-1.5, 0.25, 3.0])
    torch.testing.assert_close(activations[0](x), x * torch.sigmoid(1.702 * x))
    short = path.with_name("short.safetensors")
    short.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(WtalError, match="not a whole safetensors file"):
        read_clip(short)


def test_a_clip_of_another_size_is_refused(tmp_path: Path) -> None:
    small = build_clip({**VIT_B_16, "text_cfg": {**VIT_B_16["text_cfg"], "layers": 11}})
    save_checkpoint(tmp_path, small.state_dict(), {})
    with pytest.raises(WtalError, match=r"12 tensors missing \(transformer.resblocks.11"):
        read_clip(tmp_path / "model.safetensors")


def test_only_state_dicts_of_tensors(tmp_path: Path) -> None:
    torch.save([torch.zeros(3)], tmp_path / "list.pt")
    with pytest.raises(WtalError, match="no state dict of tensors"):
        load_state(tmp_path / "list.pt")
    assert len(i3d_shapes("i3d_flow")) == 230
