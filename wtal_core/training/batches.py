"""Videos of uneven length to padded batches.

B videos, T snippets, C classes, D channels.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence


@dataclass(frozen=True)
class Sample:
    """One training video."""

    name: str
    feat_TD: Tensor  # any float dtype; becomes float32 in the batch
    label_C: Tensor  # multi-hot video-level labels
    target_TC: Tensor | None = None  # int8 pseudo-labels
    weight_TC: Tensor | None = None  # their confidence

    def __post_init__(self) -> None:
        shape = (len(self.feat_TD), len(self.label_C))
        if self.feat_TD.ndim != 2 or len(self.feat_TD) == 0:
            raise ValueError(f"{self.name}: got {self.feat_TD.shape = }, expected (T, D)")
        for extra in (self.target_TC, self.weight_TC):
            if extra is not None and extra.shape != shape:
                raise ValueError(f"{self.name}: got shape {tuple(extra.shape)}, expected {shape}")


@dataclass(frozen=True)
class Batch:
    """Padded to its longest video."""

    names: tuple[str, ...]
    feat_BTD: Tensor  # float32
    mask_BT: Tensor  # bool, True = real snippet
    label_BC: Tensor
    target_BTC: Tensor | None
    weight_BTC: Tensor | None


def crop_sample(sample: Sample, length: int, generator: torch.Generator) -> Sample:
    """A random run of `length` consecutive snippets; a shorter video stays whole."""
    spare = len(sample.feat_TD) - length
    if spare <= 0:
        return sample
    start = int(torch.randint(spare + 1, (), generator=generator))
    part = slice(start, start + length)
    return Sample(
        sample.name,
        sample.feat_TD[part],
        sample.label_C,
        None if sample.target_TC is None else sample.target_TC[part],
        None if sample.weight_TC is None else sample.weight_TC[part],
    )


def collate(samples: Sequence[Sample], device: torch.device | str = "cpu") -> Batch:
    """One batch; either all samples have pseudo-labels (weights) or none has."""
    lengths_B = torch.tensor([len(s.feat_TD) for s in samples])
    mask_BT = torch.arange(int(lengths_B.max())) < lengths_B[:, None]
    return Batch(
        tuple(s.name for s in samples),
        pad_sequence([s.feat_TD.float() for s in samples], batch_first=True).to(device),
        mask_BT.to(device),
        torch.stack([s.label_C.float() for s in samples]).to(device),
        _pad_all([s.target_TC for s in samples], -1, device),
        _pad_all([s.weight_TC for s in samples], 0, device),
    )


def count_steps(videos: int, batch: int, min_steps: int) -> int:
    """Optimiser steps of an epoch: whole passes over the videos, at least `min_steps` in all."""
    per_pass = math.ceil(videos / batch)
    return per_pass * math.ceil(min_steps / per_pass)


def draw_batches(
    samples: Sequence[Sample],
    batch: int,
    crop: int,
    min_steps: int,
    generator: torch.Generator,
    device: torch.device | str = "cpu",
) -> Iterator[Batch]:
    """One epoch: each pass goes through all videos in a new order, each in a new crop."""
    per_pass = math.ceil(len(samples) / batch)
    for _ in range(count_steps(len(samples), batch, min_steps) // per_pass):
        order = torch.randperm(len(samples), generator=generator).tolist()
        for first in range(0, len(order), batch):
            chosen = [samples[i] for i in order[first : first + batch]]
            yield collate([crop_sample(s, crop, generator) for s in chosen], device)


def _pad_all(
    each: Sequence[Tensor | None], value: int, device: torch.device | str
) -> Tensor | None:
    there = [t for t in each if t is not None]
    if not there:
        return None
    if len(there) != len(each):
        raise ValueError(f"{len(each) - len(there)} of {len(each)} samples have no pseudo-labels")
    return pad_sequence(there, batch_first=True, padding_value=value).to(device)
