"""The table that people fill in for an audit: written empty, read back by hand-typed rules."""

import csv
import difflib
import math
from collections.abc import Mapping, Sequence
from typing import Any

from wtal_core.exporting.cells import guard, unguard
from wtal_core.segments import Segments

COLUMNS = ("video", "file", "start_s", "end_s", "label")
NONE = "none"  # the label of a video that was looked at and holds no action
TOLERANCE_S = 0.5  # people read a player's clock: an end so far behind the video is set back
BLANKS = 5  # names in a message


def empty_rows(files: Mapping[str, str]) -> list[dict[str, Any]]:
    """One row for each video, to be filled in and copied for each further instance."""
    return [
        {"video": guard(name), "file": guard(file), "start_s": "", "end_s": "", "label": ""}
        for name, file in files.items()
    ]


def parse_sheet(
    text: str, classes: Sequence[str], durations: Mapping[str, float]
) -> tuple[Segments, list[str]]:
    """The instances of a filled-in table, and the videos that were looked at, in its order.

    Commas, semicolons or tabs between cells; times in seconds (3.5, or 3,5 between semicolons) or
    as m:ss and h:mm:ss. A video without action has one row with the label `none`; a row without
    times and label counts as not done, unless the video has another. durations: seconds of every
    video that may be named. Raises ValueError naming the line, or the videos that were not done.
    """
    lines = text.lstrip("\ufeff").splitlines()
    delimiter = max("\t;,", key=(lines[0] if lines else "").count)
    reader = csv.reader(lines, delimiter=delimiter)
    header = [cell.strip().lower() for cell in next(reader, [])]
    if missing := [name for name in COLUMNS if name != "file" and name not in header]:
        raise ValueError(f"line 1 lacks the columns {', '.join(missing)}; it names the columns")
    rows: list[tuple[str, str, float, float]] = []
    seen: dict[str, bool] = {}  # video: whether it is done
    for cells in reader:
        if not any(cell.strip() for cell in cells):
            continue
        where = f"line {reader.line_num}"
        if len(cells) < len(header):
            raise ValueError(f"{where} has {len(cells)} cells, the header {len(header)}")
        row = {name: cell.strip() for name, cell in zip(header, cells, strict=False)}
        video, label = unguard(row["video"]), unguard(row["label"])
        if video not in durations:
            raise ValueError(f"{where}: {_unknown('video', video, durations)}")
        start, end = row["start_s"], row["end_s"]
        if not (start or end or label):
            seen.setdefault(video, False)
            continue
        seen[video] = True
        if label not in classes and label.lower() == NONE:
            if start or end:
                raise ValueError(f"{where}: the label none goes without times")
            continue
        if label not in classes:
            raise ValueError(f"{where}: {_unknown('label', label, classes)}")
        first, last = parse_seconds(start, where), parse_seconds(end, where)
        if not first < last <= durations[video] + TOLERANCE_S:
            raise ValueError(
                f"{where}: [{first:g}, {last:g}] is no part of {video!r}, which lasts "
                f"{durations[video]:.2f} s; a segment ends behind its start"
            )
        rows.append((video, label, first, min(last, durations[video])))
    if undone := [video for video, done in seen.items() if not done]:
        rest = ", ..." if len(undone) > BLANKS else ""
        raise ValueError(
            f"{len(undone)} videos are not filled in: {', '.join(undone[:BLANKS])}{rest}; write "
            f"the label {NONE!r} for a video without action, or delete the rows of those that "
            "nobody could judge"
        )
    if not rows:
        return Segments.empty(), list(seen)
    video_N, label_N, start_N, end_N = zip(*rows, strict=True)
    return Segments.build(video_N, label_N, start_N, end_N), list(seen)


def parse_seconds(text: str, where: str) -> float:
    """`83.5`, `83,5`, `1:23.5` and `0:01:23.5` as seconds; ValueError for anything else."""
    parts = text.replace(",", ".").split(":")
    try:
        values = [float(part) for part in parts]
    except ValueError:
        values = []
    if not 1 <= len(values) <= 3 or not all(math.isfinite(v) and v >= 0 for v in values):
        raise ValueError(f"{where}: {text!r} is no time; write seconds or m:ss") from None
    if any(value >= 60 for value in values[1:]):
        raise ValueError(f"{where}: {text!r} has 60 seconds or minutes or more behind a colon")
    seconds = 0.0
    for value in values:
        seconds = 60 * seconds + value
    return seconds


def _unknown(what: str, name: str, known: Mapping[str, Any] | Sequence[str]) -> str:
    near = difflib.get_close_matches(name, list(known), 1)
    hint = f"; is {near[0]!r} meant?" if near else ""
    return f"the {what} {name!r} is not one of the run{hint}"
