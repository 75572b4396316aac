"""Seconds to frame numbers and back: constant and variable rates, by hand and at random."""

import numpy as np
import pytest

from wtal_core.exporting.frame_numbers import (
    Clock,
    FileClock,
    SteadyClock,
    to_frames,
    to_seconds,
)

# five frames, on screen from 0, .1, .5, .6 and 2 s, to 2.5 s
UNEVEN = FileClock(np.array([0, 0.1, 0.5, 0.6, 2.0]), 2.5)


def test_fiftyones_documented_example() -> None:
    """[1, 2] s of a video of 29.97 frames a second is the support [31, 60] there."""
    assert to_frames(1, 2, SteadyClock(30000 / 1001)) == (31, 60)


@pytest.mark.parametrize(
    ("segment", "frames"),
    [
        ((0, 2.5), (1, 5)),
        ((0, 0.5), (1, 2)),  # the third begins at its end, so it does not belong to it
        ((0.5, 2), (3, 4)),
        ((0.05, 0.55), (2, 3)),
        ((0.7, 1.9), (4, 4)),  # none begins inside: the one on screen
        ((3, 4), (5, 5)),  # behind the end
    ],
)
def test_a_variable_rate_by_hand(segment: tuple[float, float], frames: tuple[int, int]) -> None:
    assert to_frames(*segment, UNEVEN) == frames


def test_back_to_seconds_by_hand() -> None:
    assert to_seconds(2, 3, UNEVEN) == (0.1, 0.6)
    assert to_seconds(4, 5, UNEVEN) == (0.6, 2.5)
    assert to_seconds(1, 25, SteadyClock(25)) == (0, 1)
    for first, last in ((0, 3), (4, 3)):
        with pytest.raises(ValueError, match="1 <= first <= last"):
            to_seconds(first, last, UNEVEN)


def random_clocks() -> list[Clock]:
    rng = np.random.default_rng(8)
    pts_s = np.concatenate([[0], np.cumsum(rng.uniform(0.01, 0.2, 40))])
    return [FileClock(pts_s, float(pts_s[-1]) + 0.1), *(SteadyClock(f) for f in (25, 23.976, 7.3))]


@pytest.mark.parametrize("clock", random_clocks(), ids=["file", "25", "23.976", "7.3"])
def test_frames_survive_the_way_to_seconds_and_back(clock: Clock) -> None:
    for first in range(1, 41, 3):
        for last in range(first, 41, 4):
            assert to_frames(*to_seconds(first, last, clock), clock) == (first, last)


@pytest.mark.parametrize("clock", random_clocks(), ids=["file", "25", "23.976", "7.3"])
def test_seconds_survive_the_way_to_frames_up_to_a_frame(clock: Clock) -> None:
    longest = 0.2 if isinstance(clock, FileClock) else 1 / 7
    rng = np.random.default_rng(9)
    for start_s, length_s in zip(rng.uniform(0, 2, 50), rng.uniform(0.3, 1, 50), strict=True):
        frames = to_frames(start_s, start_s + length_s, clock)
        back = to_seconds(*frames, clock)
        assert back == pytest.approx((start_s, start_s + length_s), abs=longest)


def test_segments_that_meet_share_no_frame() -> None:
    for clock in random_clocks():
        assert to_frames(0.4, 1.3, clock)[1] + 1 == to_frames(1.3, 2, clock)[0]


def test_what_is_steady() -> None:
    assert FileClock(np.arange(50) / 25, 2.0).steady
    assert FileClock(np.round(np.arange(50) / 24, 3), 50 / 24).steady  # times in milliseconds
    assert not UNEVEN.steady
    assert UNEVEN.rate == 2
    with pytest.raises(ValueError, match="rise"):
        FileClock(np.array([0, 2, 1.0]), 3)
    with pytest.raises(ValueError, match="above 0"):
        SteadyClock(0)
