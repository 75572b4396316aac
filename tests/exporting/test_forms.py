"""Documents for other programs: their members, and names as text only."""

import csv
import io
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wtal_cli.documents import to_csv
from wtal_core.exporting.cells import guard, unguard
from wtal_core.exporting.forms import (
    Shown,
    label_studio_config,
    to_fiftyone,
    to_label_studio,
    to_rows,
    to_vtt,
)
from wtal_core.exporting.frame_numbers import FileClock, SteadyClock
from wtal_core.segments import Segments

HOSTILE = ["<img src=x onerror=alert(1)>", "a-->b", '"><script>', "=1+1", "x\u202ey", "a\n\nb"]
SEGMENTS = Segments.build(["v"] * 2, ["spin", "jump"], [2, 0.5], [3, 1.25], [0.75, 0.5])
SHOWN = Shown("v", "videos/a b#1.mp4", SEGMENTS, SteadyClock(20))
BARE = Shown("w", "videos/w.mp4", Segments.empty(), None)


@given(st.text())
def test_a_guarded_text_comes_back_and_is_no_formula(text: str) -> None:
    assert unguard(guard(text)) == text
    assert not guard(text).startswith(("=", "+", "-", "@", "\t", "\r"))


def test_rows_by_video_and_time() -> None:
    assert [tuple(row.values()) for row in to_rows([SHOWN, BARE])] == [
        ("v", "videos/a b#1.mp4", 0.5, 1.25, 11, 25, "jump", 0.5),
        ("v", "videos/a b#1.mp4", 2.0, 3.0, 41, 60, "spin", 0.75),
    ]
    unknown = Shown("=v", "f", Segments.build(["=v"], ["@x"], [0], [1]), None)
    (row,) = to_rows([unknown])
    assert (row["video"], row["label"], row["start_frame"]) == ("'=v", "'@x", None)


def test_vtt_by_hand() -> None:
    long = Segments.build(["v"] * 2, ["a", "b"], [3661.0015, 5], [3662, 5.0001], [0.5, 0.25])
    assert to_vtt(long) == (
        "WEBVTT\n\n00:00:05.000 --> 00:00:05.001\nb 0.25\n\n01:01:01.002 --> 01:01:02.000\na 0.50\n"
    )
    assert to_vtt(Segments.empty()) == "WEBVTT\n"


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_in_vtt_ends_no_cue_and_is_no_markup(name: str) -> None:
    text = to_vtt(Segments.build(["v"], [name], [0], [1]))
    header, cue = text.rstrip("\n").split("\n\n")
    assert header == "WEBVTT"
    times, payload = cue.split("\n")
    assert times == "00:00:00.000 --> 00:00:01.000"
    assert "<" not in payload
    assert "-->" not in payload
    shown = payload.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    assert shown == f"{' '.join(name.split())} 1.00"


def test_fiftyone_by_its_documented_form() -> None:
    tree = to_fiftyone([SHOWN], ["jump", "spin"], timestamps=False)
    assert tree == {
        "classes": ["jump", "spin"],
        "labels": {
            "v": [
                {"label": "jump", "support": [11, 25], "confidence": 0.5},
                {"label": "spin", "support": [41, 60], "confidence": 0.75},
            ]
        },
    }
    timed = to_fiftyone([SHOWN, BARE], ["jump", "spin"], timestamps=True)
    assert timed["labels"]["v"][0] == {
        "label": "jump", "timestamps": [0.5, 1.25], "confidence": 0.5,
    }  # fmt: skip
    assert timed["labels"]["w"] is None


def test_frames_that_nobody_knows_are_refused() -> None:
    unknown = Shown("v", "v.mp4", SEGMENTS, None)
    with pytest.raises(ValueError, match="'v'"):
        to_fiftyone([unknown], [], timestamps=False)


def test_label_studio_by_its_documented_form() -> None:
    """It counts by the rate that it is told, not by the file's own frames."""
    uneven = FileClock(np.array([0, 0.1, 2.0]), 2.5)
    shown = Shown("v", "videos/a b#1.mp4", SEGMENTS, uneven)
    first, second = to_label_studio([shown, BARE], {"v": 20, "w": 25}, "/local?d=", "wtal x r1")
    assert first["data"] == {"video": "/local?d=videos/a%20b%231.mp4", "fps": 20, "video_id": "v"}
    (prediction,) = first["predictions"]
    assert (prediction["model_version"], prediction["score"]) == ("wtal x r1", 0.75)
    assert prediction["result"][0] == {
        "id": "p0",
        "from_name": "actions",
        "to_name": "video",
        "type": "timelinelabels",
        "value": {"ranges": [{"start": 11, "end": 25}], "timelinelabels": ["jump"]},
        "score": 0.5,
    }
    assert second["predictions"][0] == {"model_version": "wtal x r1", "score": 0.0, "result": []}


def test_the_interface_names_what_the_tasks_refer_to() -> None:
    root = ElementTree.fromstring(label_studio_config([*HOSTILE[:5], "a & b"]))
    labels, video = root
    assert (labels.get("name"), labels.get("toName")) == ("actions", "video")
    assert [label.get("value") for label in labels] == [*HOSTILE[:5], "a & b"]
    assert (video.get("name"), video.get("value"), video.get("frameRate")) == (
        "video", "$video", "$fps",
    )  # fmt: skip


def test_csv_reads_back() -> None:
    hostile = Segments.build(["v"] * len(HOSTILE), HOSTILE, np.arange(6), np.arange(6) + 1.5)
    text = to_csv(to_rows([Shown("v", "f", hostile, SteadyClock(10))]))
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [unguard(row["label"]) for row in rows] == HOSTILE
    assert [float(row["start_s"]) for row in rows] == list(range(6))
    assert [int(row["end_frame"]) for row in rows] == [15, 25, 35, 45, 55, 65]
