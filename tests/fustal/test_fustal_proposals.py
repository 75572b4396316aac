"""From scores to proposals: cases computed by hand."""

import tracemalloc
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from wtal_core.fustal.proposals import (
    Proposals,
    choose_classes,
    propose_segments,
    sum_overlap,
    suppress_above,
)
from wtal_core.grid import SnippetGrid
from wtal_core.schema.fustal_propose import FustalProposeParams
from wtal_core.segments import Segments, tiou_NM

GRID = SnippetGrid(fps=4, window=4, stride=4)  # one second a snippet
CLASSES = ("dive", "hop", "run")
PLAIN = FustalProposeParams(
    upsample=1, class_levels=1, class_first=0.5, class_last=0.5, action_levels=0, nms_tiou=1.0,
    oic_margin=0.25, oic_video_weight=0.2,
)  # fmt: skip
# Class 1 is on in snippets 2 and 3, and stretched it is 0 or 1.
SCORE_TC = np.array([[0.0, 1, 9, 0], [0, 1, 9, 0], [0, 5, 0, 0], [0, 5, 0, 0], [0, 1, 0, 0]])[:, :3]
VIDEO_C = np.array([0.1, 0.6, 0.3])


def run(params: FustalProposeParams = PLAIN, labels: Any = ("hop",), **changed: Any) -> Segments:
    return found(params, labels, **changed).segments


def found(params: FustalProposeParams, labels: Any, **changed: Any) -> Proposals:
    given: dict[str, Any] = {"score_TC": SCORE_TC, "action_T": SCORE_TC.sum(1)} | changed
    return propose_segments(
        given["score_TC"], given["action_T"], VIDEO_C, params, GRID,
        video="v", duration_s=given.get("duration_s", 5.0), classes=CLASSES, labels=labels,
    )  # fmt: skip


def rows(found: Segments) -> list[tuple[str, float, float, float]]:
    columns = zip(found.label, found.start_s, found.end_s, found.score, strict=True)
    return [(str(a), float(b), float(c), round(float(d), 6)) for a, b, c, d in columns]


def test_one_run_by_hand() -> None:
    """Inside 1, outside 0 on both sides, and 0.2 of the video-level score 0.6."""
    assert rows(run()) == [("hop", 2.0, 4.0, 1.12)]


def test_levels_on_action_give_runs_that_the_class_scores() -> None:
    """Action is on in snippets 0 and 1, too: class 1 contrasts there by 0 - 1, plus 0.12."""
    params = replace(PLAIN, action_levels=1, action_first=0.6, action_last=0.6)
    found = run(params, action_T=np.array([8.0, 8, 0, 0, 0]))
    assert rows(found) == [("hop", 2.0, 4.0, 1.12), ("hop", 0.0, 2.0, -0.88)]


def test_levels_are_spaced_from_first_to_last() -> None:
    """A ramp 0, .25, .5, .75, 1 cut at 0.1, 0.5 and 0.9: begins at snippets 1, 3 and 4."""
    params = replace(PLAIN, class_levels=3, class_first=0.1, class_last=0.9)
    ramp_TC = np.linspace(0, 4, 5)[:, None] * np.array([[0.0, 1, 0]])
    assert sorted(run(params, score_TC=ramp_TC).start_s) == [1.0, 3.0, 4.0]


def test_upsampling_finds_borders_inside_snippets() -> None:
    """Linear between the centres, 1.5 s and 2.5 s, the rise passes 0.3 at 1.8 s: of the four
    bins a second, that of 1.75 s is the first whose centre lies behind. As far at the other end.
    """
    (found,) = rows(run(replace(PLAIN, upsample=4, class_first=0.3, class_last=0.3)))
    assert found[1:3] == (1.75, 4.25)


def test_a_proposal_ends_with_its_video() -> None:
    (found,) = rows(run(duration_s=3.5))
    assert found[1:3] == (2.0, 3.5)


def test_a_training_video_gets_its_own_labels() -> None:
    assert set(run(labels=("run", "hop")).label) == {"hop", "run"}
    assert choose_classes(VIDEO_C, PLAIN, CLASSES, ("run", "dive")) == [0, 2]
    assert choose_classes(VIDEO_C, replace(PLAIN, labels_only=False), CLASSES, ("dive",)) == [1, 2]


def test_a_label_that_stands_twice_counts_once() -> None:
    assert rows(run(labels=("hop", "hop"))) == rows(run())


def test_a_test_video_gets_what_scores_enough_or_best() -> None:
    assert choose_classes(VIDEO_C, PLAIN, CLASSES, ()) == [1, 2]
    assert choose_classes(VIDEO_C, replace(PLAIN, class_floor=0.7), CLASSES, ()) == [1]


def test_hard_suppression_by_hand() -> None:
    """The second overlaps the best by 0.6, the third the best by 0.5, the fourth nothing kept."""
    seg_N2 = np.array([[0.0, 6.0], [0.0, 10.0], [5.0, 10.0], [2.0, 6.0], [20.0, 21.0]])
    score_N = np.array([0.3, 0.9, 0.8, 0.7, 0.1])
    assert suppress_above(seg_N2, score_N, 0.5).tolist() == [1, 2, 3, 4]
    assert suppress_above(seg_N2, score_N, 0.45).tolist() == [1, 3, 4]
    assert suppress_above(seg_N2, score_N, 1.0).tolist() == [1, 2, 3, 0, 4]
    assert suppress_above(np.zeros((0, 2)), np.zeros(0), 0.5).tolist() == []
    assert suppress_above(seg_N2[[0, 0]], np.array([0.5, 0.5]), 0.5).tolist() == [0]


def test_density_counts_the_runs_that_suppression_dropped() -> None:
    """A ramp cut at 0.1, 0.5 and 0.9: [1, 5), [3, 5), [4, 5), scored by contrast 0.625, 0.375 ...

    The best is what outlasts; its density are both others, 2/4 and 1/4, whatever became of them.
    """
    params = replace(PLAIN, class_levels=3, class_first=0.1, class_last=0.9, nms_tiou=0.0)
    ramp_TC = np.linspace(0, 4, 5)[:, None] * np.array([[0.0, 1, 0]])
    (segment,) = rows((one := found(params, ("hop",), score_TC=ramp_TC)).segments)
    others = {1.0: 2 / 4 + 1 / 4, 3.0: 2 / 4 + 1 / 2, 4.0: 1 / 4 + 1 / 2}
    assert one.density_N.tolist() == pytest.approx([others[segment[1]]])


def test_density_is_of_runs_of_any_class_and_in_the_order_of_the_proposals() -> None:
    score_TC = np.random.default_rng(2).random((25, 3))
    action_T = score_TC.sum(1)
    params = FustalProposeParams(nms_tiou=1.0, max_per_video=10**6)
    every = found(params, ("hop", "run"), score_TC=score_TC, action_T=action_T, duration_s=25.0)
    seg_N2 = every.segments.seg_N2
    slow = [tiou_NM(seg_N2[i : i + 1], np.delete(seg_N2, i, 0)).sum() for i in range(len(seg_N2))]
    assert every.density_N == pytest.approx(slow)
    few = found(
        FustalProposeParams(nms_tiou=0.3, max_per_video=4), ("hop", "run"),
        score_TC=score_TC, action_T=action_T, duration_s=25.0,
    )  # fmt: skip
    of = dict(zip(rows(every.segments), every.density_N, strict=True))
    assert few.density_N == pytest.approx([of[row] for row in rows(few.segments)])
    assert len(few.density_N) == 4


def test_summed_overlap_by_hand() -> None:
    seg_M2 = np.array([[0.0, 4.0], [0.0, 2.0], [3.0, 4.0], [0.0, 4.0]])
    assert sum_overlap(seg_M2, np.array([2, 0])).tolist() == [0.5, 1.75]


def test_nothing_overlaps_by_more_than_it_may() -> None:
    rng = np.random.default_rng(3)
    score_TC = rng.random((40, 3)).cumsum(0) % 1.0
    found = run(
        FustalProposeParams(nms_tiou=0.4), ("hop", "run"), score_TC=score_TC,
        action_T=score_TC.sum(1), duration_s=40.0,
    )  # fmt: skip
    for label in ("hop", "run"):
        one = found.take(found.label == label)
        assert len(one) > 2
        overlap_NN = tiou_NM(one.seg_N2, one.seg_N2)
        np.fill_diagonal(overlap_NN, 0)
        assert overlap_NN.max() <= 0.4
    assert (np.diff(found.score) <= 0).all()


def test_memory_does_not_grow_with_the_square_of_the_runs() -> None:
    """6000 runs in three places: a square of their overlaps alone would take 288 MB."""
    seg_N2 = np.tile([[0.0, 1], [2, 3], [4, 5]], (2000, 1))
    tracemalloc.start()
    try:
        assert suppress_above(seg_N2, np.ones(len(seg_N2)), 0.5).tolist() == [0, 1, 2]
        assert sum_overlap(seg_N2, np.arange(150)).tolist() == [1999.0] * 150
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4e6


def test_at_most_so_many_are_kept() -> None:
    params = FustalProposeParams(max_per_video=2)
    score_TC = np.random.default_rng(0).random((30, 3))
    both = run(params, ("hop", "run"), score_TC=score_TC, action_T=score_TC.sum(1), duration_s=30.0)
    assert len(both) == 2


def test_a_flat_video_has_no_proposal() -> None:
    assert len(run(score_TC=np.ones((5, 3)), action_T=np.ones(5))) == 0


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"score_TC": np.zeros((4, 3))}, "action_T.shape"),
        ({"score_TC": np.zeros((5, 2))}, "3 classes"),
        ({"action_T": np.array([0, 1, np.nan, 0, 0])}, "not a number"),
    ],
)
def test_what_is_refused(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        run(**changed)
