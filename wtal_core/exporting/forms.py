"""One document per form that other programs read: WebVTT, FiftyOne, Label Studio, tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

from wtal_core.exporting.cells import guard
from wtal_core.exporting.frame_numbers import Clock, SteadyClock, to_frames
from wtal_core.segments import Segments

COLUMNS = (
    "video", "file", "start_s", "end_s", "start_frame", "end_frame", "label", "score",
)  # fmt: skip
DIGITS = 6


@dataclass(frozen=True)
class Shown:
    """One video: its name, its file below the data set's folder, its predictions, and the clock
    that its frames are numbered by (None where the file is not there).
    """

    name: str
    file: str
    segments: Segments
    clock: Clock | None


def to_rows(videos: Sequence[Shown]) -> list[dict[str, Any]]:
    """Rows of a CSV file, by video and time; names cannot be taken for formulas."""
    rows: list[dict[str, Any]] = []
    for one in videos:
        for label, start_s, end_s, score in in_time(one.segments):
            frames = to_frames(start_s, end_s, one.clock) if one.clock else (None, None)
            cells = (
                guard(one.name), guard(one.file), round(start_s, DIGITS), round(end_s, DIGITS),
                *frames, guard(label), round(score, DIGITS),
            )  # fmt: skip
            rows.append(dict(zip(COLUMNS, cells, strict=True)))
    return rows


def to_vtt(segments: Segments) -> str:
    """WebVTT of one video: a cue per segment, `label 0.93`."""
    cues = ["WEBVTT\n"]
    for label, start_s, end_s, score in in_time(segments):
        start_ms = round(1000 * start_s)
        end_ms = max(start_ms + 1, round(1000 * end_s))  # a cue ends after it starts
        cues.append(f"{_stamp(start_ms)} --> {_stamp(end_ms)}\n{_cue(label)} {score:.2f}\n")
    return "\n".join(cues)


def to_fiftyone(
    videos: Sequence[Shown], classes: Sequence[str], timestamps: bool
) -> dict[str, Any]:
    """labels.json of a FiftyOneTemporalDetectionDataset.

    support: first and last frame of the file. timestamps: seconds instead, which FiftyOne turns
    into frames by the mean rate that it measures. A video without predictions has null.
    Raises ValueError for a video whose frames are not known.
    """

    def place(one: Shown, start_s: float, end_s: float) -> dict[str, Any]:
        if timestamps:
            return {"timestamps": [start_s, end_s]}
        if one.clock is None:
            raise ValueError(f"the frames of {one.name!r} are not known")
        return {"support": list(to_frames(start_s, end_s, one.clock))}

    return {
        "classes": list(classes),
        "labels": {
            one.name: [
                {"label": label, **place(one, start_s, end_s), "confidence": score}
                for label, start_s, end_s, score in in_time(one.segments)
            ]
            or None
            for one in videos
        },
    }


def to_label_studio(
    videos: Sequence[Shown], rates: Mapping[str, float], prefix: str, model: str
) -> list[dict[str, Any]]:
    """Tasks with pre-annotations, for the labelling interface of `label_studio_config`.

    Label Studio counts time in frames of the rate that it is told, whatever the file's own rate,
    so each task carries `fps` and the ranges count by it. prefix: what stands before the file's
    name in its address.
    """
    tasks = []
    for one in videos:
        clock = SteadyClock(rates[one.name])
        regions: list[dict[str, Any]] = []
        for i, (label, start_s, end_s, score) in enumerate(in_time(one.segments)):
            first, last = to_frames(start_s, end_s, clock)
            regions.append(
                {
                    "id": f"p{i}",
                    "from_name": "actions",
                    "to_name": "video",
                    "type": "timelinelabels",
                    "value": {
                        "ranges": [{"start": first, "end": last}],
                        "timelinelabels": [label],
                    },
                    "score": score,
                }
            )
        tasks.append(
            {
                "data": {
                    "video": prefix + quote(one.file),
                    "fps": clock.fps,
                    "video_id": one.name,
                },
                "predictions": [
                    {
                        "model_version": model,
                        "score": max((region["score"] for region in regions), default=0.0),
                        "result": regions,
                    }
                ],
            }
        )
    return tasks


def label_studio_config(classes: Sequence[str]) -> str:
    """The labelling interface that the tasks are made for, as XML."""
    labels = "\n".join(f"    <Label value={quoteattr(name)}/>" for name in classes)
    return (
        "<View>\n"
        '  <TimelineLabels name="actions" toName="video">\n'
        f"{labels}\n"
        "  </TimelineLabels>\n"
        '  <Video name="video" value="$video" frameRate="$fps"/>\n'
        "</View>\n"
    )


def in_time(segments: Segments) -> list[tuple[str, float, float, float]]:
    """Label, start, end, score by rising start, then end, label and falling score."""
    rows = zip(
        segments.label.tolist(), segments.start_s.tolist(), segments.end_s.tolist(),
        segments.score.tolist(), strict=True,
    )  # fmt: skip
    return sorted(rows, key=lambda row: (row[1], row[2], row[0], -row[3]))


def _stamp(ms: int) -> str:
    seconds, ms = divmod(ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}.{ms:03d}"


def _cue(text: str) -> str:
    """Text of a cue: markup and the end of a cue are no part of a name."""
    line = " ".join(text.split())
    return line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
