"""A constant frame rate: which frame each picture is, by hand and against a slow reference."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.video.films import picture, write_film
from wtal_core.video.decode import DecodedFrame, decode
from wtal_core.video.resample import resample, resize, resize_to


def chosen(times: Sequence[float], end: float, fps: float) -> list[int]:
    """Numbers of the frames that `resample` shows."""
    ends = [*times[1:], end]
    frames = (
        DecodedFrame(t, np.full((1, 1, 3), number, np.uint8), e - t)
        for number, (t, e) in enumerate(zip(times, ends, strict=True))
    )
    return [int(rgb[0, 0, 0]) for rgb in resample(frames, fps)]


def slowly(times: Sequence[float], end: float, fps: float) -> list[int]:
    """The rule, word for word."""
    pictures = []
    for k in range(max(1, int(end * fps + 0.5))):
        near = [i for i, t in enumerate(times) if k - 0.5 <= t * fps < k + 0.5]
        before = [i for i, t in enumerate(times) if t * fps < k - 0.5]
        best = min(near, key=lambda i: abs(times[i] * fps - k)) if near else before[-1]
        pictures.append(best)
    return pictures


def test_same_rate_changes_nothing() -> None:
    assert chosen([i / 25 for i in range(7)], 7 / 25, 25) == [0, 1, 2, 3, 4, 5, 6]


def test_half_the_rate_takes_the_frame_at_each_tick() -> None:
    assert chosen([i / 50 for i in range(8)], 8 / 50, 25) == [0, 2, 4, 6]


def test_double_the_rate_repeats() -> None:
    # At 0.02 s the frames at 0 and 0.04 s are as near; a half goes to the later picture.
    assert chosen([0, 0.04, 0.08], 0.12, 50) == [0, 0, 1, 1, 2, 2]


def test_thirty_to_twenty_five() -> None:
    # times in periods: 0 .83 1.67 2.5 3.33 4.17 -> picture 3 is frame 4 (off by .33, not .5)
    assert chosen([i / 30 for i in range(6)], 6 / 30, 25) == [0, 1, 2, 4, 5]


def test_a_long_still_picture_is_held_until_the_next_one_comes() -> None:
    assert chosen([0, 0.04, 2.0], 2.04, 5) == [1 - 1, *[1] * 9] + [2] * 0
    assert chosen([0, 0.4], 0.6, 10) == [0, 0, 0, 0, 1, 1]


def test_one_frame_shorter_than_a_period_gives_one_picture() -> None:
    assert chosen([0], 0.01, 10) == [0]


def test_no_frame_gives_none() -> None:
    assert list(resample([], 25)) == []


@given(
    gaps=st.lists(st.integers(1, 400), min_size=1, max_size=40),
    fps=st.sampled_from([1, 3, 7, 10, 23, 25]),
)
def test_equals_the_slow_rule(gaps: list[int], fps: int) -> None:
    # 1/1024 s steps: exact in binary; odd rates keep clear of ties that rounding decides
    ends = np.cumsum(gaps) / 1024
    times = [0.0, *ends[:-1].tolist()]
    assert chosen(times, float(ends[-1]), fps) == slowly(times, float(ends[-1]), fps)


@pytest.mark.parametrize("fps", [10.0, 25.0, 30.0])
def test_a_flash_in_a_variable_rate_film_stays_at_its_second(tmp_path: Path, fps: float) -> None:
    # a screen recording: bursts at 60 frames/s, stills of seconds, the flash from 5.13 to 5.53 s
    burst = [i * 50 // 3 for i in range(30)]
    times = [*burst, 1900, *[3000 + t for t in burst], 5130, 5530, 6000]
    black, white = np.zeros((32, 32, 3), np.uint8), np.full((32, 32, 3), 255, np.uint8)
    pictures = [white if t == 5130 else black for t in times]
    film = write_film(tmp_path / "screen.mkv", pictures, times)
    bright = [k for k, rgb in enumerate(resample(decode(film), fps)) if rgb.mean() > 128]
    assert bright == list(range(bright[0], bright[-1] + 1))
    assert abs(bright[0] / fps - 5.13) <= 1 / fps
    assert abs((bright[-1] + 1) / fps - 5.53) <= 1 / fps


def test_resize_keeps_the_ratio() -> None:
    rgb = picture(0, 36, 52)
    assert resize(rgb, 18).shape == (18, 26, 3)
    assert resize(rgb.swapaxes(0, 1).copy(), 18).shape == (26, 18, 3)
    assert resize(rgb, 72).shape == (72, 104, 3)
    assert resize(rgb, 0) is rgb
    assert resize(rgb, 36) is rgb
    assert resize_to(rgb, (11, 7)).shape == (7, 11, 3)


def test_shrinking_averages_areas() -> None:
    rgb = np.zeros((4, 6, 3), np.uint8)
    rgb[:2, :2] = [[[40], [60]], [[80], [20]]]
    small = resize(rgb, 2)
    assert small[0, 0].tolist() == [50, 50, 50]
    assert small[1:].max() == small[:, 1:].max() == 0
