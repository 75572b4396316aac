"""Segments refuse what cannot be; temporal IoU by hand and by property."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wtal_core.segments import Segments, tiou_NM

INTERVAL = st.tuples(st.floats(0, 50), st.floats(0, 20)).map(lambda p: (p[0], p[0] + p[1]))


def test_overlap_by_hand() -> None:
    a_N2 = np.array([[0.0, 4.0], [10.0, 12.0]])
    b_M2 = np.array([[2.0, 6.0], [0.0, 4.0], [11.0, 11.5]])
    np.testing.assert_allclose(tiou_NM(a_N2, b_M2), [[1 / 3, 1, 0], [0, 0, 0.25]])


def test_lengths_are_continuous() -> None:
    # with the pixel habit of adding 1 to a length this would be (0.5 + 1) / (1 + 1)
    assert tiou_NM(np.array([[0.0, 1.0]]), np.array([[0.5, 1.0]]))[0, 0] == 0.5


def test_empty_intervals_overlap_nothing_and_divide_by_nothing() -> None:
    point = np.array([[3.0, 3.0]])
    assert tiou_NM(point, np.array([[3.0, 3.0], [0.0, 9.0]])).tolist() == [[0.0, 0.0]]


@given(st.lists(INTERVAL, min_size=1, max_size=5), st.lists(INTERVAL, min_size=1, max_size=7))
def test_overlap_is_symmetric_and_bounded(
    a: list[tuple[float, float]], b: list[tuple[float, float]]
) -> None:
    a_N2, b_M2 = np.array(a), np.array(b)
    table = tiou_NM(a_N2, b_M2)
    assert table.shape == (len(a), len(b))
    np.testing.assert_array_equal(table, tiou_NM(b_M2, a_N2).T)
    assert (table >= 0).all()
    assert (table <= 1 + 1e-12).all()


@given(INTERVAL.filter(lambda s: s[1] - s[0] > 1e-3), st.floats(-9, 9), st.floats(0.1, 9))
def test_overlap_ignores_shift_and_scale(
    interval: tuple[float, float], shift: float, scale: float
) -> None:
    a_N2 = np.array([interval])
    b_M2 = a_N2 + (a_N2[0, 1] - a_N2[0, 0]) / 4
    moved = tiou_NM(a_N2 * scale + shift, b_M2 * scale + shift)
    np.testing.assert_allclose(moved, tiou_NM(a_N2, b_M2), atol=1e-6)


def _three() -> Segments:
    return Segments.build(["v", "w", "v"], ["a", "b", "bb"], [0, 1, 2], [3, 1, 4], [0.5, 0.1, 0.9])


def test_take_and_join() -> None:
    three = _three()
    one = three.take(np.array([2]))
    assert (one.video[0], one.label[0], one.start_s[0], one.end_s[0]) == ("v", "bb", 2.0, 4.0)
    both = Segments.join([three.take(three.video == "v"), Segments.empty(), one])
    assert both.label.tolist() == ["a", "bb", "bb"]
    assert both.seg_N2.tolist() == [[0, 3], [2, 4], [2, 4]]
    assert len(Segments.join([])) == 0


def test_a_segment_without_a_score_counts_as_certain() -> None:
    assert Segments.build(["v"], ["a"], [0], [1]).score.tolist() == [1.0]


@pytest.mark.parametrize(
    ("start", "end", "score", "message"),
    [
        (5, 2, 1, "ends before it starts"),
        (float("nan"), 2, 1, "start_s that is not a number"),
        (0, float("inf"), 1, "end_s that is not a number"),
        (0, 2, float("nan"), "score that is not a number"),
    ],
)
def test_a_bad_segment_is_named(start: float, end: float, score: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        Segments.build(["u", "v7"], ["a", "jump"], [0, start], [1, end], [1, score])
    assert "segment 1 (video 'v7', label 'jump')" in str(caught.value)


def test_columns_of_unequal_length_are_refused() -> None:
    with pytest.raises(ValueError, match="2 segments need 2 values each, got end_s"):
        Segments.build(["u", "v"], ["a", "b"], [0, 0], [1])
