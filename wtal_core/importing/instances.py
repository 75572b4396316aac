"""Instances as ground_truth.json has them: within their videos, or marked.

Nothing that published evaluations count is left out unasked: an instance that no prediction can
meet, since it lies behind the end of its video or is empty, is kept and marked `as_annotated`.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from wtal_core.ground_truth import TOLERANCE_S
from wtal_core.importing.annotations_model import Annotated, Instance, Interval, Note
from wtal_core.importing.thumos14 import SHORT

PastEnd = Literal["keep", "drop"]


class _Oddities:
    """Collects instances that are not as they should be."""

    def __init__(self, past_end: PastEnd) -> None:
        self.keeps = past_end == "keep"
        self.found: dict[str, list[str]] = {}

    def add(self, what: str, video: Annotated, item: Instance, detail: str = "") -> None:
        self.found.setdefault(what, []).append(f"{video.id} ({video.subset}): {item}{detail}")

    def notes(self) -> list[Note]:
        marked = "kept and marked as_annotated, since published numbers count them as missed"
        done = {
            "reversed segments": "left out",
            "segments before the video": "left out",
            "segments that begin before 0 s": "cut at 0 s",
            f"segments up to {TOLERANCE_S} s past the end": "cut at the end",
            "segments past the end": marked if self.keeps else "left out (--past-end drop)",
            "empty segments": marked if self.keeps else "left out (--past-end drop)",
        }
        return [
            Note(f"{what} ({len(self.found[what])})", how, tuple(self.found[what]))
            for what, how in done.items() if what in self.found
        ]  # fmt: skip


def write_database(
    videos: Sequence[Annotated],
    ambiguous: Mapping[str, Sequence[Interval]],
    durations: Mapping[str, float],
    durations_from: str,
    past_end: PastEnd,
) -> tuple[dict[str, Any], list[Note]]:
    """`database` of ground_truth.json, and what there is to say of durations and segments.

    durations: seconds of videos whose package does not tell; past_end: whether instances that no
    prediction can meet are kept.
    """
    odd = _Oddities(past_end)
    database: dict[str, Any] = {}
    guessed: list[str] = []
    unknown: list[str] = []
    short: list[str] = []
    given = 0
    for v in videos:
        duration = v.duration_s
        extra: dict[str, str] = {}
        if duration is None and v.id in durations:
            duration, given = durations[v.id], given + 1
        elif duration is None and v.id in SHORT:
            duration = SHORT[v.id]
            short.append(v.id)
        elif duration is None:
            ends = [item.end_s for item in v.instances]
            ends += [end for _, end in ambiguous.get(v.id, ())]
            if not ends:
                unknown.append(v.id)
                continue
            duration = float(max(1, math.ceil(max(ends))))
            extra = {"duration_from": "last segment"}
            guessed.append(v.id)
        items = [row for i in v.instances if (row := _instance(v, i, duration, odd)) is not None]
        database[v.id] = {"subset": v.subset, "duration": duration, **extra, "annotations": items}
    notes = odd.notes()
    if given:
        notes.append(Note(f"durations not in the package ({given})", f"from {durations_from}"))
    if short:
        known = "known to be shorter than their annotations; durations as in W-TALC's duration.npy"
        notes.append(Note("durations not in the package", known, tuple(short)))
    if guessed:
        done = (
            "end of the last segment, rounded up to a second: the least that it can be; marked "
            "duration_from in ground_truth.json. True ones: --durations or --videos"
        )
        notes.append(Note(f"durations unknown ({len(guessed)} videos)", done))
    if unknown:
        done = "not in ground_truth.json: no duration and no segment"
        notes.append(Note("videos of which nothing is known", done, tuple(unknown)))
    return database, notes


def _instance(
    video: Annotated, item: Instance, duration: float, odd: _Oddities
) -> dict[str, Any] | None:
    """A row of `annotations`, or None for what is left out."""
    start, end = item.start_s, item.end_s
    if end < start:
        odd.add("reversed segments", video, item)
        return None
    if end <= 0 and start < 0:
        odd.add("segments before the video", video, item)
        return None
    if start < 0:
        odd.add("segments that begin before 0 s", video, item)
        start = 0.0
    row: dict[str, Any] = {"segment": [start, end], "label": item.label}
    if start == end:
        odd.add("empty segments", video, item)
        row["as_annotated"] = True
        return row if odd.keeps else None
    if end > duration:
        if end <= duration + TOLERANCE_S and start < duration:
            odd.add(f"segments up to {TOLERANCE_S} s past the end", video, item)
            row["segment"] = [start, duration]
            return row
        odd.add("segments past the end", video, item, f", video {duration:g} s")
        row["as_annotated"] = True
        return row if odd.keeps else None
    return row
