"""Proposals: by hand and by property."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wtal_core.grid import SnippetGrid
from wtal_core.localize.nms import suppress
from wtal_core.localize.proposals import (
    find_runs,
    propose,
    score_maximum,
    score_outer_inner,
    select_classes,
    stretch,
    upsample_linear,
)
from wtal_core.schema.localize import LocalizeParams
from wtal_core.segments import Floats

GRID = SnippetGrid(fps=25, window=16, stride=16)
PAPER = LocalizeParams(class_selection="paper", proposals="paper")
FACTS = {"video": "v", "classes": ("a", "b", "c"), "theta_cls": 0.85, "theta_loc": 0.45}


def _score(*columns: Any) -> Any:
    return np.array(columns, dtype=float).T


def _propose(
    score_TC: Floats, video_score_C: list[float], params: LocalizeParams, **changes: Any
) -> Any:
    facts = {**FACTS, "duration_s": 100.0, **changes}
    return propose(score_TC, np.array(video_score_C), params, GRID, **facts)


def test_one_threshold_by_hand() -> None:
    score_TC = _score([0.5, 0, 0, 0.6, 0.9, 0.7, 0.45], [0.9] * 7, [0] * 7)
    found = _propose(score_TC, [0.6, 0.3, 0.1], PAPER)
    # snippets 3..5 are 1.92 s to 3.84 s; .45 does not exceed θ_loc; class b is not selected
    assert found.label.tolist() == ["a", "a"]
    np.testing.assert_allclose(found.seg_N2, [[1.92, 3.84], [0, 0.64]])
    assert found.score.tolist() == [0.9, 0.5]


def test_several_thresholds_by_hand() -> None:
    params = LocalizeParams(proposal_thresholds=(0.25, 0.5, 0.6))
    score_TC = _score([0, 0.3, 0.9, 0.3, 0, 0.5, 0], [0] * 7, [0] * 7)
    found = _propose(score_TC, [1.0, 0, 0], params)
    # stretched: 0 .33 1 .33 0 .56 0: two levels share the run of snippet 2, and it is given once
    np.testing.assert_allclose(found.seg_N2, [[1.28, 1.92], [0.64, 2.56], [3.2, 3.84]])
    assert found.score.tolist() == [0.9, 0.9, 0.5]


def test_the_video_ends_where_it_ends() -> None:
    score_TC = _score([0, 0, 0.9, 0.9], [0] * 4, [0] * 4)
    found = _propose(score_TC, [1.0, 0, 0], PAPER, duration_s=2.0)
    np.testing.assert_allclose(found.seg_N2, [[1.28, 2.0]])
    assert len(_propose(score_TC, [1.0, 0, 0], PAPER, duration_s=1.28)) == 0


def test_a_video_of_one_snippet() -> None:
    found = _propose(_score([0.8], [0.1], [0.1]), [0.8, 0.1, 0.1], PAPER, duration_s=0.2)
    np.testing.assert_allclose(found.seg_N2, [[0, 0.2]])


def test_contrast_as_score() -> None:
    params = LocalizeParams(
        proposals="paper", score="oic", oic_margin=0.5, oic_video_weight=0.2, class_floor=0.3
    )
    score_TC = _score([0.1, 0.2, 0.8, 0.6, 0.3, 0], [0] * 6, [0] * 6)
    found = _propose(score_TC, [0.5, 0, 0], params)
    assert found.score[0] == pytest.approx(0.7 - 0.25 + 0.2 * 0.5)


def test_class_selection() -> None:
    default = LocalizeParams()
    assert select_classes(np.array([0.5, 0.3, 0.2]), default, 0.85).tolist() == [0, 1, 2]
    assert select_classes(np.array([0.1, 0.15, 0.12]), default, 0.85).tolist() == [1]
    assert select_classes(np.array([0.5, 0.44, 0.06]), PAPER, 0.85).tolist() == [0, 1]
    assert select_classes(np.array([0.5, 0.42, 0.08]), PAPER, 0.85).tolist() == [0]


def test_stretch() -> None:
    np.testing.assert_allclose(stretch(np.array([0.2, 0.4, 0.6])), [0, 0.5, 1])
    assert stretch(np.full(3, 0.7)).tolist() == [0, 0, 0]


def test_upsampling_is_linear_between_centres() -> None:
    np.testing.assert_allclose(upsample_linear(np.array([0.0, 1.0]), 2), [0, 0.25, 0.75, 1])
    fine = upsample_linear(np.array([0.0, 0.0, 1.0, 1.0, 0.0]), 24)
    assert len(fine) == 120
    assert fine[60 - 12] == pytest.approx(0.5, abs=0.03)  # half way between snippets 1 and 2


def test_upsampled_proposals_lie_between_snippets() -> None:
    params = LocalizeParams(proposals="paper", upsample=4)
    found = _propose(_score([0, 0, 0.9, 0.9, 0, 0], [0] * 6, [0] * 6), [1, 0, 0], params)
    # .9 crosses .45 half way between centres 1 and 2, which is where snippet 2 begins
    np.testing.assert_allclose(found.seg_N2, [[1.28, 2.56]])


def test_contrast_by_hand() -> None:
    score_J = np.array([0.0, 1.0, 1.0, 1.0, 0.5, 0.0])
    begin_N, end_N = np.array([1, 0, 4]), np.array([4, 6, 5])
    # outside 1..3: bins 0 and 4; outside everything: nothing; outside 4: bins 3 and 5
    expected = [1 - 0.25, 3.5 / 6, 0.5 - 0.5]
    np.testing.assert_allclose(score_outer_inner(score_J, begin_N, end_N, 0.25), expected)


SEQUENCE = st.lists(st.integers(0, 6), min_size=1, max_size=20).map(lambda v: np.array(v) / 6)


@settings(deadline=None)
@given(SEQUENCE, st.lists(st.floats(0, 0.99), min_size=1, max_size=4))
def test_runs_and_maxima_agree_with_a_walk(score_J: Floats, levels: list[float]) -> None:
    expected = set()
    for level in levels:
        begin = None
        for j, value in enumerate([*score_J, -1.0]):
            if value > level and begin is None:
                begin = j
            if value <= level and begin is not None:
                expected.add((begin, j))
                begin = None
    begin_N, end_N = find_runs(score_J, np.array(levels))
    assert list(zip(begin_N.tolist(), end_N.tolist(), strict=True)) == sorted(expected)
    maxima = [score_J[b:e].max() for b, e in sorted(expected)]
    assert score_maximum(score_J, begin_N, end_N).tolist() == maxima


@settings(deadline=None)
@given(SEQUENCE)
def test_soft_nms_changes_nothing_after_one_threshold(score_T: Floats) -> None:
    found = _propose(_score(score_T, score_T * 0, score_T * 0), [1, 0, 0], PAPER)
    kept = suppress(found, 0.3)
    assert kept.seg_N2.tolist() == found.seg_N2.tolist()
    assert kept.score.tolist() == found.score.tolist()


@settings(deadline=None)
@given(SEQUENCE, st.integers(1, 5), st.sampled_from(["max", "oic"]))
def test_proposals_lie_in_the_video_and_fall_in_score(
    score_T: Floats, upsample: int, score: Any
) -> None:
    params = LocalizeParams(upsample=upsample, score=score)
    duration_s = len(score_T) * 0.64 - 0.1
    score_TC = _score(score_T, score_T[::-1], score_T * 0)
    found = _propose(score_TC, [0.5, 0.3, 0.0], params, duration_s=duration_s)
    assert (found.start_s >= 0).all()
    assert (found.start_s < found.end_s).all()
    assert (found.end_s <= duration_s).all()
    assert (np.diff(found.score) <= 0).all()
    assert set(found.label.tolist()) <= {"a", "b"}


def test_what_does_not_fit_is_refused() -> None:
    score_TC = np.zeros((4, 3))
    with pytest.raises(ValueError, match=r"video 'v': .*\(4, 3\).*\(2,\)"):
        _propose(score_TC, [0, 0], PAPER)
    with pytest.raises(ValueError, match="2 names for 3 classes"):
        _propose(score_TC, [0, 0, 0], PAPER, classes=("a", "b"))
    score_TC[2, 1] = np.nan
    with pytest.raises(ValueError, match="not a number"):
        _propose(score_TC, [0, 0, 0], PAPER)
