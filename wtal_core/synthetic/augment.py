"""What pre-training does to pictures before it shows them: displace, brighten, hold some out."""

from __future__ import annotations

import numpy as np
import torch


def split(
    count: int, holdout: float, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Random indices to train on and to measure on; the latter are none only at `holdout` 0."""
    order = torch.randperm(count, generator=generator)
    kept_out = int(np.ceil(count * holdout)) if holdout else 0
    return order[kept_out:], order[:kept_out]


def displace(pictures: torch.Tensor, most: int, generator: torch.Generator) -> torch.Tensor:
    """Each picture (..., H, W, C) of a batch moved by up to `most` pixels; its edge is repeated."""
    height, width = pictures.shape[-3:-1]
    offsets = torch.randint(-most, most + 1, (len(pictures), 2), generator=generator)
    moved = torch.empty_like(pictures)
    for i, (down, right) in enumerate(offsets.tolist()):
        rows = (torch.arange(height) + down).clamp(0, height - 1)
        columns = (torch.arange(width) + right).clamp(0, width - 1)
        moved[i] = pictures[i].index_select(-3, rows).index_select(-2, columns)
    return moved


def brighten(pictures: torch.Tensor, most: float, generator: torch.Generator) -> torch.Tensor:
    """Each picture of a batch, in [-1, 1], with its own gain 1 ± `most` and offset ± `most`."""
    gain, offset = (2 * torch.rand(2, len(pictures), generator=generator) - 1) * most
    shape = (-1, *[1] * (pictures.ndim - 1))
    return (pictures * (1 + gain.view(shape)) + offset.view(shape)).clamp(-1, 1)
