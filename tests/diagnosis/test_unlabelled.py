"""Statistics that need no ground truth, worked out by hand."""

import numpy as np
import pytest
import torch

from wtal_core.diagnosis.unlabelled import (
    agree,
    cover,
    foreground_level,
    label_precision,
    mean_ranks,
    pool_top,
    rank_correlation,
    union_s,
)
from wtal_core.pooling import pool_topk
from wtal_core.pseudo_labels import recentre_odds
from wtal_core.schema.thresholds import ThresholdParams
from wtal_core.segments import Segments

# v: [0, 4] and [2, 5], then [10, 11]; w: [0, 10] with a low score; x: nothing
SEGMENTS = Segments.build(
    ["v", "v", "v", "w"], ["a", "b", "a", "a"], [2, 0, 10, 0], [5, 4, 11, 10], [0.9, 0.6, 0.8, 0.2]
)
DURATIONS = {"v": 20.0, "w": 10.0, "x": 20.0}


def test_the_union_of_overlapping_segments() -> None:
    assert union_s(SEGMENTS.take(SEGMENTS.video == "v")) == pytest.approx(5 + 1)
    nested = Segments.build(["v"] * 3, ["a"] * 3, [0, 1, 9], [10, 2, 12])
    assert union_s(nested) == 12
    assert union_s(Segments.empty()) == 0


def test_the_union_equals_a_count_of_small_steps() -> None:
    rng = np.random.default_rng(3)
    start = rng.integers(0, 80, 30)
    end = start + rng.integers(0, 9, 30)
    covered = {t for a, b in zip(start, end, strict=True) for t in range(a, b)}
    assert union_s(Segments.build(["v"] * 30, ["a"] * 30, start, end)) == len(covered)


def test_coverage_from_a_score_on() -> None:
    found = cover(SEGMENTS, DURATIONS, 0.6)
    assert (found.segments, found.per_video, found.videos_without) == (3, 0, 2)
    assert found.time_share == pytest.approx(6 / 50)
    assert found.length_s == 3  # of 3, 4 and 1 s
    everything = cover(SEGMENTS, DURATIONS, 0.1)
    assert (everything.segments, everything.per_video, everything.videos_without) == (4, 1, 1)
    assert np.isnan(cover(SEGMENTS, DURATIONS, 0.95).length_s)


def test_pooling_is_that_of_the_losses() -> None:
    score_TC = np.random.default_rng(0).random((19, 3))
    expected = pool_topk(torch.from_numpy(score_TC)[None], torch.ones(1, 19, dtype=torch.bool), 8)
    assert pool_top(score_TC, 8) == pytest.approx(expected[0].numpy())
    assert pool_top(score_TC[:2], 8) == pytest.approx(score_TC[:2].max(axis=0))


def test_label_precision_by_hand() -> None:
    score_NC = np.array([[0.9, 0.5, 0], [0.8, 0.5, 0], [0.7, 0.5, 0], [0.1, 0.5, 0]])
    label_NC = np.array([[1, 0, 0], [0, 0, 0], [1, 1, 0], [0, 0, 0]], dtype=np.float32)
    first, second, third = label_precision(score_NC, label_NC)
    assert first == pytest.approx((1 + 2 / 3) / 2)
    assert second == 0.25  # all tie, so the one that has it ranks last
    assert np.isnan(third)


def test_moving_the_threshold_is_moving_the_odds() -> None:
    thresholds = ThresholdParams(delta_h=0.3, delta_l=0.1, theta_cls=0.85, theta_loc=0.45)
    level = foreground_level(0.3, 0.1, True)
    around = torch.tensor([level - 1e-4, level + 1e-4])
    assert (recentre_odds(around, thresholds) > 0.3).tolist() == [False, True]
    assert foreground_level(0.3, 0.1, False) == 0.3


def test_agreement_by_hand() -> None:
    one = [np.array([[0.9, 0.1], [0.8, 0.1]]), np.array([[0.1, 0.1], [0.7, 0.2], [0.2, 0.1]])]
    two = [np.array([[0.5, 0.1], [0.9, 0.3]]), np.array([[0.7, 0.2], [0.8, 0.1], [0.1, 0.1]])]
    jump, spin = agree(one, two, (0.5, 0.6), ["jump", "spin"])
    # jump: first in snippets 0, 1, 3; second in 1, 2, 3
    assert (jump.iou, jump.only_first, jump.only_second) == (0.5, 0.25, 0.25)
    # ranks 5 4 1 3 2 and 2 5 3 4 1: 1 - 6 (9 + 1 + 4 + 1 + 1) / 120
    assert jump.correlation == pytest.approx(1 - 6 * 16 / 120)
    assert np.isnan(spin.iou)


def test_equal_values_share_their_mean_rank() -> None:
    assert mean_ranks(np.array([3.0, 1, 3, 2])).tolist() == [3.5, 1, 3.5, 2]
    assert np.isnan(rank_correlation(np.ones(3), np.arange(3.0)))
    assert rank_correlation(np.array([1.0, 2, 4]), np.array([9.0, 8, 0])) == pytest.approx(-1)
