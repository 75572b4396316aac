"""Rows of a corrected table or task as segments of training videos, or why they cannot be."""

import difflib
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum

from wtal_core.exporting.audit_sheet import TOLERANCE_S
from wtal_core.exporting.correction_rows import Row, Sheet
from wtal_core.exporting.frame_numbers import Clock, FileClock, SteadyClock, to_frames, to_seconds

Segment = tuple[str, float, float]  # label, start and end in seconds
DIGITS = 6


class By(StrEnum):
    """Which times of a row hold where it has both."""

    agree = "agree"
    seconds = "seconds"
    frames = "frames"


def judge(
    sheet: Sheet,
    train: Mapping[str, Sequence[str]],
    test: Sequence[str],
    classes: Sequence[str],
    durations: Mapping[str, float],
    clock_of: Callable[[str], Clock | None],
    by: By = By.agree,
) -> dict[str, list[Segment]]:
    """The segments of every video that was looked at, in time; a video may have none.

    train: the labels of each training video; durations: seconds. clock_of: when a video's frames
    are shown, None where nobody knows. Raises ValueError naming the row.
    """
    rows: dict[str, list[Row]] = {video: [] for video in sheet.looked_at}
    for row in sheet.rows:
        if row.video in rows:
            rows[row.video].append(row)
    found: dict[str, list[Segment]] = {}
    for video, own in rows.items():
        where = f"{own[0].where}: " if own else ""
        if video in test:
            raise ValueError(
                f"{where}{video!r} is a test video: what is learnt from it would be measured on "
                "it. Only training videos can be corrected; `wtal export --training` lists them"
            )
        if video not in train:
            raise ValueError(f"{where}{_unknown('video', video, [*train])}")
        if video not in durations:
            raise ValueError(f"{where}the duration of {video!r} is not known: it was not readable")
        segments = []
        for row in own:
            _check_label(row, train[video], classes)
            segments.append((row.label, *_place(row, durations[video], clock_of, by)))
        found[video] = sorted(set(segments), key=lambda one: (one[1], one[2], one[0]))
    return found


def _check_label(row: Row, own: Sequence[str], classes: Sequence[str]) -> None:
    if row.label in own:
        return
    if row.label not in classes:
        raise ValueError(f"{row.where}: {_unknown('label', row.label, classes)}")
    raise ValueError(
        f"{row.where}: {row.video!r} has the labels {', '.join(own)}, not {row.label!r}. If it "
        "shows that, add it to the video's labels in labels.json"
    )


def _place(
    row: Row, duration: float, clock_of: Callable[[str], Clock | None], by: By
) -> tuple[float, float]:
    """Start and end in seconds, within the video."""
    seconds, frames = row.seconds, row.frames
    if seconds and frames and by != By.agree:
        seconds, frames = (seconds, None) if by == By.seconds else (None, frames)
    if frames:
        clock = SteadyClock(row.fps) if row.fps else clock_of(row.video)
        if clock is None:
            raise ValueError(
                f"{row.where}: the frames of {row.video!r} have no times, its file is not there. "
                "Put it there, or say --fps, or --by seconds where there are seconds, too"
            )
        if seconds and to_frames(*seconds, clock) != frames:
            first, last = to_frames(*seconds, clock)
            raise ValueError(
                f"{row.where}: {seconds[0]:g} to {seconds[1]:g} s are the frames {first} to "
                f"{last}, but it says {frames[0]} to {frames[1]}. Say which were edited, --by "
                "seconds or --by frames, or leave the other two cells blank"
            )
        if not 1 <= frames[0] <= frames[1]:
            raise ValueError(f"{row.where}: frames {frames[0]} to {frames[1]} are no range from 1")
        if isinstance(clock, FileClock) and frames[1] > len(clock.pts_s):
            raise ValueError(
                f"{row.where}: {row.video!r} has {len(clock.pts_s)} frames, not {frames[1]}"
            )
        if not seconds:
            seconds = to_seconds(*frames, clock)
    assert seconds is not None
    start, end = seconds
    if not (start < end and start < duration and end <= duration + TOLERANCE_S):
        raise ValueError(
            f"{row.where}: [{start:g}, {end:g}] s is no part of {row.video!r}, which lasts "
            f"{duration:.2f} s; a segment ends behind its start"
        )
    return round(start, DIGITS), round(min(end, duration), DIGITS)


def _unknown(what: str, name: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, list(known), 1)
    hint = f"; is {near[0]!r} meant?" if near else ""
    return f"the {what} {name!r} is not one of the data set{hint}"
