"""Corrected segments as labels of snippets: by hand, and against a count of milliseconds."""

import numpy as np
import pytest
import torch

from wtal_core.grid import SnippetGrid
from wtal_core.hard_labels import FREE, constrain, cover, hard_labels
from wtal_core.pseudo_labels import PseudoLabels

SECOND = SnippetGrid(fps=10, window=10, stride=10)  # a snippet is a second
CLASSES = ("hop", "run", "swim")


def test_inside_outside_and_on_the_border() -> None:
    """[1, 3.5) with five snippets: 0 is outside, 1 and 2 inside, half of 3, 4 outside."""
    label_TC = hard_labels({"run": [(1.0, 3.5)]}, ["run"], CLASSES, SECOND, 5)
    assert label_TC.dtype == torch.int8
    assert label_TC[:, 1].tolist() == [0, 1, 1, -1, 0]
    assert (label_TC[:, [0, 2]] == FREE).all()


def test_a_tenth_of_a_snippet_is_none() -> None:
    """A frame more or less, as numbers of frames have it, changes no label."""
    near = hard_labels({"hop": [(0.95, 3.08)]}, ["hop"], CLASSES, SECOND, 4)
    far = hard_labels({"hop": [(0.85, 3.15)]}, ["hop"], CLASSES, SECOND, 4)
    assert near[:, 0].tolist() == [0, 1, 1, 0]
    assert far[:, 0].tolist() == [-1, 1, 1, -1]


def test_segments_that_meet_or_overlap_are_one() -> None:
    apart = hard_labels({"hop": [(0.5, 1.5), (1.5, 3.0)]}, ["hop"], CLASSES, SECOND, 4)
    over = hard_labels({"hop": [(1.0, 3.0), (0.5, 2.0)]}, ["hop"], CLASSES, SECOND, 4)
    assert apart[:, 0].tolist() == over[:, 0].tolist() == [-1, 1, 1, 0]


def test_what_is_not_reviewed_says_nothing_of_the_rest() -> None:
    label_TC = hard_labels({"swim": [(1.0, 2.5)]}, [], CLASSES, SECOND, 4)
    assert label_TC[:, 2].tolist() == [FREE, 1, FREE, FREE]
    empty_TC = hard_labels({}, ["swim"], CLASSES, SECOND, 2)
    assert empty_TC[:, 2].tolist() == [0, 0]


@pytest.mark.parametrize(("window", "stride"), [(16, 16), (16, 4), (8, 12)])
def test_cover_counts_every_moment_once(window: int, stride: int) -> None:
    """Against the share of 2000 moments of each snippet that lie in any segment."""
    grid, rng = SnippetGrid(25, window, stride, offset=3), np.random.default_rng(window + stride)
    start_N = rng.uniform(0, 6, 5)
    segments = [(s, s + d) for s, d in zip(start_N, rng.uniform(0.05, 2, 5), strict=True)]
    found = cover(segments, grid, 11)
    for i in range(11):
        width = grid.end_s(i) - grid.start_s(i)
        moments = grid.start_s(i) + width * (np.arange(2000) + 0.5) / 2000
        inside = np.any([(moments >= s) & (moments < e) for s, e in segments], axis=0)
        assert found[i] == pytest.approx(inside.mean(), abs=0.005)


def test_constrain_puts_words_over_scores() -> None:
    score_TC = torch.tensor([[0.9, 0.2], [0.05, 0.7], [0.2, 0.1]])
    label_TC = torch.tensor([[1, 0], [0, 0], [-1, 0]], dtype=torch.int8)
    hard_TC = torch.tensor([[0, FREE], [1, FREE], [-1, FREE]], dtype=torch.int8)
    other = PseudoLabels(label_TC.clone(), score_TC)
    (first, second), counts = constrain([PseudoLabels(label_TC, score_TC), other], [hard_TC, None])
    assert first.label_TC.tolist() == [[0, 0], [1, 0], [-1, 0]]
    assert first.score_TC is score_TC
    assert first.given_TC is not None
    assert first.given_TC.tolist() == [[True, False]] * 3
    assert second is other
    assert counts.to_dict() == {
        "videos": 1, "foreground": 1, "background": 1, "uncertain": 1, "changed": 2
    }  # fmt: skip
    assert label_TC[0, 0] == 1  # what came in is as it was
