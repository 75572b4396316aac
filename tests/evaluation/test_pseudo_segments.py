"""Precision and recall of pseudo-segments: cases computed by hand."""

import numpy as np
import pytest

from wtal_core.evaluation.pseudo_segments import count_segments, measure_segments, resample_quality
from wtal_core.segments import Segments

TRUTH = Segments.build(["a", "a", "b"], ["hop", "run", "hop"], [0.0, 20.0, 0.0], [10.0, 24.0, 8.0])


def test_by_hand() -> None:
    """Of five, both on a's hop are right (tIoU 1 and exactly .5); one has another label, one is
    of another video, one overlaps too little."""
    found = Segments.build(
        ["a", "a", "a", "b", "b"],
        ["hop", "hop", "hop", "run", "hop"],
        [0.0, 5.0, 20.0, 0.0, 5.0],
        [10.0, 10.0, 24.0, 8.0, 8.0],
    )
    quality = measure_segments(found, TRUTH, 0.5)
    assert (quality.right, quality.reached) == (2, 1)
    assert quality.precision == pytest.approx(2 / 5)
    assert quality.recall == pytest.approx(1 / 3)
    assert measure_segments(found, TRUTH, 0.3).right == 3


def test_one_segment_may_reach_several_instances() -> None:
    twins = Segments.join([TRUTH, TRUTH])
    assert measure_segments(TRUTH.take(TRUTH.video == "b"), twins, 0.5).reached == 2


def test_no_segments_and_no_instances() -> None:
    quality = measure_segments(Segments.empty(), TRUTH, 0.5)
    assert (quality.precision, quality.recall) == (0.0, 0.0)
    with pytest.raises(ValueError, match="no instance"):
        measure_segments(TRUTH, Segments.empty(), 0.5)


def test_resamples_count_a_video_as_often_as_it_is_drawn() -> None:
    """a: 2 of 3 segments right, 1 of 2 instances reached; b: 0 of 2 and 0 of 1; c is empty."""
    found = Segments.build(
        ["a", "a", "a", "b", "b"],
        ["hop", "hop", "hop", "run", "hop"],
        [0.0, 5.0, 20.0, 0.0, 5.0],
        [10.0, 10.0, 24.0, 8.0, 8.0],
    )
    counts_V4 = count_segments(found, TRUTH, 0.5, ["a", "b", "c"])
    assert counts_V4.tolist() == [[3, 2, 2, 1], [2, 1, 0, 0], [0, 0, 0, 0]]
    times_RV = np.array([[1, 1, 1], [2, 1, 0], [0, 3, 0], [0, 0, 3]])
    precision_R, recall_R = resample_quality(counts_V4, times_RV)
    assert precision_R[:3] == pytest.approx([2 / 5, 4 / 8, 0])
    assert recall_R[:3] == pytest.approx([1 / 3, 2 / 5, 0])
    assert np.isnan([precision_R[3], recall_R[3]]).all()
