"""How fast this machine encodes snippets: both streams of I3D and CLIP, with random weights.

Widths and sizes are the real ones, and the backend is the one that the stages would take; weights
do not change the time. Runs as `measure_video` does.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch

from wtal_core.encoders.backends import resolve
from wtal_core.encoders.clip import build_clip
from wtal_core.encoders.clip_net import open_clip_images
from wtal_core.encoders.i3d import InceptionI3d
from wtal_core.encoders.i3d_net import open_i3d
from wtal_core.encoders.nets import Net, find_machine
from wtal_core.encoders.windows import snippet_batches
from wtal_core.grid import SnippetGrid
from wtal_core.planning.measure_video import Work
from wtal_core.planning.memory import Growth
from wtal_core.schema.encoders import EncoderParams
from wtal_core.video.frames import iter_flow, iter_frames, read_frames_at

STREAMS = {"rgb": 3, "flow": 2}  # channels that each stream sees


@dataclass(frozen=True)
class EncodeJob:
    """One encoder on one file of stored pictures."""

    encoder: str  # rgb | flow | clip
    pictures: Path
    model: float | str | Mapping[str, Any]  # width of I3D; configuration of CLIP
    grid: SnippetGrid
    crop: int
    batch: int
    backend: EncoderParams
    budget_s: float

    def __str__(self) -> str:
        return f"encoder {self.encoder}"


@dataclass(frozen=True)
class EncodeMeasured:
    """Per snippet."""

    encoder: str
    work: Work
    memory: int | None  # bytes that it took


@torch.inference_mode()
def measure_encoder(job: EncodeJob) -> EncodeMeasured:
    """One snippet to warm up, then as large a batch as the budget has room for."""
    memory = Growth()
    net, run = _clip(job) if job.encoder == "clip" else _i3d(job)
    run(1)  # allocates and chooses kernels
    single = _time(run, 1)
    count = max(1, min(net.whole(job.batch), int(job.budget_s / max(single.seconds, 1e-6)) - 1))
    if count == 1:
        return EncodeMeasured(job.encoder, single, memory.bytes())
    run(count)
    end = time.perf_counter() + max(0.0, job.budget_s - 3 * single.seconds * count)
    work = _time(run, count)
    while time.perf_counter() < end:
        work += _time(run, count)
    return EncodeMeasured(job.encoder, work, memory.bytes())


def _i3d(job: EncodeJob) -> tuple[Net, Callable[[int], None]]:
    width = float(str(job.model))
    state = InceptionI3d(STREAMS[job.encoder], width).state_dict()
    sizes = (job.grid.window, job.crop, job.crop)
    net = open_i3d(width, state, sizes, resolve(job.backend, find_machine()), job.batch)
    read = iter_frames if job.encoder == "rgb" else iter_flow

    def run(count: int) -> None:
        length = job.grid.window + (count - 1) * job.grid.stride
        pictures = islice(_again(read, job.pictures), length)
        for clip in snippet_batches(pictures, length, job.grid, job.crop, count):
            net(clip)

    return net, run


def _clip(job: EncodeJob) -> tuple[Net, Callable[[int], None]]:
    if isinstance(job.model, float):
        raise ValueError(f"CLIP wants a model's name or configuration, got {job.model}")
    backend = resolve(job.backend, find_machine())
    net = open_clip_images(job.model, build_clip(job.model).state_dict(), backend, job.batch)
    there = sum(1 for _ in iter_frames(job.pictures))

    def run(count: int) -> None:
        chosen = np.arange(count) % there
        net(torch.from_numpy(read_frames_at(job.pictures, chosen)))

    return net, run


def _again(read: Callable[[Path], Iterator[np.ndarray]], path: Path) -> Iterator[np.ndarray]:
    """The pictures of a file over and over, read each time."""
    while True:
        yield from read(path)


def _time(run: Callable[[int], None], count: int) -> Work:
    begin = time.perf_counter()
    run(count)
    return Work(count, time.perf_counter() - begin)
