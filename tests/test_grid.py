"""Snippet, frame and second, by hand and by property."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wtal_core.grid import SnippetGrid

GRIDS = st.builds(
    SnippetGrid,
    fps=st.floats(1, 60),
    window=st.integers(1, 64),
    stride=st.integers(1, 64),
    offset=st.integers(0, 9),
)


def test_a_run_of_snippets_in_seconds() -> None:
    grid = SnippetGrid(fps=25, window=16, stride=16)
    assert grid.start_s(3) == pytest.approx(1.92)
    assert grid.end_s(5) == pytest.approx(3.84)
    assert grid.centre_s(2) == pytest.approx((16 * 2 + 8) / 25)
    assert grid.centre_frame(2) == 40


def test_seconds_to_snippet_coordinate_as_detectors_of_the_field_do_it() -> None:
    grid = SnippetGrid(fps=1, window=4, stride=2)
    np.testing.assert_allclose(grid.index(np.array([0.0, 2.0, 4.0])), [-1.0, 0.0, 1.0])


def test_a_snippet_speaks_for_the_middle_of_its_window() -> None:
    """Stride 4, window 16, 30 fps: frames 0-15 are read, frames 6-9 are spoken for."""
    grid = SnippetGrid(fps=30, window=16, stride=4)
    assert grid.lead == 6
    assert grid.start_s(0) == pytest.approx(6 / 30)
    assert grid.end_s(0) == pytest.approx(10 / 30)
    assert grid.centre_s(0) == pytest.approx(8 / 30)
    assert grid.end_s(9) == pytest.approx((6 + 40) / 30)
    # fps 1, window 4, stride 2: the snippets at -1, 0, 1 have their centres at 0, 2, 4 seconds
    small = SnippetGrid(fps=1, window=4, stride=2)
    assert [small.start_s(i) for i in (-1, 0, 1)] == [-1, 1, 3]
    assert [small.centre_s(i) for i in (-1, 0, 1)] == [0, 2, 4]


def test_the_ends_of_a_video_that_no_snippet_speaks_for() -> None:
    """100 frames: windows from 0 to 84, so frames 6 to 94; the others lie within a window alone."""
    grid = SnippetGrid(fps=30, window=16, stride=4)
    count = grid.count(100)
    assert count == 22
    assert (grid.start_s(0) * 30, grid.end_s(count - 1) * 30) == pytest.approx((6, 94))
    assert grid.extent_s(count) * 30 == pytest.approx(100)


@given(st.floats(1, 60), st.integers(1, 64), st.integers(0, 9), st.integers(0, 500))
def test_nothing_moves_where_stride_is_window(fps: float, window: int, offset: int, i: int) -> None:
    """To the last bit: features and scores made before stay what they were."""
    grid = SnippetGrid(fps, window, window, offset)
    assert grid.start_s(i) == (offset + i * window) / fps
    assert grid.end_s(i) == (offset + (i + 1) * window) / fps


@given(GRIDS, st.integers(0, 500))
def test_a_snippet_lies_round_its_centre(grid: SnippetGrid, i: int) -> None:
    middle_s = (grid.start_s(i) + grid.end_s(i)) / 2
    assert middle_s == pytest.approx(grid.centre_s(i), abs=1e-9)


def test_nearest_snippets_of_another_grid() -> None:
    coarse, fine = SnippetGrid(30, 16, 16), SnippetGrid(30, 16, 4)
    # 14 fine windows reach to frame 68; coarse centres 8 24 40 56 are fine snippets 0 4 8 12
    assert coarse.nearest(fine, 14).tolist() == [0, 4, 8, 12]
    # fine centres 8 12 16 20 24 28 32 36 40; coarse 8 24 40; of two equally near the later one
    assert fine.nearest(coarse, 3).tolist() == [0, 0, 1, 1, 1, 1, 2, 2, 2]
    # another rate: centres at 8/30, 40/30 of a second; ours at .32 and .96
    assert SnippetGrid(25, 16, 16).nearest(SnippetGrid(30, 16, 32), 2).tolist() == [0, 1]
    # a video shorter than our window still has one snippet
    assert SnippetGrid(25, 64, 64).nearest(coarse, 1).tolist() == [0]


@pytest.mark.parametrize(
    ("n_frames", "expected"),
    [(1, 1), (15, 1), (16, 1), (19, 1), (20, 2), (31, 4), (32, 5), (33, 5)],
)
def test_count_with_overlapping_windows(n_frames: int, expected: float) -> None:
    assert SnippetGrid(fps=25, window=16, stride=4).count(n_frames) == expected


def test_the_offset_moves_everything() -> None:
    grid = SnippetGrid(fps=10, window=4, stride=4, offset=6)
    assert grid.start_s(0) == pytest.approx(0.6)
    assert grid.centre_frame(1) == 12
    assert grid.extent_s(3) == pytest.approx(1.8)
    assert [grid.count(n) for n in (9, 10, 13, 14)] == [1, 1, 1, 2]


@given(GRIDS, st.integers(1, 2000))
def test_all_windows_fit_and_one_more_would_not(grid: SnippetGrid, n_frames: int) -> None:
    count = grid.count(n_frames)
    last = grid.offset + (count - 1) * grid.stride + grid.window
    assert count == 1 or last <= n_frames
    assert last + grid.stride > n_frames


@given(GRIDS, st.floats(-50, 5000))
def test_index_inverts_centre(grid: SnippetGrid, i: float) -> None:
    assert grid.index(grid.centre_s(i)) == pytest.approx(i, abs=1e-6)


@given(GRIDS, st.integers(0, 500))
def test_snippets_tile_the_time(grid: SnippetGrid, i: int) -> None:
    assert grid.end_s(i) == pytest.approx(grid.start_s(i + 1))
    assert grid.start_s(i) < grid.end_s(i)


@given(GRIDS)
def test_a_grid_survives_its_own_dictionary(grid: SnippetGrid) -> None:
    assert SnippetGrid.from_dict(grid.to_dict()) == grid


@pytest.mark.parametrize(
    "wrong",
    [{"fps": 0}, {"fps": float("nan")}, {"window": 0}, {"stride": 0}, {"offset": -1}],
)
def test_an_impossible_grid_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="snippet grid needs"):
        SnippetGrid(**{"fps": 25.0, "window": 16, "stride": 16, **wrong})


def test_no_frames_and_missing_facts_are_refused() -> None:
    with pytest.raises(ValueError, match="n_frames = 0"):
        SnippetGrid(25, 16, 16).count(0)
    with pytest.raises(ValueError, match="stride"):
        SnippetGrid.from_dict({"fps": 25, "window": 16})
