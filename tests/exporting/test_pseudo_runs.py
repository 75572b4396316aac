"""Runs of foreground as segments."""

import numpy as np

from wtal_core.exporting.pseudo_runs import runs_of
from wtal_core.grid import SnippetGrid

SECOND = SnippetGrid(fps=10, window=10, stride=10)


def test_runs_by_hand() -> None:
    label_TC = np.array([[1, 0], [1, 1], [-1, 1], [0, 0], [1, 1]], dtype=np.int8)
    score_TC = np.array([[0.5, 0.1], [0.75, 0.6], [0.2, 0.8], [0, 0], [0.9, 0.3]])
    found = runs_of("v", label_TC, score_TC, {"hop": 0, "run": 1}, SECOND, 4.75)
    assert found.label.tolist() == ["hop", "hop", "run", "run"]
    assert found.seg_N2.tolist() == [[0, 2], [4, 4.75], [1, 3], [4, 4.75]]
    np.testing.assert_allclose(found.score, [0.625, 0.9, 0.7, 0.3])
    assert set(found.video.tolist()) == {"v"}


def test_no_class_and_no_foreground() -> None:
    label_TC = np.zeros((3, 2), dtype=np.int8)
    assert len(runs_of("v", label_TC, label_TC, {"hop": 0}, SECOND, 3.0)) == 0
    assert len(runs_of("v", label_TC + 1, label_TC, {}, SECOND, 3.0)) == 0


def test_windows_that_overlap() -> None:
    """A snippet speaks for the stride in the middle of its window: [0.6, 1.0), [1.0, 1.4), ..."""
    grid = SnippetGrid(fps=10, window=16, stride=4)
    label_TC = np.array([[0], [1], [1], [0]], dtype=np.int8)
    found = runs_of("v", label_TC, label_TC, {"hop": 0}, grid, 9.0)
    np.testing.assert_allclose(found.seg_N2, [[1.0, 1.8]])
