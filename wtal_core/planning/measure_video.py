"""How fast this machine decodes, stores and finds flow, on the data set's own videos.

The jobs run in the processes of `wtal_core.pool`, all workers at once, as the stages do.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from wtal_core.planning.memory import Growth
from wtal_core.schema.video import FlowParams, VideoParams
from wtal_core.video.flow import iter_flow
from wtal_core.video.frames import iter_frames, write_flow, write_frames
from wtal_core.video.glimpse import glimpse
from wtal_core.video.resample import resize, resize_to

SECONDS_IN = 0.45  # of a video's length: where the look at it begins
FRAMES = 17  # of a look: a window of 16 and one more, so that there are 16 fields
FIRST_PAIRS = 2  # of each look, before more of any
_TINY = 48  # px, side of the pictures that load and compile the flow code


@dataclass(frozen=True)
class Work:
    """Units done, what they took, what they fill."""

    units: float = 0.0
    seconds: float = 0.0
    bytes: float = 0.0

    def __add__(self, other: "Work") -> "Work":
        return Work(
            self.units + other.units, self.seconds + other.seconds, self.bytes + other.bytes
        )


@dataclass(frozen=True)
class VideoJob:
    """Some videos, (file, length in seconds), and where to put what is cut out of them."""

    videos: tuple[tuple[Path, float], ...]
    shaping: VideoParams
    flow: FlowParams | None  # None: nobody wants any
    folder: Path
    frames_s: float  # budgets
    flow_s: float

    def __str__(self) -> str:
        return f"a look into {len(self.videos)} videos"


@dataclass(frozen=True)
class VideoMeasured:
    """Per pixel of the source, of what is stored, and of a field; files of frames and of fields."""

    decode: Work
    store: Work
    flow: Work
    stored: tuple[Path, ...]
    fields: tuple[Path, ...]
    memory: int | None  # bytes that it took


def measure_video(job: VideoJob) -> VideoMeasured:
    """Both halves, one after the other."""
    memory = Growth()
    decode, store, stored = store_looks(job)
    flow, fields = Work(), list[Path]()
    if job.flow is not None:
        flow, fields = find_flow(stored, job.flow, job.flow_s)
    return VideoMeasured(decode, store, flow, tuple(stored), tuple(fields), memory.bytes())


def store_looks(job: VideoJob) -> tuple[Work, Work, list[Path]]:
    """Decode and store a look at each video until the budget is spent, at least one."""
    end = time.perf_counter() + job.frames_s
    decode, store = Work(), Work()
    stored: list[Path] = []
    for path, duration_s in job.videos:
        seen = glimpse(path, SECONDS_IN * duration_s, FRAMES)
        px = seen.frames[0].shape[0] * seen.frames[0].shape[1]
        decode += Work(seen.decoded * px, seen.seconds)
        target = job.folder / f"{len(stored)}.mkv"
        begin = time.perf_counter()
        first = resize(seen.frames[0], job.shaping.short_side)
        size = (first.shape[1], first.shape[0])
        count = write_frames(target, (resize_to(f, size) for f in seen.frames), job.shaping.fps)
        seconds = time.perf_counter() - begin
        store += Work(count * size[0] * size[1], seconds, target.stat().st_size)
        stored.append(target)
        if time.perf_counter() > end:
            break
    return decode, store, stored


def find_flow(
    stored: Sequence[Path], params: FlowParams, budget_s: float
) -> tuple[Work, list[Path]]:
    """Two pairs of each look, then all of each, until the budget is spent; at least one pair."""
    tiny = np.random.default_rng(0).integers(0, 256, (2, _TINY, _TINY, 3), dtype=np.uint8)
    list(iter_flow(tiny, params))  # loads and compiles what is slow at the first call only
    end = time.perf_counter() + budget_s
    found, fields = Work(), dict[Path, Path]()
    for pairs in (FIRST_PAIRS, FRAMES - 1):
        for path in stored:
            if found.units and time.perf_counter() > end:
                break
            target = path.with_suffix(".flow.mkv")
            begin = time.perf_counter()
            wanted = islice(iter_flow(iter_frames(path), params), pairs)
            count = write_flow(target, until(wanted, end))
            seconds = time.perf_counter() - begin
            if count:  # a look may be a single frame
                height, width, _ = next(iter_frames(path)).shape
                found += Work(count * height * width, seconds, target.stat().st_size)
                fields[path] = target
    return found, list(fields.values())


def until(items: Iterable[np.ndarray], end: float) -> Iterator[np.ndarray]:
    """Pass on the first item, and more while there is time."""
    for item in items:
        yield item
        if time.perf_counter() > end:
            return
