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
