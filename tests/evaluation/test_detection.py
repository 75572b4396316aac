"""Average precision: by hand, and against plain Python."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wtal_core.evaluation.detection import average_precision, evaluate_detections
from wtal_core.evaluation.protocols import PROTOCOLS, Protocol
from wtal_core.segments import Segments

TIOUS = (0.3, 0.5, 0.7)
Rows = list[Any]


def _table(rows: Rows) -> Any:
    """Segments from (video, label, start, end[, score]) rows."""
    columns: list[Any] = list(zip(*rows, strict=True)) if rows else [[]] * 5
    return Segments.build(*columns)


def _ap(predictions: Rows, truth: Rows, tious: Any = TIOUS, protocol: str = "activitynet") -> Any:
    return evaluate_detections(_table(predictions), _table(truth), tious, protocol).ap_CK


def test_one_hit_in_two() -> None:
    truth = [("v", "a", 0, 10), ("v", "a", 20, 30)]
    # tIoU 1 and, a duplicate, .5 with the same instance: false
    found = [("v", "a", 0, 10, 0.9), ("v", "a", 0, 5, 0.8)]
    np.testing.assert_allclose(_ap(found, truth), [[0.5, 0.5, 0.5]])


def test_a_duplicate_may_take_the_next_best_instance() -> None:
    truth = [("v", "a", 0, 10), ("v", "a", 4, 14)]
    # both overlap the first instance more; 7/13 with the other one is left to the second
    found = [("v", "a", 0, 10, 0.9), ("v", "a", 1, 11, 0.8)]
    np.testing.assert_allclose(_ap(found, truth), [[1.0, 1.0, 0.5]])


def test_an_instance_is_locked_at_each_threshold_apart() -> None:
    truth = [("v", "a", 0, 10)]
    # the better ranked reaches .4 only, so at .5 the instance is still free for the second
    found = [("v", "a", 0, 4, 0.9), ("v", "a", 0, 8, 0.8)]
    np.testing.assert_allclose(_ap(found, truth), [[1.0, 0.5, 0.5]])


def test_reaching_the_threshold_is_enough_unless_the_protocol_is_strict() -> None:
    truth, found = [("v", "a", 0, 10)], [("v", "a", 0, 5, 1.0)]
    assert _ap(found, truth, [0.5]).tolist() == [[1.0]]
    assert _ap(found, truth, [0.5], "thumos14").tolist() == [[0.0]]


def test_who_chooses_differs_between_protocols() -> None:
    truth = [("v", "a", 0, 10)]
    found = [("v", "a", 0, 8, 0.9), ("v", "a", 0, 10, 0.8)]
    assert _ap(found, truth, [0.5]).tolist() == [[1.0]]  # the better ranked takes the instance
    assert _ap(found, truth, [0.5], "thumos14").tolist() == [[0.5]]  # the instance takes the other


def test_predictions_where_the_class_does_not_occur_are_false() -> None:
    truth = [("v", "a", 0, 10), ("w", "b", 0, 10)]
    found = [("w", "a", 0, 10, 0.9), ("x", "a", 0, 10, 0.8), ("v", "a", 0, 10, 0.7)]
    result = evaluate_detections(_table(found), _table(truth), [0.5])
    assert result.classes == ("a", "b")
    np.testing.assert_allclose(result.ap_CK, [[1 / 3], [0.0]])
    assert result.unknown_videos == ("x",)
    assert result.unknown_labels == ()


def test_a_label_without_instances_is_named_and_left_out() -> None:
    truth, found = [("v", "a", 0, 10)], [("v", "jmup", 0, 10, 0.9), ("v", "a", 0, 10, 0.8)]
    result = evaluate_detections(_table(found), _table(truth), [0.5])
    assert result.unknown_labels == ("jmup",)
    assert result.map() == {0.5: 1.0}


def test_equal_scores_rank_by_video_then_by_order() -> None:
    truth = [("v", "a", 0, 10)]
    first = [("w", "a", 0, 10, 0.5), ("v", "a", 0, 10, 0.5), ("u", "a", 0, 10, 0.5)]
    np.testing.assert_allclose(_ap(first, truth, [0.5]), [[0.5]])  # u (false), v (hit), w
    same = [("v", "a", 20, 30, 0.5), ("v", "a", 0, 10, 0.5)]
    np.testing.assert_allclose(_ap(same, truth, [0.5]), [[0.5]])
    np.testing.assert_allclose(_ap(same[::-1], truth, [0.5]), [[1.0]])


def test_envelope_by_hand() -> None:
    # ranks: hit miss hit miss miss hit; 4 instances. Precision at hits 1, 2/3, 1/2
    hit_KN = np.array([[1, 0, 1, 0, 0, 1]], dtype=bool)
    assert average_precision(hit_KN, ~hit_KN, 4, True) == pytest.approx((1 + 2 / 3 + 1 / 2) / 4)
    # ranks: miss hit hit: precision 1/2, 2/3; the envelope lifts the first to 2/3
    hit_KN = np.array([[0, 1, 1]], dtype=bool)
    assert average_precision(hit_KN, ~hit_KN, 2, True) == pytest.approx(2 / 3)
    assert average_precision(hit_KN, ~hit_KN, 2, False) == pytest.approx((1 / 2 + 2 / 3) / 2)


def test_ambiguous_intervals_spare_misses_only() -> None:
    truth = _table([("v", "a", 0, 10)])
    found = _table([("v", "a", 20, 30, 0.9), ("w", "a", 20, 30, 0.8), ("v", "a", 0, 10, 0.7)])
    ignored = _table([("v", "x", 5, 21)])
    result = evaluate_detections(found, truth, [0.5], "thumos14", ignored)
    assert result.ap_CK.tolist() == [[0.5]]  # only the one of w stands before the hit


def test_averages() -> None:
    truth, found = [("v", "a", 0, 10)], [("v", "a", 0, 5.5, 1.0)]
    result = evaluate_detections(_table(found), _table(truth), [0.3, 0.4, 0.5, 0.6, 0.7])
    assert result.average(0.3, 0.7, 0.1) == pytest.approx(3 / 5)
    with pytest.raises(KeyError):
        result.average(0.1, 0.7, 0.1)


def test_no_predictions_score_zero() -> None:
    assert _ap([], [("v", "a", 0, 10)]).tolist() == [[0.0, 0.0, 0.0]]


def test_what_cannot_be_evaluated_is_refused() -> None:
    one = _table([("v", "a", 0, 10)])
    with pytest.raises(ValueError, match="no ground-truth segment"):
        evaluate_detections(one, Segments.empty(), [0.5])
    with pytest.raises(ValueError, match="wtalc-grid, tad, got 'thumos'"):
        evaluate_detections(one, one, [0.5], "thumos")
    with pytest.raises(ValueError, match=r"got tious = \[0.0\]"):
        evaluate_detections(one, one, [0.0])


def _slow_ap(found: Rows, truth: Rows, label: str, tiou: float, rules: Protocol) -> Any:
    """One class and threshold in plain Python, straight from the rules."""
    found = [row for row in found if row[1] == label]
    rank = sorted(range(len(found)), key=lambda i: (-found[i][4], found[i][0], i))
    found = [found[i] for i in rank]
    truth = [row for row in truth if row[1] == label]

    def overlap(a: Any, b: Any) -> float:
        if a[0] != b[0]:
            return 0.0
        shared = max(0.0, min(a[3], b[3]) - max(a[2], b[2]))
        union = (a[3] - a[2]) + (b[3] - b[2]) - shared
        return shared / union if union else 0.0

    by_prediction = rules.chooser == "prediction"
    choosers, items = (found, truth) if by_prediction else (truth, found)
    taken, hits = set(), set()
    for i, chooser in enumerate(choosers):
        values = [-1.0 if j in taken else overlap(chooser, items[j]) for j in range(len(items))]
        best = int(np.argmax(values)) if values else 0
        if values and (values[best] > tiou if rules.strict else values[best] >= tiou):
            taken.add(best)
            hits.add(i if by_prediction else best)
    precision, seen = [], 0
    for place in range(len(found)):
        seen += place in hits
        precision.append(seen / (place + 1))
    if rules.interpolated:
        precision = [max(precision[i:]) for i in range(len(precision))]
    return sum(precision[i] for i in hits) / len(truth)


# a coarse grid of times and scores makes ties and equal overlaps common
_TIME = st.tuples(st.integers(0, 9), st.integers(0, 5)).map(lambda p: (p[0], p[0] + p[1]))
_TRUTH = st.tuples(st.sampled_from("vw"), st.sampled_from("ab"), _TIME)
_FOUND = st.tuples(st.sampled_from("uvw"), st.sampled_from("abc"), _TIME, st.integers(1, 4))


@settings(max_examples=150, deadline=None)
@given(
    st.lists(_FOUND, max_size=14),
    st.lists(_TRUTH, min_size=1, max_size=9),
    st.sampled_from(["activitynet", "thumos14"]),
)
def test_agrees_with_taking_turns_in_plain_python(found: Rows, truth: Rows, protocol: str) -> None:
    found = [(v, c, *t, s / 4) for v, c, t, s in found]
    truth = [(v, c, *t) for v, c, t in truth]
    tious = (0.2, 0.5, 0.75)
    result = evaluate_detections(_table(found), _table(truth), tious, protocol)
    rules = PROTOCOLS[protocol]
    slow = [[_slow_ap(found, truth, c, t, rules) for t in tious] for c in result.classes]
    np.testing.assert_allclose(result.ap_CK, slow, atol=1e-12)


@given(st.lists(_TRUTH, min_size=1, max_size=9, unique_by=lambda r: r))
def test_the_truth_itself_is_perfect(truth: Rows) -> None:
    truth = [(v, c, s, e + 1) for v, c, (s, e) in truth]
    assert (_ap([(*row, 1.0) for row in truth], truth) == 1).all()
