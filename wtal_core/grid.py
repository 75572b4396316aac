"""The snippet grid: the one place where snippet, frame and second are converted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TypeVar

import numpy as np

# A position may be one number or an array of them; the answer has the same shape.
Position = TypeVar("Position", float, np.ndarray)


@dataclass(frozen=True)
class SnippetGrid:
    """Snippet `i` is computed from the `window` frames that start at `offset + i * stride`.

    fps: frames per second of the resampled video; window, stride, offset: frames. A snippet
    speaks for `[start_s, end_s)`, the `stride` frames in the middle of its window, so that the
    snippets of a video tile its time without gap or overlap, and a window is read round the
    time that it describes. With stride = window that is the window itself (method A18: a run
    3..5 at 16/25 is 1.92 s to 3.84 s). Where windows overlap, no snippet speaks for the first
    and the last `lead` frames (6, or 0.2 s, at stride 4, window 16, 30 fps): stretching the
    outer two snippets over them would make these longer than the others, and the centres, by
    which others place the same features, would no longer be centres.
    Raises ValueError for a grid that cannot be.
    """

    fps: float
    window: int
    stride: int
    offset: int = 0

    def __post_init__(self) -> None:
        if not (np.isfinite(self.fps) and self.fps > 0):
            raise ValueError(f"a snippet grid needs a positive frame rate, got {self.fps = }")
        if self.window < 1 or self.stride < 1 or self.offset < 0:
            raise ValueError(
                "a snippet grid needs window >= 1, stride >= 1 and offset >= 0 frames, "
                f"got {self.window = }, {self.stride = }, {self.offset = }"
            )

    def count(self, n_frames: int) -> int:
        """Snippets of a video of `n_frames`: the windows that fit, and at least one.

        A video shorter than a window still gives one snippet; whoever reads its frames repeats
        the last one.
        """
        if n_frames < 1:
            raise ValueError(f"a video without frames has no snippets, got {n_frames = }")
        return max(1, (n_frames - self.offset - self.window) // self.stride + 1)

    @property
    def lead(self) -> float:
        """Frames of a window before those that its snippet speaks for; as many lie behind.

        Negative where windows do not touch: a snippet then speaks for half of each gap beside it.
        """
        return (self.window - self.stride) / 2

    def start_s(self, i: Position) -> Position:
        """Second at which snippet `i` begins; fractions of a snippet are allowed."""
        return (self.offset + i * self.stride + self.lead) / self.fps

    def end_s(self, i: Position) -> Position:
        """Second at which snippet `i` ends (exclusive): where snippet `i + 1` begins."""
        return (self.offset + (i + 1) * self.stride + self.lead) / self.fps

    def centre_frame(self, i: int) -> int:
        """Frame in the middle of the window of snippet `i`.

        It may lie behind the last frame of a video that is shorter than a window.
        """
        return self.offset + i * self.stride + self.window // 2

    def centre_s(self, i: Position) -> Position:
        """Second in the middle of the window of snippet `i`, (16 i + 8) / 25 by default."""
        return (self.offset + i * self.stride + self.window / 2) / self.fps

    def extent_s(self, count: int) -> float:
        """Second at which the window of the last of `count` snippets ends."""
        return (self.offset + (count - 1) * self.stride + self.window) / self.fps

    def index(self, seconds: Position) -> Position:
        """Snippet coordinate of a time: the inverse of `centre_s`, not rounded.

        The detectors of the field call this `t * fps / stride - feat_offset` with
        `feat_offset = window / (2 * stride)`: at fps 1, window 4, stride 2 the seconds 0, 2, 4
        are -1, 0, 1.
        """
        return (seconds * self.fps - self.offset - self.window / 2) / self.stride

    def nearest(self, other: SnippetGrid, count: int) -> np.ndarray:
        """(T',) for each snippet of this grid the one of `other` whose centre is nearest.

        `other` has `count` snippets; T' is as many as fit into the frames that those look at.
        Centres half-way between two take the later one. The error in time is at most half of
        `other`'s stride, and none where one grid's centres are among the other's.
        """
        n_frames = int(other.extent_s(count) * self.fps + 1e-6)
        ours = np.arange(self.count(max(1, n_frames)))
        theirs = np.floor(other.index(self.centre_s(ours)) + 0.5 + 1e-9).astype(np.intp)
        return np.clip(theirs, 0, count - 1)

    def to_dict(self) -> dict[str, float | int]:
        """The grid as plain numbers, for the attributes of an artifact."""
        return asdict(self)

    @classmethod
    def from_dict(cls, facts: Mapping[str, float | int]) -> SnippetGrid:
        """The grid from `to_dict`; raises ValueError when a number is missing."""
        missing = {"fps", "window", "stride"} - set(facts)
        if missing:
            raise ValueError(f"a snippet grid needs {sorted(missing)}, got {dict(facts)}")
        return cls(
            float(facts["fps"]),
            int(facts["window"]),
            int(facts["stride"]),
            int(facts.get("offset", 0)),
        )
