"""Headers and a few frames, beside what full decoding finds."""

from pathlib import Path

import numpy as np
import pytest

from tests.video.films import picture, turn, write_film, write_sound
from wtal_core.errors import BadVideo
from wtal_core.video.decode import decode
from wtal_core.video.glimpse import glimpse, read_header


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds, a key frame every ten frames."""
    path = tmp_path_factory.mktemp("films") / "film.mp4"
    return write_film(path, [picture(i) for i in range(50)], g="10")


def test_the_header(film: Path) -> None:
    header = read_header(film)
    assert (header.width, header.height, header.fps) == (52, 36, 25.0)
    assert header.duration_s == pytest.approx(2.0, abs=0.05)
    assert header.bytes == film.stat().st_size


def test_frames_are_those_of_the_decoder_from_the_key_frame_on(film: Path) -> None:
    all_frames = [frame.rgb for frame in decode(film)]
    seen = glimpse(film, 1.0, 7)
    assert seen.decoded == len(seen.frames) == 7
    (first,) = [i for i, rgb in enumerate(all_frames) if np.array_equal(rgb, seen.frames[0])]
    assert 16 <= first <= 25
    np.testing.assert_array_equal(np.stack(seen.frames), np.stack(all_frames[first : first + 7]))
    assert seen.seconds > 0


def test_a_short_file_gives_what_it_has(film: Path) -> None:
    assert 1 <= len(glimpse(film, 1.9, 30).frames) <= 20


def test_turned_pictures_stand_upright(tmp_path: Path) -> None:
    path = write_film(tmp_path / "turned.mp4", [picture(i) for i in range(4)])
    turn(path, (0, 1, -1, 0))
    assert glimpse(path, 0.0, 1).frames[0].shape == (52, 36, 3)


def test_no_picture_is_named(tmp_path: Path) -> None:
    sound = write_sound(tmp_path / "sound.mp4")
    for look in (read_header, lambda path: glimpse(path, 0.0, 1)):
        with pytest.raises(BadVideo, match="E103"):
            look(sound)
