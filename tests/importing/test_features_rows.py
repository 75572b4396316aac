"""One video's rows: shape, values, streams, length, and what is wrong with each bad file."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.importing.packages import GRID, LENGTHS, files, rows, save
from wtal_core.errors import WtalError
from wtal_core.grid import SnippetGrid
from wtal_core.importing.features_layout import NpyFile, find_package
from wtal_core.importing.features_rows import (
    Claims,
    Unusable,
    check_length,
    explain_lengths,
    find_widths,
    name_columns,
    read_rows,
    resample,
)

CLAIMS = Claims(GRID)


def stored(path: Path, array: np.ndarray) -> NpyFile:
    return NpyFile(path.name, save(path, array))


def test_streams_are_joined_and_cut_to_the_shorter(tmp_path: Path) -> None:
    rgb, flow = rows("a", 4), rows("d", 3)[:9]
    pair = stored(tmp_path / "r.npy", rgb), stored(tmp_path / "f.npy", flow)
    found = read_rows(pair, [4, 3], CLAIMS)
    assert found.dtype == np.float16
    np.testing.assert_array_equal(found, np.hstack([rgb[:9], flow]).astype(np.float16))
    with pytest.raises(Unusable, match="RGB and flow have 11 and 8 snippets"):
        read_rows((pair[0], stored(tmp_path / "f.npy", flow[:8])), [4, 3], CLAIMS)


def test_flow_before_rgb_is_turned(tmp_path: Path) -> None:
    joint = rows("a", 6)
    found = read_rows([stored(tmp_path / "a.npy", joint)], [6], Claims(GRID, ("flow", "rgb")))
    np.testing.assert_array_equal(found, joint[:, [3, 4, 5, 0, 1, 2]].astype(np.float16))


def test_transposed(tmp_path: Path) -> None:
    joint = rows("a", 4)
    found = read_rows([stored(tmp_path / "a.npy", joint.T)], [4], Claims(GRID, transposed=True))
    np.testing.assert_array_equal(found, joint.astype(np.float16))


NAN = rows("a", 4).copy()
NAN[3, 2] = np.nan
HUGE = rows("a", 4).copy()
HUGE[1, 0] = 1e5


@pytest.mark.parametrize(
    ("array", "cause"),
    [
        (rows("a", 4).T, r"shape \(4, 11\), not \(T, 4\); transposed\?"),
        (rows("a", 5), r"shape \(11, 5\), not \(T, 4\)$"),
        (rows("a", 4)[None], r"shape \(1, 11, 4\)"),
        (rows("a", 4)[0], r"shape \(4,\)"),
        (rows("a", 4)[:0], "shape|cannot be read"),
        (rows("a", 4).astype(np.int32), "holds int32, not floating-point"),
        (NAN, "holds nan at snippet 3, column 2"),
        (HUGE, r"size 1e\+05, float16 ends at 65504"),
    ],
)
def test_bad_arrays(tmp_path: Path, array: np.ndarray, cause: str) -> None:
    with pytest.raises(Unusable, match=cause):
        read_rows([stored(tmp_path / "a.npy", array)], [4], CLAIMS)


def test_the_largest_half_is_no_overflow(tmp_path: Path) -> None:
    array = np.full((2, 3), 65504.0)
    assert read_rows([stored(tmp_path / "a.npy", array)], [3], CLAIMS).max() == 65504


@pytest.mark.parametrize("content", [b"", b"no array", b"\x93NUMPY\x01\x00"])
def test_files_that_are_no_arrays(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(Unusable, match=r"a\.npy cannot be read"):
        read_rows([NpyFile("a.npy", tmp_path / "a.npy")], [3], CLAIMS)


def test_a_truncated_array(tmp_path: Path) -> None:
    path = save(tmp_path / "a.npy", rows("a", 4))
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(Unusable, match=r"a\.npy cannot be read"):
        read_rows([NpyFile("a.npy", path)], [4], CLAIMS)


def test_objects_are_not_unpickled(tmp_path: Path) -> None:
    marker = tmp_path / "ran"

    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (marker,)

    np.save(tmp_path / "a.npy", np.array([Trap()], dtype=object), allow_pickle=True)
    with pytest.raises(Unusable, match="cannot be read"):
        read_rows([NpyFile("a.npy", tmp_path / "a.npy")], [4], CLAIMS)
    assert not marker.exists()


def test_lengths_and_durations() -> None:
    """40 snippets of 16 frames at 25 a second are 25.6 s."""
    for length in (38, 40, 42):
        check_length(length, 25.6, CLAIMS)
    for length in (37, 43):
        with pytest.raises(Unusable, match=rf"{length} snippets, but 25\.6 s make 40 \(within 2\)"):
            check_length(length, 25.6, CLAIMS)
    check_length(43, 25.6, Claims(GRID, tolerance=3))
    check_length(99, 25.6, CLAIMS, at_least=True)
    with pytest.raises(Unusable, match="37 snippets"):
        check_length(37, 25.6, CLAIMS, at_least=True)
    # 1 % of a long video: 640 s are 1000 snippets
    check_length(1010, 640.0, CLAIMS)
    with pytest.raises(Unusable, match="within 10"):
        check_length(1011, 640.0, CLAIMS)


def test_a_wrong_stride_is_explained() -> None:
    durations = {name: GRID.extent_s(10 * n) for name, n in LENGTHS.items()}
    quarter = SnippetGrid(25, 16, 4)
    lengths = {v: quarter.count(round(s * 25)) for v, s in durations.items()}
    hint = explain_lengths(lengths, durations, CLAIMS)
    assert "--stride 4.0" in hint
    assert explain_lengths(lengths, durations, Claims(quarter)) == ""
    assert explain_lengths(lengths, {}, CLAIMS) == ""


def test_arrays_that_lie_the_other_way_round(tmp_path: Path) -> None:
    names = list(LENGTHS)
    package = find_package(files(tmp_path / "right", 6))
    assert find_widths(package, names, CLAIMS) == [6]
    with pytest.raises(WtalError, match="leave --transposed out"):
        find_widths(package, names, Claims(GRID, transposed=True))
    for name in names:
        save(tmp_path / "wrong" / f"{name}.npy", rows(name, 6).T)
    package = find_package(tmp_path / "wrong")
    with pytest.raises(WtalError, match=r"look like 6 columns by snippets.*say --transposed"):
        find_widths(package, names, CLAIMS)
    assert find_widths(package, names, Claims(GRID, transposed=True)) == [6]


@pytest.mark.parametrize(("shape", "turned"), [((512, 40), True), ((40, 512), False)])
def test_a_single_array_is_told_by_the_usual_width(
    tmp_path: Path, shape: tuple[int, int], turned: bool
) -> None:
    save(tmp_path / "a.npy", np.zeros(shape, np.float32))
    package = find_package(tmp_path)
    if turned:
        with pytest.raises(WtalError, match="say --transposed"):
            find_widths(package, ["a"], CLAIMS)
    else:
        assert find_widths(package, ["a"], CLAIMS) == [512]


def test_columns() -> None:
    both = ("rgb", "flow")
    assert name_columns([2048], both, "x") == {"rgb": [0, 1024], "flow": [1024, 2048]}
    assert name_columns([4, 6], both, "x") == {"rgb": [0, 4], "flow": [4, 10]}
    assert name_columns([8], both[::-1], "x") == {"rgb": [0, 4], "flow": [4, 8]}
    assert name_columns([1024], ("flow",), "x") == {"flow": [0, 1024]}
    for widths, streams, cause in (
        ([1024], both, "say which: --streams rgb"),
        ([7], both, "7 columns cannot be two streams"),
        ([4, 4], ("rgb",), "--streams names rgb alone"),
    ):
        with pytest.raises(WtalError, match=cause):
            name_columns(widths, streams, "x")


def test_every_fourth_row_of_a_finer_grid() -> None:
    """Stride 4 to stride 16 at the same rate: the rows whose windows are the same frames."""
    claims = Claims(SnippetGrid(30, 16, 4), resample_to=SnippetGrid(30, 16, 16))
    feat_TD = np.arange(14)[:, None]  # frames 0 to 67: windows of 16 at 0, 16, 32, 48
    assert resample(feat_TD, claims)[:, 0].tolist() == [0, 4, 8, 12]
    assert claims.final_length(14) == 4
    assert resample(feat_TD, Claims(GRID)) is feat_TD


@given(
    st.floats(10, 60), st.integers(1, 32), st.integers(1, 32), st.integers(1, 300),
    st.floats(10, 60), st.integers(1, 32), st.integers(1, 32),
)  # fmt: skip
def test_resampling_takes_the_nearest_centre(
    fps: float, window: int, stride: int, count: int, fps2: float, window2: int, stride2: int
) -> None:
    theirs, ours = SnippetGrid(fps, window, stride), SnippetGrid(fps2, window2, stride2)
    chosen = ours.nearest(theirs, count)
    centre_s = theirs.centre_s(np.arange(count))
    for i in (0, len(chosen) // 2, len(chosen) - 1):
        gap = np.abs(centre_s - ours.centre_s(i))
        assert gap[chosen[i]] <= gap.min() + 1e-6
