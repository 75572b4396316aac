"""Rows against the data set: times both ways, and every refusal by name."""

import numpy as np
import pytest

from wtal_core.exporting.correction_judge import By, Segment, judge
from wtal_core.exporting.correction_rows import Row, Sheet
from wtal_core.exporting.frame_numbers import Clock, FileClock

TRAIN = {"a": ("hop", "run"), "b": ("run",)}
CLASSES = ("hop", "run", "swim")
# Ten frames at 5 frames a second: frame 3 is on screen from 0.4 to 0.6 s.
CLOCK = FileClock(np.arange(10) / 5, 2.0)
DURATIONS = {"a": 2.0, "b": 9.0}


def ask(*rows: Row, by: By = By.agree, clock: Clock | None = CLOCK) -> dict[str, list[Segment]]:
    sheet = Sheet(rows, tuple(dict.fromkeys(row.video for row in rows)), ())
    return judge(sheet, TRAIN, ["t"], CLASSES, DURATIONS, lambda _: clock, by)


def row(
    seconds: tuple[float, float] | None = (0.5, 1.5),
    frames: tuple[int, int] | None = None,
    video: str = "a",
    label: str = "hop",
    fps: float | None = None,
) -> Row:
    return Row("line 7", video, label, seconds, frames, fps)


def test_seconds_and_frames_both_ways() -> None:
    assert ask(row()) == {"a": [("hop", 0.5, 1.5)]}
    assert ask(row(None, (3, 5))) == {"a": [("hop", 0.4, 1.0)]}
    assert ask(row(None, (3, 5), fps=10)) == {"a": [("hop", 0.2, 0.5)]}
    assert ask(row((0.4, 1.0), (3, 5))) == {"a": [("hop", 0.4, 1.0)]}
    assert ask(row((0.5, 1.5)), clock=None) == {"a": [("hop", 0.5, 1.5)]}


def test_only_one_of_both_was_edited() -> None:
    edited = row((0.4, 1.4), (3, 5))
    with pytest.raises(ValueError, match=r"line 7.*frames 3 to 7, but it says 3 to 5.*--by"):
        ask(edited)
    assert ask(edited, by=By.seconds) == {"a": [("hop", 0.4, 1.4)]}
    assert ask(edited, by=By.frames) == {"a": [("hop", 0.4, 1.0)]}


def test_segments_are_in_time_and_once() -> None:
    found = ask(row((1, 2)), row((0, 1), label="run"), row((1, 2)), row((3, 4), None, "b", "run"))
    assert found == {"a": [("run", 0, 1), ("hop", 1, 2)], "b": [("run", 3, 4)]}


def test_an_end_just_behind_the_video_is_set_back() -> None:
    assert ask(row((1, 2.4))) == {"a": [("hop", 1, 2.0)]}


def test_a_video_without_rows_is_there() -> None:
    assert judge(Sheet((), ("b",), ()), TRAIN, [], CLASSES, DURATIONS, lambda _: None) == {"b": []}


def test_rows_of_videos_that_nobody_looked_at_do_not_count() -> None:
    sheet = Sheet((row(), row(video="?")), ("a",), ("?",))
    assert judge(sheet, TRAIN, [], CLASSES, DURATIONS, lambda _: CLOCK) == {
        "a": [("hop", 0.5, 1.5)]
    }


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (row(video="t"), "'t' is a test video"),
        (row(video="aa"), "video 'aa' is not one of the data set; is 'a' meant"),
        (row(label="hopp"), "label 'hopp' is not one of the data set; is 'hop' meant"),
        (row(label="swim"), "'a' has the labels hop, run, not 'swim'"),
        (row((1.5, 1.5)), "is no part of 'a', which lasts 2.00 s"),
        (row((2.1, 2.3)), "is no part of 'a'"),
        (row((1.0, 2.6)), "is no part of 'a'"),
        (row(None, (3, 11)), "'a' has 10 frames, not 11"),
        (row(None, (0, 3)), "no range from 1"),
        (row(None, (90, 99), fps=10), "is no part of 'a'"),
    ],
)
def test_refusals_name_the_row(one: Row, said: str) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        ask(one)
    assert str(caught.value).startswith("line 7")


def test_frames_without_a_file() -> None:
    with pytest.raises(ValueError, match="its file is not there"):
        ask(row(None, (3, 5)), clock=None)
