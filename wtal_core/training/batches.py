"""Videos of uneven length to padded batches.

B videos, T snippets, C classes, D channels.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

# Standard deviation of a video's log length when batches are drawn. 200 videos as long as those of
# THUMOS14, batches of 64: padding is 67 % of a pass in random order, 33 % without noise, 35 % with
# 0.1, 44 % with 0.3.
LENGTH_NOISE = 0.1


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
    if len({s.feat_TD.dtype for s in samples}) > 1:
        raise ValueError(f"features of several dtypes: {[s.feat_TD.dtype for s in samples]}")
    lengths_B = torch.tensor([len(s.feat_TD) for s in samples])
    mask_BT = torch.arange(int(lengths_B.max())) < lengths_B[:, None]
    return Batch(
        tuple(s.name for s in samples),
        # Cast behind the move: float16 features cross to a GPU in half the bytes.
        pad_sequence([s.feat_TD for s in samples], batch_first=True).to(device).float(),
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
    """One epoch: each pass goes through all videos in new batches, each video in a new crop."""
    per_pass = math.ceil(len(samples) / batch)
    lengths = [min(len(s.feat_TD), crop) for s in samples]
    for _ in range(count_steps(len(samples), batch, min_steps) // per_pass):
        for indices in draw_buckets(lengths, batch, generator):
            yield collate([crop_sample(samples[i], crop, generator) for i in indices], device)


def draw_buckets(lengths: Sequence[int], batch: int, generator: torch.Generator) -> list[list[int]]:
    """Every index once, in batches of videos of similar length; the batches in random order.

    A video's place in the order of lengths is that of length * exp(LENGTH_NOISE * N(0, 1)), so that
    batches differ from pass to pass. The one batch that may be smaller is cut from a random place
    in that order: else the same longest videos would make it up in every pass and count more. A
    single batch is a random order of all. What buckets do change: a loss that is a mean over a
    batch's snippets weighs those of short videos more than it would in batches of all lengths.
    """
    order_N = torch.randperm(len(lengths), generator=generator)
    if len(lengths) <= batch:
        return [order_N.tolist()]
    noise_N = torch.randn(len(lengths), generator=generator, dtype=torch.float64)
    place_N = torch.tensor(lengths, dtype=torch.float64).log() + LENGTH_NOISE * noise_N
    # From a random order on, so that equal places favour no video.
    order_N = order_N[place_N[order_N].argsort(stable=True)]
    whole, rest = divmod(len(lengths), batch)
    sizes = [batch] * whole
    if rest:
        sizes.insert(int(torch.randint(whole + 1, (), generator=generator)), rest)
    buckets = order_N.split(sizes)
    return [buckets[i].tolist() for i in torch.randperm(len(sizes), generator=generator).tolist()]


def _pad_all(
    each: Sequence[Tensor | None], value: int, device: torch.device | str
) -> Tensor | None:
    there = [t for t in each if t is not None]
    if not there:
        return None
    if len(there) != len(each):
        raise ValueError(f"{len(each) - len(there)} of {len(each)} samples have no pseudo-labels")
    return pad_sequence(there, batch_first=True, padding_value=value).to(device)
