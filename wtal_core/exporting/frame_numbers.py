"""Seconds to the numbers of a video's frames, and back.

Frames count from 1 and both ends belong to a range, as FiftyOne and Label Studio have it. A frame
belongs to [start_s, end_s) if it begins to be shown in there, so that segments that follow each
other share no frame. The numbers are those of the original file, not of the resampled frames that
features come from.
Letters: F frames.
"""

from dataclasses import dataclass
from math import ceil
from typing import Protocol

import numpy as np

from wtal_core.segments import Floats

EPSILON_S = 1e-6  # a time that was rounded in the last digits still is that frame's


class Clock(Protocol):
    """When each frame of a video is shown."""

    def before(self, time_s: float) -> int:
        """How many frames begin before a time."""
        ...

    def start_s(self, number: int) -> float:
        """When frame `number` (from 1) begins; behind the last one, the video's end."""
        ...


@dataclass(frozen=True)
class FileClock:
    """The times in the file: right for any frame rate, constant or variable.

    pts_s: (F,) rising, when each frame begins, the first at 0; end_s: when the last one ends.
    """

    pts_s: Floats
    end_s: float

    def __post_init__(self) -> None:
        if not len(self.pts_s) or (np.diff(self.pts_s) < 0).any():
            raise ValueError("the times of frames rise, and there is at least one")

    def before(self, time_s: float) -> int:
        """As `Clock`."""
        return int(np.searchsorted(self.pts_s, time_s - EPSILON_S, side="left"))

    def start_s(self, number: int) -> float:
        """As `Clock`."""
        return float(self.pts_s[number - 1]) if number <= len(self.pts_s) else self.end_s

    @property
    def rate(self) -> float:
        """Frames a second, on average."""
        return len(self.pts_s) / self.end_s

    @property
    def steady(self) -> bool:
        """Whether every frame lies within half a frame of where a constant rate would put it."""
        even_F = np.arange(len(self.pts_s)) / self.rate
        return bool(np.abs(self.pts_s - even_F).max() < 0.5 / self.rate)


@dataclass(frozen=True)
class SteadyClock:
    """A constant rate: of a video without its file, or of a player that counts time in frames."""

    fps: float

    def __post_init__(self) -> None:
        if not (np.isfinite(self.fps) and self.fps > 0):
            raise ValueError(f"frames a second are above 0, got {self.fps}")

    def before(self, time_s: float) -> int:
        """As `Clock`."""
        return max(0, ceil((time_s - EPSILON_S) * self.fps))

    def start_s(self, number: int) -> float:
        """As `Clock`."""
        return (number - 1) / self.fps


def to_frames(start_s: float, end_s: float, clock: Clock) -> tuple[int, int]:
    """First and last frame of a segment; the one that is on screen at its start, if none begins
    inside.
    """
    first, last = clock.before(start_s) + 1, clock.before(end_s)
    if last < first:
        first = last = max(1, clock.before(start_s + 2 * EPSILON_S))
    return first, last


def to_seconds(first: int, last: int, clock: Clock) -> tuple[float, float]:
    """[start, end) of a range of frames: from when the first to when the last is on screen.

    `to_frames` of it gives the range back. Raises ValueError for a range that cannot be.
    """
    if not 1 <= first <= last:
        raise ValueError(f"a range of frames needs 1 <= first <= last, got {first} to {last}")
    return clock.start_s(first), clock.start_s(last + 1)
