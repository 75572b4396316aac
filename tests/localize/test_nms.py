"""Soft-NMS: by hand and against a slow loop."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wtal_core.localize import nms_kernel
from wtal_core.localize.nms import MANY, pick_compiled, pick_plainly, soft_nms, suppress
from wtal_core.segments import Segments

SIGMA = 0.3
Rows = list[Any]


def test_by_hand() -> None:
    seg_N2 = np.array([[0.0, 4.0], [0.0, 2.0], [10.0, 12.0]])
    kept, score = soft_nms(seg_N2, np.array([0.9, 0.8, 0.5]), SIGMA)
    assert kept.tolist() == [0, 2, 1]  # .8 falls below .5
    np.testing.assert_allclose(score, [0.9, 0.5, 0.8 * math.exp(-0.25 / 0.3)])


def test_equal_scores_keep_the_order_of_the_input() -> None:
    seg_N2 = np.array([[8.0, 9.0], [0.0, 1.0], [4.0, 5.0]])
    assert soft_nms(seg_N2, np.array([0.5, 0.5, 0.5]), SIGMA)[0].tolist() == [0, 1, 2]


def test_min_score_ends_it() -> None:
    seg_N2 = np.array([[0.0, 4.0], [0.0, 4.0]])
    kept, score = soft_nms(seg_N2, np.array([0.9, 0.8]), SIGMA, min_score=0.05)
    assert kept.tolist() == [0]
    assert score.tolist() == [0.9]


def test_nothing_in_nothing_out() -> None:
    kept, score = soft_nms(np.zeros((0, 2)), np.zeros(0), SIGMA)
    assert (len(kept), len(score)) == (0, 0)
    assert len(suppress(Segments.empty(), SIGMA)) == 0


def _slow(segments: Any, scores: list[float], sigma: float) -> Any:
    """The published loop: take the best, lower the rest, in plain Python."""
    left = [[i, *segments[i], scores[i]] for i in range(len(scores))]
    out = []
    while left:
        best = max(left, key=lambda row: (row[3], -row[0]))
        left.remove(best)
        out.append((best[0], best[3]))
        for row in left:
            shared = max(0.0, min(best[2], row[2]) - max(best[1], row[1]))
            union = (best[2] - best[1]) + (row[2] - row[1]) - shared
            row[3] *= math.exp(-((shared / union if union else 0.0) ** 2) / sigma)
    return out


_ROWS = st.lists(
    st.tuples(st.integers(0, 9), st.integers(0, 6), st.integers(1, 5)), min_size=1, max_size=12
)


@settings(max_examples=100, deadline=None)
@given(_ROWS, st.floats(0.1, 2), st.integers(1, 5))
def test_agrees_with_a_slow_loop_and_stopping_early_is_exact(
    rows: Rows, sigma: float, top: int
) -> None:
    seg_N2 = np.array([[s, s + n] for s, n, _ in rows], dtype=float)
    score_N = np.array([v / 5 for *_, v in rows])
    slow = _slow(seg_N2.tolist(), score_N.tolist(), sigma)
    kept, score = soft_nms(seg_N2, score_N, sigma)
    np.testing.assert_allclose(score, [value for _, value in slow], rtol=1e-9)
    assert sorted(kept.tolist()) == list(range(len(rows)))
    first, first_score = soft_nms(seg_N2, score_N, sigma, top=top)
    assert first.tolist() == kept[:top].tolist()
    assert first_score.tolist() == score[:top].tolist()


@settings(max_examples=100, deadline=None)
@given(_ROWS, st.floats(0.1, 2), st.integers(1, 5), st.floats(0, 0.5))
def test_compiled_and_plain_agree_on_few(
    rows: Rows, sigma: float, top: int, min_score: float
) -> None:
    """Equal scores, empty and equal segments included: their order is that of the input."""
    seg_N2 = np.array([[s, s + n] for s, n, _ in rows], dtype=float)
    score_N = np.array([v / 5 for *_, v in rows])
    before = score_N.copy()
    for min_ in (0.0, min_score):
        plain = pick_plainly(seg_N2, score_N, sigma, min_, top)
        ours = pick_compiled(seg_N2, score_N, sigma, min_, min(top, len(rows)))
        assert ours[0].tolist() == plain[0].tolist()
        np.testing.assert_allclose(ours[1], plain[1], rtol=1e-14)
    np.testing.assert_array_equal(score_N, before)


@pytest.mark.parametrize(
    ("mean_s", "top"), [(2.0, 100), (30.0, 140), (2.0, 400), (30.0, 150), (10.0, None)]
)
def test_compiled_and_plain_agree_on_many(mean_s: float, top: int | None) -> None:
    rng = np.random.default_rng(5)
    n = MANY + 321
    start_N = rng.uniform(0, 200, n)
    seg_N2 = np.stack([start_N, start_N + rng.exponential(mean_s, n)], axis=1)
    score_N = rng.random(n)
    kept, score = soft_nms(seg_N2, score_N, 0.5, 0.001, top)
    plain = pick_plainly(seg_N2, score_N, 0.5, 0.001, top or n)
    np.testing.assert_array_equal(kept, plain[0])
    np.testing.assert_allclose(score, plain[1], rtol=0, atol=1e-12)
    assert np.all(np.diff(score) <= 0)


@settings(max_examples=100, deadline=None)
@given(_ROWS, st.floats(0.1, 2), st.integers(1, 12), st.floats(0, 0.5))
def test_both_compiled_ways_give_the_same_bits(
    rows: Rows, sigma: float, top: int, min_score: float
) -> None:
    columns = np.array([[s, s + n, v / 5] for s, n, v in rows], dtype=float).T.copy()
    found = []
    for way in (nms_kernel.pick, nms_kernel.pick_most):
        kept_K, score_K = np.empty(top, np.intp), np.empty(top)
        count = way(*columns.copy(), sigma, min_score, kept_K, score_K)
        found.append((kept_K[:count].tolist(), score_K[:count].tolist()))
    assert found[0] == found[1]


def test_scores_below_zero_rise_and_are_kept_when_asked_for() -> None:
    n = MANY + 1
    score_N = np.full(n, -0.5)
    score_N[n - 1] = 0.25
    seg_N2 = np.stack([np.arange(n) * 2.0, np.arange(n) * 2.0 + 1], axis=1)
    seg_N2[n - 2] = seg_N2[n - 1]  # the best one lifts this one, whose score is below zero
    kept, score = soft_nms(seg_N2, score_N, 0.5, min_score=-1)
    assert kept[:3].tolist() == [n - 1, n - 2, 0]
    np.testing.assert_allclose(score[:3], [0.25, -0.5 * math.exp(-2), -0.5])
    assert soft_nms(seg_N2, score_N, 0.5)[0].tolist() == [n - 1]


def test_numba_is_loaded_for_many_segments_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("numba")

    monkeypatch.setattr("wtal_core.localize.nms.pick_compiled", refuse)
    seg_N2 = np.stack([np.arange(MANY), np.arange(MANY) + 1.0], axis=1)
    assert len(soft_nms(seg_N2[1:], np.ones(MANY - 1), SIGMA)[0]) == MANY - 1
    with pytest.raises(AssertionError, match="numba"):
        soft_nms(seg_N2, np.ones(MANY), SIGMA)


@given(st.lists(st.floats(0.01, 1), min_size=1, max_size=9))
def test_disjoint_segments_are_only_sorted(scores: list[float]) -> None:
    # one threshold gives runs that never overlap: soft-NMS then changes no score
    seg_N2 = np.array([[3.0 * i, 3.0 * i + 2] for i in range(len(scores))])
    kept, score = soft_nms(seg_N2, np.array(scores), SIGMA)
    assert score.tolist() == sorted(scores, reverse=True)
    np.testing.assert_array_equal(np.array(scores)[kept], score)


def test_classes_do_not_suppress_each_other() -> None:
    proposals = Segments.build(
        ["v"] * 4, ["a", "b", "a", "b"], [0, 0, 0, 5], [4, 4, 4, 6], [0.9, 0.8, 0.7, 0.6]
    )
    kept = suppress(proposals, SIGMA, top=3)
    assert kept.label.tolist() == ["a", "b", "b"]
    np.testing.assert_allclose(kept.score, [0.9, 0.8, 0.6])
    everything = suppress(proposals, SIGMA)
    assert everything.score[-1] == pytest.approx(0.7 * math.exp(-1 / SIGMA))
