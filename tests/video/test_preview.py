"""What a browser can show of a video: which files it plays, copies, thumbnails."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.video.films import picture, turn, write_film, write_sound
from tests.video.test_decode import CLIPS, VIDEOS
from wtal_core.errors import BadVideo
from wtal_core.video.decode import decode, probe
from wtal_core.video.preview import draw_thumbnail, is_playable, write_preview

TIMES = [0, 40, 100, 400, 420, 1000]  # ms


def film(path: Path, **options: str) -> Path:
    return write_film(path, [picture(n) for n in range(len(TIMES))], TIMES, **options)


@pytest.mark.parametrize(
    ("name", "options", "plays"),
    [
        ("a.mp4", {}, True),
        ("a.MP4", {}, True),
        ("a.mp4", {"pix_fmt": "yuv444p"}, False),
        ("a.mp4", {"codec": "mpeg4"}, False),
        ("a.mkv", {}, False),
        ("a.webm", {"codec": "libvpx-vp9"}, True),
    ],
)
def test_what_plays(tmp_path: Path, name: str, options: dict[str, str], plays: bool) -> None:
    assert is_playable(film(tmp_path / name, **options)) is plays


def test_a_preview_keeps_times_and_uprightness(tmp_path: Path) -> None:
    source = turn(film(tmp_path / "a.mp4"), (0, 1, -1, 0))
    before = source.read_bytes()
    write_preview(source, tmp_path / "b.mp4", 640)
    assert source.read_bytes() == before
    assert is_playable(tmp_path / "b.mp4")
    first, second = list(decode(source)), list(decode(tmp_path / "b.mp4"))
    assert [f.pts_s for f in second] == pytest.approx([t / 1000 for t in TIMES], abs=1e-3)
    assert second[0].rgb.shape == (52, 36, 3)
    apart = first[0].rgb.astype(float) - second[0].rgb
    assert np.abs(apart).mean() < 6


def test_a_preview_is_small_and_even(tmp_path: Path) -> None:
    pictures = [picture(n, height=35, width=121) for n in range(4)]
    source = write_film(tmp_path / "a.avi", pictures, codec="ffv1", pix_fmt="bgr0")
    write_preview(source, tmp_path / "b.mp4", 60)
    info = probe(tmp_path / "b.mp4")
    assert (info.width, info.height, info.codec) == (60, 18, "h264")


def test_equal_films_give_equal_bytes(tmp_path: Path) -> None:
    source = film(tmp_path / "a.avi", codec="mpeg4")
    for name in ("b.mp4", "c.mp4"):
        write_preview(source, tmp_path / name, 640)
    assert (tmp_path / "b.mp4").read_bytes() == (tmp_path / "c.mp4").read_bytes()
    assert draw_thumbnail(source, 30) == draw_thumbnail(source, 30)


def test_a_thumbnail(tmp_path: Path) -> None:
    # stored 52 x 36, shown 36 x 52
    source = turn(film(tmp_path / "a.mp4"), (0, 1, -1, 0))
    small = Image.open(io.BytesIO(draw_thumbnail(source, 72)))
    assert (small.format, small.size) == ("JPEG", (72, 104))


@pytest.mark.reference
@pytest.mark.skipif(not VIDEOS.is_dir(), reason="no ../shared/reference/videos")
@pytest.mark.parametrize("name", [name for name, (count, *_) in CLIPS.items() if count <= 310])
def test_previews_of_real_clips(tmp_path: Path, name: str) -> None:
    source = VIDEOS / name
    write_preview(source, tmp_path / "b.mp4", 200)
    assert is_playable(tmp_path / "b.mp4")
    first = [(frame.pts_s, frame.rgb.shape) for frame in decode(source)]
    second = [(frame.pts_s, frame.rgb.shape) for frame in decode(tmp_path / "b.mp4")]
    assert [s for s, _ in second] == pytest.approx([s for s, _ in first], abs=2e-3)
    (height, width, _), (small, narrow, _) = first[0][1], second[0][1]
    assert max(small, narrow) <= 200
    assert small / narrow == pytest.approx(height / width, rel=0.05)


def test_no_video_no_file(tmp_path: Path) -> None:
    sound = write_sound(tmp_path / "a.mp4")
    with pytest.raises(BadVideo, match="E103"):
        write_preview(sound, tmp_path / "b.mp4", 640)
    with pytest.raises(BadVideo, match="E103"):
        draw_thumbnail(sound, 40)
    assert not (tmp_path / "b.mp4").exists()
