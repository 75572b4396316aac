"""Segments out of other people's files, row by row, each checked and named by where it stands."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from wtal_core.errors import WtalError
from wtal_core.segments import Segments

AMBIGUOUS = "ambiguous"  # the label, in small letters, of intervals that annotators were unsure of


@dataclass(frozen=True)
class SegmentFile:
    """What a file of predictions or of instances says, in its own order and unit.

    durations: seconds, of the videos whose duration it states. ambiguous: intervals without a
    label. subset: the one that was read, None where the file knows none.
    """

    path: Path
    segments: Segments
    durations: Mapping[str, float] = field(default_factory=dict)
    ambiguous: Segments = field(default_factory=Segments.empty)
    subset: str | None = None


@dataclass
class SegmentRows:
    """Collects the rows of one file; WtalError, naming file and row, for one that cannot be."""

    path: Path
    video: list[str] = field(default_factory=list)
    label: list[str] = field(default_factory=list)
    start: list[float] = field(default_factory=list)
    end: list[float] = field(default_factory=list)
    score: list[float] = field(default_factory=list)

    def add(
        self, where: str, video: Any, label: Any, start: Any, end: Any, score: Any = 1.0
    ) -> None:
        """One segment; numbers may be texts, as some packages write them."""
        name = f"{where} (video {video!r}, label {label!r})"
        first, last = self._number(name, "start", start), self._number(name, "end", end)
        if first < 0:
            raise WtalError(f"{self.path}: {name} starts at {first}, before 0. Correct that row.")
        if last < first:
            raise WtalError(
                f"{self.path}: {name} ends at {last}, before it starts at {first}. Correct that "
                "row, or swap the two columns if all are like this."
            )
        self.score.append(self._number(name, "score", score))
        self.video.append(str(video))
        self.label.append(str(label))
        self.start.append(first)
        self.end.append(last)

    def build(self) -> Segments:
        """All rows."""
        return Segments.build(self.video, self.label, self.start, self.end, self.score)

    def _number(self, name: str, what: str, value: Any) -> float:
        try:
            number = math.nan if isinstance(value, bool) else float(value)
        except (TypeError, ValueError):
            number = math.nan
        if not math.isfinite(number):
            raise WtalError(
                f"{self.path}: {name} has the {what} {value!r}, which is no finite number. "
                "Correct or remove that row."
            )
        return number


def set_ambiguous_apart(segments: Segments) -> tuple[Segments, Segments]:
    """The instances, and the rows whose label is Ambiguous: some packages keep these among them."""
    unsure_N = np.array([str(label).lower() == AMBIGUOUS for label in segments.label], dtype=bool)
    return segments.take(~unsure_N), segments.take(unsure_N)
