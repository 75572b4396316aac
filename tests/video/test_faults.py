"""Broken and odd files: each is named with its code and remedy, or decodes right; none hangs."""

from pathlib import Path

import av
import numpy as np
import pytest

from tests.video.films import picture, write_film, write_sound
from wtal_core.errors import BadVideo
from wtal_core.schema.video import VideoParams
from wtal_core.video.decode import Tally, decode, probe
from wtal_core.video.extract import extract_frames
from wtal_core.video.frames import read_frames

PICTURES = [picture(i) for i in range(40)]


def fault(path: Path) -> BadVideo:
    """The BadVideo that decoding `path` ends in; both entries must agree on files not opened."""
    with pytest.raises(BadVideo) as caught:
        for _ in decode(path):
            pass
    assert caught.value.file == str(path)
    assert path.name in str(caught.value)
    assert caught.value.remedy
    return caught.value


def cut(path: Path, share: float) -> Path:
    """Keep the first `share` of a file."""
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    return path


def test_mp4_cut_before_its_index_cannot_be_opened(tmp_path: Path) -> None:
    film = write_film(tmp_path / "a.mp4", PICTURES)
    error = fault(cut(film, 0.9 * film.read_bytes().index(b"moov") / film.stat().st_size))
    assert error.code == "E101"
    assert "moov" in error.cause


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("a.mp4", "libx264", {"movflags": "faststart"}),
        ("a.mov", "libx264", {"movflags": "faststart"}),
        ("a.mkv", "libx264", {}),
        ("a.webm", "libvpx", {}),
        ("a.avi", "mpeg4", {}),
    ],
)
def test_a_playable_prefix_is_not_taken_for_the_whole(
    tmp_path: Path, name: str, codec: str, options: dict[str, str]
) -> None:
    film = write_film(tmp_path / name, PICTURES, None, codec, "yuv420p", **options)
    assert sum(1 for _ in decode(film)) == 40
    error = fault(cut(film, 0.6))
    assert error.code == "E106"
    assert "missing" in error.cause


def test_empty_text_and_missing_files(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("not a film at all\n" * 100)
    assert fault(tmp_path / "empty.mp4").code == "E102"
    assert fault(tmp_path / "text.mp4").code == "E102"
    assert fault(tmp_path / "none.mp4").code == "E109"
    assert fault(tmp_path).code == "E109"
    (tmp_path / "loose.mp4").symlink_to(tmp_path / "gone")
    assert fault(tmp_path / "loose.mp4").code == "E109"


@pytest.mark.parametrize(
    "text",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\n{film}\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile '{film}'\n",
        "1\n00:00:01,000 --> 00:00:02,000\nhello\n\n",
        "\x1b[31mcoloured\x1b[0m\n",
    ],
    ids=["playlist", "concat", "subtitles", "ansi art"],
)
def test_text_that_ffmpeg_would_play_is_refused(tmp_path: Path, text: str) -> None:
    film = write_film(tmp_path / "secret.mp4", PICTURES[:3])
    (tmp_path / "a.mp4").write_text(text.format(film=film) * 20)
    assert fault(tmp_path / "a.mp4").code == "E102"


def test_sound_without_pictures(tmp_path: Path) -> None:
    error = fault(write_sound(tmp_path / "a.mp4"))
    assert error.code == "E103"
    assert "audio" in error.cause


def test_a_cover_is_no_film(tmp_path: Path) -> None:
    path = tmp_path / "song.mp4"
    with av.open(str(write_sound(tmp_path / "a.mp4"))) as source, av.open(str(path), "w") as target:
        sound = target.add_stream_from_template(source.streams.audio[0])
        cover = target.add_stream("mjpeg", rate=25)
        cover.height, cover.width, cover.pix_fmt = 24, 24, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        image = av.VideoFrame.from_ndarray(np.zeros((24, 24, 3), np.uint8), format="rgb24")
        target.mux(cover.encode(image))
        target.mux(cover.encode())
        for packet in source.demux(audio=0):
            if packet.dts is not None:
                packet.stream = sound
                target.mux(packet)
    with av.open(str(path)) as container:
        assert len(container.streams.video) == 1
    assert fault(path).code == "E103"


def test_a_few_broken_packets_are_counted_many_are_too_many(tmp_path: Path) -> None:
    pictures = [picture(i % 40) for i in range(300)]
    film = write_film(tmp_path / "a.mkv", pictures, codec="mjpeg", pix_fmt="yuvj420p")
    with av.open(str(film)) as container:
        places = [(p.pos, p.size) for p in container.demux(video=0) if p.size]
    content = film.read_bytes()

    def spoil(numbers: list[int]) -> None:
        spoilt = bytearray(content)
        for number in numbers:
            start = spoilt.index(b"\xff\xd8\xff", places[number][0])
            spoilt[start : start + places[number][1] - 16] = bytes(places[number][1] - 16)
        film.write_bytes(spoilt)

    tally = Tally()
    spoil([100, 200])
    assert sum(1 for _ in decode(film, tally)) == 298
    assert (tally.frames, tally.broken) == (298, 2)
    spoil([50, 100, 150, 200])
    error = fault(film)
    assert error.code == "E104"
    assert "4 packets" in error.cause


@pytest.mark.parametrize("count", [1, 2, 7])
def test_a_film_shorter_than_a_snippet_is_a_film(tmp_path: Path, count: int) -> None:
    film = write_film(tmp_path / "a.mp4", PICTURES[:count])
    done = extract_frames(film, tmp_path / "a.mkv", VideoParams(short_side=0, crop=16))
    assert (done.frames, done.decoded, done.broken) == (count, count, 0)
    assert done.duration_s == pytest.approx(count / 25)
    assert read_frames(tmp_path / "a.mkv").shape == (count, 36, 52, 3)


@pytest.mark.parametrize(("height", "width"), [(35, 51), (2, 2), (17, 96), (240, 3)])
def test_odd_sizes(tmp_path: Path, height: int, width: int) -> None:
    flat = np.full((height, width, 3), (200, 90, 30), np.uint8)
    film = write_film(tmp_path / "a.mkv", [flat] * 3, codec="ffv1", pix_fmt="yuv444p")
    params = VideoParams(fps=50.0, short_side=24, crop=24)
    done = extract_frames(film, tmp_path / "out.mkv", params)
    assert min(done.width, done.height) == 24
    frames = read_frames(tmp_path / "out.mkv")
    assert frames.shape == (6, done.height, done.width, 3)
    assert np.abs(frames.astype(int) - (200, 90, 30)).max() <= 3


def test_a_film_that_changes_its_size_keeps_the_first(tmp_path: Path) -> None:
    both = tmp_path / "both.h264"
    with both.open("wb") as target:
        for scale in (1, 2):
            pictures = [p.repeat(scale, axis=0).repeat(scale, axis=1) for p in PICTURES[:5]]
            target.write(write_film(tmp_path / "one.h264", pictures).read_bytes())
    assert {f.rgb.shape for f in decode(both)} == {(36, 52, 3), (72, 104, 3)}
    extract_frames(both, tmp_path / "out.mkv", VideoParams(short_side=18, crop=18))
    frames = read_frames(tmp_path / "out.mkv")
    assert frames.shape[1:] == (18, 26, 3)
    assert np.abs(frames[2].astype(int) - frames[-3]).mean() < 4  # the same scene


def test_a_clock_that_jumps_is_refused(tmp_path: Path) -> None:
    film = write_film(tmp_path / "a.mkv", PICTURES[:4], [0, 40, 80, 7_200_000])
    error = fault(film)
    assert error.code == "E107"
    assert "7200" in error.cause


def test_names_are_only_names(tmp_path: Path) -> None:
    for name in ("-i.mp4", "a b'c\".mp4", "concat:x|y.mp4", "100%d.mp4", "ü😀\n;$(id).mp4"):
        film = write_film(tmp_path / "plain.mp4", PICTURES[:3]).rename(tmp_path / name)
        assert sum(1 for _ in decode(film)) == 3
        extract_frames(film, tmp_path / f"{name}.mkv", VideoParams(short_side=0, crop=16))
        assert len(read_frames(tmp_path / f"{name}.mkv")) == 3


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.avi", "a.ts", "a.webm"])
def test_mutants_decode_or_are_named(tmp_path: Path, name: str) -> None:
    """Any damage ends in frames or in a BadVideo, and never in more time than there is film."""
    codec = {"avi": "mpeg4", "webm": "libvpx-vp9"}.get(name[2:], "libx264")
    film = write_film(tmp_path / name, PICTURES[:20], codec=codec)
    content = film.read_bytes()
    random = np.random.default_rng(len(name) + ord(name[2]))
    outcomes = set()
    for _ in range(60):
        mutant = bytearray(content)
        for place in random.integers(len(mutant), size=random.choice([1, 4, 30])):
            mutant[place] = random.integers(256)
        if random.random() < 0.3:
            del mutant[random.integers(len(mutant)) :]
        film.write_bytes(mutant)
        try:
            probe(film)
            frames = list(decode(film))
        except BadVideo as error:
            outcomes.add(error.code)
            continue
        outcomes.add("decoded")
        assert frames[0].pts_s == 0
        assert (np.diff([f.pts_s for f in frames]) > 0).all()
    assert len(outcomes) > 1
