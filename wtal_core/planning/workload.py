"""How much work a data set is: frames, pixels, snippets, rows; plain arithmetic.

T snippets, D and E columns of I3D's and CLIP's features, C classes.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch

from wtal_core.grid import SnippetGrid
from wtal_core.schema.training import StepParams
from wtal_core.schema.video import VideoParams
from wtal_core.training.batches import count_steps, draw_buckets
from wtal_core.video.glimpse import Header

CHUNK_ROWS = 1024  # of a store of features or scores
GUESSED_FPS = 25.0  # of a file that does not tell its frame rate


@dataclass(frozen=True)
class VideoWork:
    """One video file on its way to features."""

    id: str
    subset: str
    bytes: int
    duration_s: float
    source_frames: float
    source_px: int  # pixels of a source frame
    frames: int  # stored
    px: int  # pixels of a stored frame
    snippets: int

    @property
    def fields(self) -> int:
        """Flow fields: one less than there are frames."""
        return self.frames - 1


def count_video(
    video: str, subset: str, header: Header, shaping: VideoParams, window: int, stride: int
) -> VideoWork:
    """What one file is at the set frame rate and size."""
    frames = max(1, math.floor(header.duration_s * shaping.fps + 0.5))
    width, height = fit_size(header.width, header.height, shaping.short_side)
    return VideoWork(
        video,
        subset,
        header.bytes,
        header.duration_s,
        header.duration_s * (header.fps or GUESSED_FPS),
        header.width * header.height,
        frames,
        width * height,
        SnippetGrid(shaping.fps, window, stride).count(frames),
    )


def fit_size(width: int, height: int, short_side: int) -> tuple[int, int]:
    """(width, height) with the shorter side `short_side` pixels; 0 keeps the size."""
    if not short_side:
        return width, height
    scale = short_side / min(width, height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def fill_durations(headers: Mapping[str, Header]) -> tuple[dict[str, Header], list[str]]:
    """Headers without a duration get one by the size of the file; the names of those.

    The others' mean of seconds a byte decides. Headers that no one can help are left out.
    """
    known = [header for header in headers.values() if header.duration_s > 0]
    size = sum(header.bytes for header in known)
    s_byte = sum(header.duration_s for header in known) / size if size else 0.0
    filled, guessed = {}, []
    for video, header in headers.items():
        if header.duration_s > 0:
            filled[video] = header
            continue
        guessed.append(video)
        if s_byte:
            length = header.bytes * s_byte
            filled[video] = Header(header.bytes, length, header.fps, header.width, header.height)
    return filled, guessed


@dataclass(frozen=True)
class MethodWork:
    """Features of both splits as the branches see them."""

    train: tuple[int, ...]  # T of each video
    test: tuple[int, ...]
    classes: int
    i3d_columns: int  # D
    clip_columns: int  # E


@dataclass(frozen=True)
class StepWork:
    """One training stage in numbers."""

    epochs: int
    steps: int  # of the optimiser, in all
    snippets: float  # of all padded batches together
    largest: int  # padded snippets of the largest batch
    videos: float = 1.0  # of a mean batch

    @property
    def mean(self) -> float:
        """Padded snippets of a mean batch."""
        return self.snippets / self.steps if self.steps else 0.0


def count_training(lengths: Sequence[int], step: StepParams, passes: int = 8) -> StepWork:
    """Steps and padded snippets of a stage; padding is that of `passes` passes as drawn there."""
    if not lengths or not step.epochs:
        return StepWork(step.epochs, 0, 0.0, 0)
    cropped = [min(length, step.crop) for length in lengths]
    generator = torch.Generator().manual_seed(0)
    drawn = [batch for _ in range(passes) for batch in draw_buckets(cropped, step.batch, generator)]
    sizes = [len(batch) * max(cropped[i] for i in batch) for batch in drawn]
    videos = sum(map(len, drawn)) / len(drawn)
    steps = step.epochs * count_steps(len(lengths), step.batch, step.min_steps)
    return StepWork(step.epochs, steps, steps * sum(sizes) / len(sizes), max(sizes), videos)


def stored_rows(lengths: Iterable[int]) -> int:
    """Rows that a store of one subset fills: whole chunks, unless it is smaller than one."""
    total = sum(lengths)
    return total if total <= CHUNK_ROWS else math.ceil(total / CHUNK_ROWS) * CHUNK_ROWS


def spread(costs_s: Sequence[float], workers: int) -> float:
    """Seconds until the last of `workers` is done, each taking the next item when it is free."""
    free = [0.0] * workers
    for cost in costs_s:
        first = min(range(workers), key=free.__getitem__)
        free[first] += cost
    return max(free)
