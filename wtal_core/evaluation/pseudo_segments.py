"""How good pseudo-segments are: precision and recall against the instances, at one tIoU.

Letters: N pseudo-segments, G instances, Q pairs of both.
"""

from dataclasses import dataclass

import numpy as np

from wtal_core.evaluation.matching import Rows, overlapping_pairs, split
from wtal_core.segments import Segments


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
    classes = sorted({*truth.label.tolist(), *found.label.tolist()})
    videos = sorted({*truth.video.tolist(), *found.video.tolist()})
    right = reached = 0
    for ours, theirs in zip(
        split(found, classes, videos), split(truth, classes, videos), strict=True
    ):
        some_right, some_reached = _hits(ours, theirs, tiou)
        right, reached = right + some_right, reached + some_reached
    return SegmentQuality(len(found), len(truth), right, reached)


def _hits(found: Rows, actual: Rows, tiou: float) -> tuple[int, int]:
    found_Q, actual_Q, tiou_Q = overlapping_pairs(found, actual)
    enough_Q = tiou_Q >= tiou
    return len(np.unique(found_Q[enough_Q])), len(np.unique(actual_Q[enough_Q]))
