"""Stored frames and flow come back bit for bit, whole or by number, or with a named error."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.video.films import picture
from wtal_core.errors import WtalError
from wtal_core.video import frames as store

RNG = np.random.default_rng(5)
NOISE = RNG.integers(0, 256, (23, 17, 31, 3), dtype=np.uint8)  # (F, H, W, 3)
FIELDS = RNG.integers(0, 256, (22, 17, 31, 2), dtype=np.uint8)  # (F - 1, H, W, 2)


@pytest.mark.parametrize("fps", [25.0, 29.97, 7.5, 120.0])
def test_frames_come_back(tmp_path: Path, fps: float) -> None:
    path = tmp_path / "a.mkv"
    assert store.write_frames(path, iter(NOISE), fps) == 23
    np.testing.assert_array_equal(store.read_frames(path), NOISE)
    wanted = [20, 0, 7, 7, 22]
    np.testing.assert_array_equal(store.read_frames_at(path, wanted), NOISE[wanted])


def test_flow_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    assert store.write_flow(path, FIELDS) == 22
    np.testing.assert_array_equal(store.read_flow(path), FIELDS)
    np.testing.assert_array_equal(store.read_flow_at(path, np.array([21, 3])), FIELDS[[21, 3]])


def test_seeking_far_into_a_long_file(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    store.write_frames(path, (picture(i, 20, 40) for i in range(400)), 25.0)
    for wanted in ([399], [130, 131, 390], [0]):
        found = store.read_frames_at(path, wanted)
        np.testing.assert_array_equal(found, [picture(i, 20, 40) for i in wanted])


def test_one_frame_and_its_empty_flow(tmp_path: Path) -> None:
    assert store.write_frames(tmp_path / "a.mkv", NOISE[:1], 25.0) == 1
    np.testing.assert_array_equal(store.read_frames(tmp_path / "a.mkv"), NOISE[:1])
    assert store.write_flow(tmp_path / "b.mkv", FIELDS[:0]) == 0
    assert store.read_flow(tmp_path / "b.mkv").shape == (0, 0, 0, 2)


def test_same_frames_same_bytes(tmp_path: Path) -> None:
    for name in ("a.mkv", "b.mkv"):
        store.write_frames(tmp_path / name, NOISE, 25.0)
    assert (tmp_path / "a.mkv").read_bytes() == (tmp_path / "b.mkv").read_bytes()


@pytest.mark.parametrize("wanted", [[23], [-1], [], [3, 99]])
def test_frames_that_are_not_there(tmp_path: Path, wanted: list[int]) -> None:
    store.write_frames(tmp_path / "a.mkv", NOISE, 25.0)
    with pytest.raises(IndexError):
        store.read_frames_at(tmp_path / "a.mkv", wanted)


@pytest.mark.parametrize(
    "frames",
    [
        [],
        [NOISE[0, ..., 0]],
        [NOISE[0].astype(np.float32)],
        [NOISE[0, ..., :2]],
        [NOISE[0], NOISE[1, :5]],
    ],
)
def test_what_is_no_frame_is_refused_and_leaves_nothing(
    tmp_path: Path, frames: list[np.ndarray]
) -> None:
    with pytest.raises(ValueError, match=r"frame|want"):
        store.write_frames(tmp_path / "a.mkv", frames, 25.0)
    assert list(tmp_path.iterdir()) == []


def test_an_error_half_way_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    store.write_frames(path, NOISE[:3], 25.0)

    def broken() -> Iterator[np.ndarray]:
        yield from NOISE[:2]
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        store.write_frames(path, broken(), 25.0)
    np.testing.assert_array_equal(store.read_frames(path), NOISE[:3])
    assert [p.name for p in tmp_path.iterdir()] == ["a.mkv"]


@pytest.mark.parametrize("share", [0.0, 0.4, 0.97])
def test_a_file_cut_short_is_named(tmp_path: Path, share: float) -> None:
    path = tmp_path / "a.mkv"
    store.write_frames(path, NOISE, 25.0)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    for read in (store.read_frames, lambda p: store.read_frames_at(p, [1])):
        with pytest.raises(WtalError, match=r"a\.mkv.*run the stage again"):
            read(path)


def test_a_changed_bit_is_never_silent(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    store.write_frames(path, NOISE[:4], 25.0)
    content = path.read_bytes()
    frame = NOISE[0].size // 2  # well inside the first frame's data, past the header
    other = store.iter_frames(path)
    next(other)  # a second file in the middle of being read must not swallow the complaint
    for place in (600 + frame, len(content) - 600):
        changed = bytearray(content)
        changed[place] ^= 4
        path.write_bytes(changed)
        for _ in range(2):  # FFmpeg would rather not repeat itself
            with pytest.raises(WtalError, match=r"a\.mkv: damaged \(.*run the stage again"):
                store.read_frames(path)
    path.write_bytes(content)
    assert len(list(other)) == 3


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(WtalError, match=r"b\.mkv: missing"):
        store.read_flow(tmp_path / "b.mkv")
