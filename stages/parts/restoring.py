"""Branches as an earlier stage left them."""

from pathlib import Path

import torch
from torch import nn

from stages.parts.cbp_branches import ChosenBranch
from wtal_core.branches.vlp import VLP
from wtal_core.checkpoint import load_checkpoint
from wtal_core.encoders.clip import PromptedText, load_clip
from wtal_core.schema.branches import VlpParams
from wtal_core.training.weights import load_trainable

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def restore_cbp(checkpoint: Path, chosen: ChosenBranch) -> nn.Module:
    """The CBP branch of a checkpoint folder; WtalError unless it is the one asked for."""
    tensors, meta = load_checkpoint(checkpoint)
    chosen.check(meta, checkpoint)
    model = chosen.build(meta)
    load_trainable(model, tensors)
    return model.to(DEVICE)


def restore_vlp(checkpoint: Path, text: PromptedText, params: VlpParams) -> VLP:
    """The VLP branch of a checkpoint folder; the warm-up's is the untrained one."""
    tensors, meta = load_checkpoint(checkpoint)
    model = VLP(text, text.dim, len(meta["classes"]), params, vanilla=meta["vanilla"])
    load_trainable(model, tensors)
    return model.to(DEVICE)


def read_text(clip: Path, classes: tuple[str, ...]) -> PromptedText:
    """The frozen text tower of a CLIP checkpoint folder, for these class names."""
    tensors, meta = load_checkpoint(clip)
    return PromptedText(load_clip(meta["config"], tensors), classes)


def is_distilled(checkpoint: Path) -> bool:
    """Has this branch learnt from pseudo-labels, so that its scores are probabilities?"""
    return bool(load_checkpoint(checkpoint)[1]["distilled"])


def is_vanilla(checkpoint: Path) -> bool:
    """Is this the VLP branch before any training?"""
    return bool(load_checkpoint(checkpoint)[1]["vanilla"])
