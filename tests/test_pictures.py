"""Pictures of a video: deterministic bytes, and the choice of what can be drawn."""

import numpy as np
import pytest

from wtal_core.grid import SnippetGrid
from wtal_core.pictures import Row, draw_timeline, pick_disjoint
from wtal_core.segments import Segments


def test_of_overlapping_segments_the_best_is_drawn() -> None:
    segments = Segments.build(
        ["v"] * 5,
        ["a", "a", "b", "a", "a"],
        [0, 2, 2, 4, 8],
        [4, 6, 6, 8, 9],
        [0.5, 0.9, 0.2, 0.4, 0.1],
    )
    drawn = pick_disjoint(segments)
    # class b lies in a lane of its own; only the end of 2..6 keeps 0..4 and 4..8 out
    assert drawn.seg_N2.tolist() == [[2, 6], [2, 6], [8, 9]]
    assert drawn.label.tolist() == ["a", "b", "a"]


@pytest.mark.parametrize("classes", [("jump",), ("jump", "run")])
def test_equal_input_gives_equal_bytes(classes: tuple[str, ...]) -> None:
    score_TS = np.linspace(0, 1, 7 * len(classes)).reshape(7, len(classes))
    truth = Segments.build(["v"], ["jump"], [1], [3])
    rows = [Row("one", score_TS, truth), Row("two", 1 - score_TS, Segments.empty())]

    def draw(title: str) -> bytes:
        grid = SnippetGrid(fps=25, window=16, stride=16)
        return draw_timeline(title, 4.2, grid, classes, truth, rows, [("level", 0.3)])

    picture = draw("v")
    assert picture.startswith(b"\x89PNG")
    assert picture == draw("v")
    assert picture != draw("w")
    assert b"matplotlib" not in picture
