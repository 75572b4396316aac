"""How good pseudo-segments are: precision and recall against the instances, at one tIoU.

Letters: N pseudo-segments, V videos, R resamples of them, Q pairs of a segment and an instance.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wtal_core.evaluation.matching import overlapping_pairs, split
from wtal_core.segments import Floats, Segments


@dataclass(frozen=True)
class SegmentQuality:
    """Counts over all videos and classes."""

    segments: int
    instances: int
    right: int  # segments that overlap an instance of their class and video enough
    reached: int  # instances that some segment overlaps enough

    @property
    def precision(self) -> float:
        """Share of the segments that are right; 0 without any."""
        return self.right / self.segments if self.segments else 0.0

    @property
    def recall(self) -> float:
        """Share of the instances that are reached."""
        return self.reached / self.instances


def measure_segments(found: Segments, truth: Segments, tiou: float) -> SegmentQuality:
    """Segments and instances of one split, held against each other at `tiou` (>=).

    Several segments may be right about one instance: what a student is taught counts here, not
    whether it is said once. Raises ValueError without any instance.
    """
    if not len(truth):
        raise ValueError("there is no instance to measure against")
    videos = sorted({*truth.video.tolist(), *found.video.tolist()})
    counts_V4 = count_segments(found, truth, tiou, videos)
    return SegmentQuality(*counts_V4.sum(axis=0).tolist())


def count_segments(
    found: Segments, truth: Segments, tiou: float, videos: Sequence[str]
) -> NDArray[np.int64]:
    """(V, 4) of each video: segments, instances, right segments, reached instances.

    `videos` names every video of both.
    """
    classes = sorted({*truth.label.tolist(), *found.label.tolist()})
    counts_V4 = np.zeros((len(videos), 4), dtype=np.int64)
    for ours, theirs in zip(
        split(found, classes, videos), split(truth, classes, videos), strict=True
    ):
        found_Q, actual_Q, tiou_Q = overlapping_pairs(ours, theirs)
        right, reached = np.unique(found_Q[tiou_Q >= tiou]), np.unique(actual_Q[tiou_Q >= tiou])
        groups = (ours.video_N, theirs.video_N, ours.video_N[right], theirs.video_N[reached])
        for column, video_N in enumerate(groups):
            counts_V4[:, column] += np.bincount(video_N, minlength=len(videos))
    return counts_V4


def resample_quality(
    counts_V4: NDArray[np.int64], times_RV: NDArray[np.int64]
) -> tuple[Floats, Floats]:
    """(R,) precision and recall where video v counts `times_RV[:, v]` times; NaN for 0 / 0."""
    segments_R, instances_R, right_R, reached_R = (times_RV @ counts_V4).T
    with np.errstate(invalid="ignore"):
        return right_R / segments_R, reached_R / instances_R
