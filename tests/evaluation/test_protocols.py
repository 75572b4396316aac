"""Protocols: what becomes of segments before matching, the order of ties, recall; by hand."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wtal_core.evaluation.detection import evaluate_detections, rank_detections
from wtal_core.evaluation.protocols import PROTOCOLS, drop_duplicates, prepare, touches
from wtal_core.schema.evaluation import EvaluationParams
from wtal_core.segments import Segments

Rows = list[Any]


def _table(rows: Rows) -> Segments:
    """Segments from (video, label, start, end[, score]) rows."""
    columns: list[Any] = list(zip(*rows, strict=True)) if rows else [[]] * 5
    return Segments.build(*columns)


def test_the_schema_knows_every_protocol() -> None:
    for name in PROTOCOLS:
        assert EvaluationParams(protocol=name).protocol == name  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=", ".join(PROTOCOLS)):
        EvaluationParams(protocol="coco")  # type: ignore[arg-type]


def test_official_ties_are_activitynets_alone() -> None:
    one = _table([("v", "a", 0, 10)])
    with pytest.raises(ValueError, match="thumos14 has its own"):
        evaluate_detections(one, one, [0.5], "thumos14", ties="official")
    with pytest.raises(ValueError, match="stable or official, got 'random'"):
        evaluate_detections(one, one, [0.5], ties="random")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"evaluation\.ties"):
        EvaluationParams(protocol="thumos14", ties="official")
    with pytest.raises(ValueError, match=r"evaluation\.ties"):
        EvaluationParams(ties="random")  # type: ignore[arg-type]


def test_the_grid_by_hand() -> None:
    """16 frames at 25 per second: 0.64 s a snippet."""
    # 1.5 and 2.5 snippets are halves and go to 2, the even neighbour of both; 4.6875 rounds to 5
    truth = _table([("v", "a", 0.96, 3.0), ("v", "a", 1.6, 3.0)])
    found = _table([("v", "a", 1.28, 3.2, 0.9), ("v", "a", 1.0, 3.2, 0.8)])
    found, truth = prepare(found, truth, Segments.empty(), PROTOCOLS["wtalc-grid"])
    assert truth.start_s.tolist() == [2, 2]
    assert truth.end_s.tolist() == [5, 5]
    # whole snippets come out whole, others are not rounded
    assert found.start_s.tolist() == [2, 1.5625]
    assert found.end_s.tolist() == [5, 5]
    assert found.score.tolist() == [0.9, 0.8]


@pytest.mark.parametrize("snippet", [3, 7, 57, 1023, 2599])
def test_snippets_survive_the_way_through_seconds(snippet: int) -> None:
    found = _table([("v", "a", snippet * 16 / 25, (snippet + 1) * 0.64, 1.0)])
    found, _ = prepare(found, found, Segments.empty(), PROTOCOLS["wtalc-grid"])
    assert found.start_s.tolist() == [snippet]
    assert found.end_s.tolist() == [snippet + 1]


def test_the_grid_decides() -> None:
    """In seconds these overlap by 2 / 3, on the grid they are the same."""
    truth, found = _table([("v", "a", 0.0, 1.92)]), _table([("v", "a", 0.0, 1.28, 1.0)])
    assert evaluate_detections(found, truth, [0.7]).ap_CK.tolist() == [[0.0]]
    truth = _table([("v", "a", 0.3, 1.5)])  # snippets 0.47 to 2.34
    assert evaluate_detections(found, truth, [0.7]).ap_CK.tolist() == [[0.0]]
    assert evaluate_detections(found, truth, [0.99], "wtalc-grid").ap_CK.tolist() == [[1.0]]


def test_predictions_on_ambiguous_snippets_are_dropped_even_hits() -> None:
    """Ambiguous is 6.5 to 8.1 s: snippets 10 to 13. The second prediction is the hit."""
    truth = _table([("v", "a", 8.32, 16.0), ("w", "a", 0.0, 6.4)])  # snippets 13 to 25, 0 to 10
    found = _table(
        [
            ("v", "a", 5.0, 6.5, 0.9),  # 7.8 to 10.2, hence snippets 7 to 10: they only meet
            ("v", "a", 8.0, 16.0, 0.8),  # 12.5: it begins in an ambiguous snippet
            ("w", "a", 6.5, 8.1, 0.7),  # another video
            ("w", "a", 0.0, 6.4, 0.6),
        ]
    )
    unsure = _table([("v", "", 6.5, 8.1)])
    kept, _ = prepare(found, truth, unsure, PROTOCOLS["wtalc-grid"])
    assert kept.score.tolist() == [0.9, 0.7, 0.6]
    result = evaluate_detections(found, truth, [0.5], "wtalc-grid", unsure)
    np.testing.assert_allclose(result.ap_CK, [[(1 / 3) / 2]])
    # the same intervals under the other protocols
    assert evaluate_detections(found, truth, [0.5], "activitynet", unsure).ap_CK[0, 0] == 0.5
    spared = evaluate_detections(found, truth, [0.5], "thumos14", unsure).ap_CK
    np.testing.assert_allclose(spared, [[(1 / 2 + 2 / 4) / 2]])


def test_a_whole_class_may_lose_its_predictions() -> None:
    truth = _table([("v", "a", 0, 10), ("v", "b", 20, 30)])
    found = _table([("v", "a", 0, 10, 0.5), ("v", "b", 20, 30, 0.5)])
    unsure = _table([("v", "", 19, 29)])
    assert evaluate_detections(found, truth, [0.5], "wtalc-grid", unsure).ap_CK.tolist() == [
        [1.0],
        [0.0],
    ]


def test_touching_needs_shared_time() -> None:
    unsure = _table([("v", "", 5, 8), ("v", "", 20, 21), ("w", "", 0, 99)])
    rows = [("v", "a", *t) for t in ((3, 5), (3, 5.1), (7, 9), (8, 20), (1, 30), (6, 6))]
    assert touches(_table([*rows, ("u", "a", 5, 8)]), unsure).tolist() == [
        False, True, True, False, True, False, False,
    ]  # fmt: skip


def test_duplicates_by_hand() -> None:
    rows = [
        ("v", "a", 1.0, 2.0),
        ("v", "a", 1.0005, 1.9995),  # a duplicate of the first
        ("v", "a", 1.0015, 2.0),  # not of the first; the second, which it repeats, is gone
        ("v", "b", 1.0, 2.0),  # another class
        ("w", "a", 1.0, 2.0),  # another video
        ("v", "a", 1.0, 2.5),
        ("v", "a", 3.0, 3.0005),  # shorter than a millisecond
        ("w", "a", 1.0, 2.0),
    ]
    kept = drop_duplicates(_table(rows))
    assert list(zip(kept.video, kept.label, kept.start_s, kept.end_s, strict=True)) == [
        rows[i] for i in (0, 2, 3, 4, 5)
    ]
    # without the rule the twin could never be found, too
    truth, found = _table(rows[:2]), _table([("v", "a", 1.0, 2.0, 1.0)])
    assert evaluate_detections(found, truth, [0.5]).ap_CK[0, 0] == 0.5
    assert evaluate_detections(found, truth, [0.5], "tad").ap_CK[0, 0] == 1.0


def test_recall_by_hand() -> None:
    # v has two instances of a, w one; so 2 and 1 predictions count at 1x, all at 5x
    truth = _table([("v", "a", 0, 10), ("v", "a", 20, 30), ("w", "a", 0, 10), ("w", "b", 0, 4)])
    found = _table(
        [
            ("v", "a", 50, 60, 0.9),
            ("w", "a", 50, 60, 0.85),
            ("v", "a", 0, 8, 0.8),
            ("v", "a", 20, 30, 0.7),
            ("w", "a", 0, 5, 0.6),
        ]
    )
    result = evaluate_detections(found, truth, [0.5, 0.75], "tad")
    assert result.classes == ("a", "b")
    recall = result.recall()
    # at 1x: v's first instance; at 5x both of v, and w's at .5 alone. b has no prediction
    assert recall[1] == pytest.approx({0.5: (1 / 3) / 2, 0.75: (1 / 3) / 2})
    assert recall[5] == pytest.approx({0.5: (3 / 3) / 2, 0.75: (2 / 3) / 2})
    assert evaluate_detections(found, truth, [0.5]).recall() == {}


def test_one_prediction_recalls_all_it_reaches() -> None:
    truth = _table([("v", "a", 0, 10), ("v", "a", 1, 11), ("v", "a", 40, 50)])
    result = evaluate_detections(_table([("v", "a", 0, 11, 0.5)]), truth, [0.5], "tad")
    assert result.recall()[1] == pytest.approx({0.5: 2 / 3})
    assert result.ap_CK[0, 0] == pytest.approx(1 / 3)


# times and scores of few values, so that ties are common, and more instances of one video than
# numpy sorts by insertion
_TIME = st.tuples(st.integers(0, 9), st.integers(1, 5)).map(lambda p: (p[0], p[0] + p[1]))
_TRUTH = st.tuples(st.just("v"), st.just("a"), _TIME)
_FOUND = st.tuples(st.sampled_from("vw"), st.just("a"), _TIME, st.integers(1, 3))


@settings(max_examples=60, deadline=None)
@given(st.lists(_FOUND, min_size=1, max_size=40), st.lists(_TRUTH, min_size=1, max_size=40))
def test_official_ties_are_those_of_numpys_sort(found: Rows, truth: Rows) -> None:
    predictions = _table([(v, c, *t, s / 4) for v, c, t, s in found])
    instances = _table([(v, c, *t) for v, c, t in truth])
    (ranked,) = rank_detections(predictions, instances, [0.3, 0.6], ties="official")
    order = np.argsort(predictions.score)[::-1]
    assert ranked.found.row_N.tolist() == order.tolist()
    for k, tiou in enumerate((0.3, 0.6)):
        free = np.ones(len(truth), dtype=bool)
        for place, i in enumerate(order):
            overlaps = np.array([_overlap(found[i], instance) for instance in truth])
            wanted = [
                j for j in np.argsort(overlaps)[::-1] if overlaps[j] >= tiou and free[j]
            ] if found[i][0] == "v" else []  # fmt: skip
            assert ranked.hit_KN[k, place] == bool(wanted)
            free[wanted[:1]] = False


def _overlap(a: Any, b: Any) -> float:
    (start_a, end_a), (start_b, end_b) = a[2], b[2]
    shared = max(0.0, min(end_a, end_b) - max(start_a, start_b))
    return shared / ((end_b - start_b) + (end_a - start_a) - shared)


def test_official_ties_can_change_the_figure() -> None:
    truth = _table([("v", "a", 0, 10)])
    found = _table([("v", "a", 0, 10, 0.5), ("v", "a", 20, 30, 0.5)])
    assert evaluate_detections(found, truth, [0.5]).ap_CK[0, 0] == 1.0
    # two scores: numpy leaves them as they are, reversed the second comes first
    assert evaluate_detections(found, truth, [0.5], ties="official").ap_CK[0, 0] == 0.5
