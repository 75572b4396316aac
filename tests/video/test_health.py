"""Health of a film: what it holds beside what its header says."""

from pathlib import Path

import numpy as np
import pytest

from tests.video.films import picture, turn, write_film
from wtal_core.errors import BadVideo
from wtal_core.video.codecs import NEEDED, lacking_codecs, library_versions
from wtal_core.video.health import examine

PICTURES = [picture(n) for n in range(30)]


@pytest.mark.parametrize(
    ("matrix", "rotation", "mirrored"),
    [
        ((1, 0, 0, 1), 0, False),
        ((0, 1, -1, 0), 90, False),
        ((-1, 0, 0, -1), 180, False),
        ((0, -1, 1, 0), 270, False),
        ((1, 0, 0, -1), 0, True),
    ],
)
def test_rotation(
    tmp_path: Path, matrix: tuple[int, int, int, int], rotation: int, mirrored: bool
) -> None:
    film = turn(write_film(tmp_path / "a.mp4", PICTURES), matrix)
    found = examine(film)
    assert (found.rotation, found.mirrored) == (rotation, mirrored)
    assert (found.width, found.height) == ((36, 52) if rotation % 180 else (52, 36))


def test_a_plain_film(tmp_path: Path) -> None:
    found = examine(write_film(tmp_path / "a.mp4", PICTURES))
    assert (found.frames, found.broken, found.complaints) == (30, 0, 0)
    assert (found.duration_s, found.fps, found.header_fps) == (1.2, 25.0, 25.0)
    assert (found.header_frames, found.header_s) == (30, 1.2)
    assert (found.odd_gaps, found.variable, found.longest_gap_s) == (0, False, 0.04)
    assert (found.video_streams, found.sounds, found.codec) == (1, 0, "h264")
    assert "mp4" in found.container


def test_milliseconds_are_no_variable_rate(tmp_path: Path) -> None:
    # 30 frames a second on a clock of whole milliseconds: gaps of 33 and 34
    times = [round(1000 * n / 30) for n in range(30)]
    found = examine(write_film(tmp_path / "a.mkv", PICTURES, times))
    assert (found.odd_gaps, found.variable) == (0, False)
    assert found.fps == pytest.approx(30, rel=0.01)


def test_one_lost_frame_is_odd_but_not_variable(tmp_path: Path) -> None:
    pictures = [picture(n % 30) for n in range(150)]
    times = [40 * (n + (n > 70)) for n in range(150)]
    found = examine(write_film(tmp_path / "a.mkv", pictures, times))
    assert (found.odd_gaps, found.variable, found.longest_gap_s) == (1, False, 0.08)


def test_every_third_gap_is_variable(tmp_path: Path) -> None:
    found = examine(
        write_film(tmp_path / "a.mkv", PICTURES, [40 * n + 20 * (n // 3) for n in range(30)])
    )
    assert (found.odd_gaps, found.variable) == (9, True)


def test_one_frame(tmp_path: Path) -> None:
    found = examine(write_film(tmp_path / "a.mkv", PICTURES[:1]))
    assert (found.frames, found.fps, found.longest_gap_s, found.variable) == (1, 0.0, 0.0, False)


def test_a_size_that_changes(tmp_path: Path) -> None:
    both = tmp_path / "both.h264"
    with both.open("wb") as target:
        for scale in (1, 2):
            grown = [np.kron(p, np.ones((scale, scale, 1), np.uint8)) for p in PICTURES[:5]]
            target.write(write_film(tmp_path / "one.h264", grown).read_bytes())
    found = examine(both)
    assert (found.resized, found.width, found.height) == (True, 52, 36)


def test_no_film(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("no film")
    with pytest.raises(BadVideo, match="E102"):
        examine(tmp_path / "a.mp4")


def test_codecs(monkeypatch: pytest.MonkeyPatch) -> None:
    assert lacking_codecs() == []
    assert library_versions()["libavcodec"].count(".") == 2
    monkeypatch.setattr("av.codecs_available", {"ffv1", "h264"})
    assert lacking_codecs() == [name for name in NEEDED if name not in ("ffv1", "h264")]
