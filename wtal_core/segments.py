"""Labelled intervals in seconds, and their overlap in time.

Letters: N, M segments.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Segments:
    """N segments `[start_s, end_s)` as five columns of length N.

    video, label: names; start_s, end_s: seconds; score: 1 where nothing else is known (ground
    truth). Raises ValueError, naming the first bad segment, for a time or score that is not
    finite and for an end before its start. An empty interval is allowed: it overlaps nothing.
    """

    video: NDArray[np.str_]
    label: NDArray[np.str_]
    start_s: Floats
    end_s: Floats
    score: Floats

    def __post_init__(self) -> None:
        n = len(self.video)
        for name in ("label", "start_s", "end_s", "score"):
            column = getattr(self, name)
            if column.shape != (n,):
                raise ValueError(f"{n} segments need {n} values each, got {name} {column.shape}")
        for name in ("start_s", "end_s", "score"):
            self._refuse(~np.isfinite(getattr(self, name)), f"has a {name} that is not a number")
        self._refuse(self.end_s < self.start_s, "ends before it starts")

    @classmethod
    def build(
        cls,
        video: Sequence[str] | NDArray[np.str_],
        label: Sequence[str] | NDArray[np.str_],
        start_s: ArrayLike,
        end_s: ArrayLike,
        score: ArrayLike | None = None,
    ) -> Segments:
        """Segments from lists; scores are 1 when none are given."""
        starts = np.asarray(start_s, dtype=np.float64)
        scores = np.ones_like(starts) if score is None else np.asarray(score, dtype=np.float64)
        return cls(
            np.asarray(video, dtype=np.str_),
            np.asarray(label, dtype=np.str_),
            starts,
            np.asarray(end_s, dtype=np.float64),
            scores,
        )

    @classmethod
    def empty(cls) -> Segments:
        """No segments."""
        return cls.build([], [], [], [])

    @classmethod
    def join(cls, parts: Sequence[Segments]) -> Segments:
        """All segments of `parts`, in their order."""
        if not parts:
            return cls.empty()
        return cls(
            np.concatenate([part.video for part in parts]),
            np.concatenate([part.label for part in parts]),
            np.concatenate([part.start_s for part in parts]),
            np.concatenate([part.end_s for part in parts]),
            np.concatenate([part.score for part in parts]),
        )

    def __len__(self) -> int:
        return len(self.video)

    @property
    def seg_N2(self) -> Floats:
        """(N, 2) starts and ends, seconds."""
        return np.stack([self.start_s, self.end_s], axis=1)

    def take(self, which: NDArray[np.bool_] | NDArray[np.intp]) -> Segments:
        """The segments at a mask or at indices, in the order of the indices."""
        return Segments(
            self.video[which],
            self.label[which],
            self.start_s[which],
            self.end_s[which],
            self.score[which],
        )

    def _refuse(self, bad_N: NDArray[np.bool_], what: str) -> None:
        if bad_N.any():
            i = int(np.argmax(bad_N))
            raise ValueError(
                f"segment {i} (video {str(self.video[i])!r}, label {str(self.label[i])!r}) {what}: "
                f"got [{self.start_s[i]}, {self.end_s[i]}] with score {self.score[i]}"
            )


def overlap_tiou(
    start_a: Floats | float, end_a: Floats | float, start_b: Floats, end_b: Floats
) -> Floats:
    """Temporal intersection over union of paired intervals, broadcast like any arithmetic.

    Continuous time: no `+ 1` is added to a length. Two empty intervals overlap by 0.
    """
    shared = np.minimum(end_a, end_b) - np.maximum(start_a, start_b)
    shared = np.maximum(shared, 0.0)
    union = (end_a - start_a) + (end_b - start_b) - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def tiou_NM(a_N2: Floats, b_M2: Floats) -> Floats:
    """(N, M) temporal IoU of every segment of `a_N2` with every one of `b_M2`."""
    return overlap_tiou(a_N2[:, None, 0], a_N2[:, None, 1], b_M2[None, :, 0], b_M2[None, :, 1])
