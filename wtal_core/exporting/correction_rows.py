"""Corrected segments out of the tables and tasks that people edited, as rows still to be judged."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wtal_core.exporting.audit_sheet import parse_seconds
from wtal_core.exporting.cells import unguard

REVIEWED = "reviewed"  # the column of our tables where people mark what they looked at
_NO = ("", "0", "no", "n", "false")


@dataclass(frozen=True)
class Row:
    """One segment: its times in seconds, or its first and last frame (from 1, both inside), or
    both. fps: the rate that its frames count by, None for the file's own times.
    """

    where: str  # as messages name it
    video: str
    label: str
    seconds: tuple[float, float] | None
    frames: tuple[int, int] | None
    fps: float | None = None


@dataclass(frozen=True)
class Sheet:
    """What a file says. looked_at: the videos that somebody reviewed, in its order; the others
    (`passed_over`) stand in it as the model left them. notes: for the user.
    """

    rows: tuple[Row, ...]
    looked_at: tuple[str, ...]
    passed_over: tuple[str, ...]
    notes: tuple[str, ...] = ()


def parse_table(text: str, everything: bool = False) -> Sheet:
    """A CSV table with video, label and start_s and end_s, or start_frame and end_frame, or all.

    Commas, semicolons or tabs between cells. With a column `reviewed`, a video counts where any of
    its rows has a mark there (anything but a blank, 0, no, n, false); without, or with
    `everything`, every video does. Raises ValueError naming the line.
    """
    lines = text.lstrip("\ufeff").splitlines()
    delimiter = max("\t;,", key=(lines[0] if lines else "").count)
    reader = csv.reader(lines, delimiter=delimiter)
    header = [cell.strip().lower() for cell in next(reader, [])]
    timed = {"start_s", "end_s"} <= set(header) or {"start_frame", "end_frame"} <= set(header)
    if not {"video", "label"} <= set(header) or not timed:
        raise ValueError(
            "line 1 names the columns: video, label, and start_s and end_s (or start_frame and "
            "end_frame)"
        )
    rows: list[Row] = []
    marks: dict[str, bool] = {}
    for cells in reader:
        if not any(cell.strip() for cell in cells):
            continue
        where = f"line {reader.line_num}"
        if len(cells) < len(header):
            raise ValueError(f"{where} has {len(cells)} cells, the header {len(header)}")
        row = {name: cell.strip() for name, cell in zip(header, cells, strict=False)}
        video = unguard(row["video"])
        marked = everything or REVIEWED not in row or row[REVIEWED].lower() not in _NO
        marks[video] = marks.get(video, False) or marked
        times = [row.get(n, "") for n in ("start_s", "end_s", "start_frame", "end_frame")]
        if not any(times) and not row["label"]:
            continue  # a video that is only marked
        rows.append(Row(where, video, unguard(row["label"]), *_times(times, where)))
    looked_at = tuple(video for video, marked in marks.items() if marked)
    return Sheet(tuple(rows), looked_at, tuple(v for v, marked in marks.items() if not marked))


def parse_tasks(tree: Any, everything: bool = False) -> Sheet:
    """Tasks of Label Studio: our own export, its JSON export with `annotations`, or JSON-MIN.

    A task counts where it has an annotation that was submitted; of several, the last one is taken.
    With `everything` the pre-annotations (`predictions`) of the others count, too. Raises
    ValueError naming the task.
    """
    if not isinstance(tree, list):
        raise ValueError("it holds no list of tasks; export it from Label Studio as JSON")
    rows: list[Row] = []
    looked_at: dict[str, int] = {}
    passed_over: list[str] = []
    notes: list[str] = []
    for i, task in enumerate(tree):
        where = f"task {i + 1}"
        data = task.get("data", task) if isinstance(task, dict) else None
        if not isinstance(data, dict) or not isinstance(data.get("video_id"), str):
            raise ValueError(f"{where} has no video_id; `wtal export` writes it into each task")
        video, fps = data["video_id"], data.get("fps")
        if isinstance(fps, bool) or not isinstance(fps, int | float) or not 0 < fps < 1e4:
            raise ValueError(f"{where} ({video}) has no fps, by which its frames are counted")
        regions = _regions(task, everything, f"{where} ({video})", notes)
        if regions is None:
            passed_over.append(video)
            continue
        if video in looked_at:
            raise ValueError(f"{where}: {video} is task {looked_at[video]}, too; keep one")
        looked_at[video] = i + 1
        for region in regions:
            rows += _rows_of(region, video, float(fps), f"{where} ({video})")
    return Sheet(tuple(rows), tuple(looked_at), tuple(passed_over), tuple(notes))


def _times(
    cells: Sequence[str], where: str
) -> tuple[tuple[float, float] | None, tuple[int, int] | None]:
    start, end, first, last = cells
    for pair in ((start, end), (first, last)):
        if bool(pair[0]) != bool(pair[1]):
            raise ValueError(f"{where} has a start and no end, or the reverse")
    if not start and not first:
        raise ValueError(f"{where} has a label and no times")
    seconds = (parse_seconds(start, where), parse_seconds(end, where)) if start else None
    if not first:
        return seconds, None
    if not (first.isdecimal() and last.isdecimal()):
        raise ValueError(f"{where}: frames {first!r} to {last!r}; frames are whole numbers from 1")
    return seconds, (int(first), int(last))


def _regions(
    task: Mapping[str, Any], everything: bool, where: str, notes: list[str]
) -> list[Any] | None:
    """The regions that count; None where nobody looked at the task."""
    if "data" not in task:  # JSON-MIN lists annotated tasks only
        found = task.get("actions", [])
        return [{"value": value} for value in found] if isinstance(found, list) else []
    submitted = [
        one
        for one in task.get("annotations") or []
        if isinstance(one, dict) and not one.get("was_cancelled")
    ]
    if len(submitted) > 1:
        notes.append(f"{where} has {len(submitted)} annotations; the last one is taken")
        submitted.sort(key=lambda one: str(one.get("updated_at") or one.get("created_at") or ""))
    if not submitted and everything:
        submitted = [one for one in task.get("predictions") or [] if isinstance(one, dict)]
    if not submitted:
        return None
    result = submitted[-1].get("result")
    if not isinstance(result, list):
        raise ValueError(f"{where}: its annotation has no list 'result'; export it again")
    return result


def _rows_of(region: Any, video: str, fps: float, where: str) -> list[Row]:
    """A region's ranges, each with each of its labels; other kinds of regions hold none."""
    value = region.get("value", {}) if isinstance(region, dict) else {}
    labels = value.get("timelinelabels") if isinstance(value, dict) else None
    if labels is None:
        return []
    rows = []
    for range_ in value.get("ranges") or []:
        ends = [range_.get(key) if isinstance(range_, dict) else None for key in ("start", "end")]
        frames = [n for n in ends if isinstance(n, int) and not isinstance(n, bool)]
        if len(frames) != 2:
            raise ValueError(f"{where}: a range needs the frames start and end, got {ends}")
        first, last = frames
        rows += [Row(where, video, str(label), None, (first, last), fps) for label in labels]
    return rows
