"""Edited tables and Label Studio's tasks as rows."""

from typing import Any

import pytest

from wtal_core.exporting.correction_rows import Row, parse_table, parse_tasks
from wtal_core.exporting.forms import Shown, to_label_studio
from wtal_core.segments import Segments

TABLE = "video,file,start_s,end_s,start_frame,end_frame,label,score,reviewed\n"


def test_a_table_of_ours_with_marks() -> None:
    """Any row's mark counts for its video; what is not marked is passed over."""
    text = TABLE + "a,f,1,2.5,26,62,hop,0.9,\na,f,3,4,,,run,,yes\nb,g,1,2,26,50,hop,0.8,no\n"
    sheet = parse_table(text)
    assert sheet.looked_at == ("a",)
    assert sheet.passed_over == ("b",)
    assert sheet.rows[:2] == (
        Row("line 2", "a", "hop", (1.0, 2.5), (26, 62)),
        Row("line 3", "a", "run", (3.0, 4.0), None),
    )
    assert parse_table(text, everything=True).looked_at == ("a", "b")


def test_what_a_spreadsheet_makes_of_it() -> None:
    """A byte order mark, CR, semicolons, decimal commas, minutes, guarded names, more columns."""
    text = "\ufeffLabel;end_s;start_s;video;note\r\nhop;1:03,5;2,25;'=a;x\r\n\r\n"
    sheet = parse_table(text)
    assert sheet.rows == (Row("line 2", "=a", "hop", (2.25, 63.5), None),)
    assert sheet.looked_at == ("=a",)


def test_frames_alone() -> None:
    sheet = parse_table("video\tstart_frame\tend_frame\tlabel\na\t3\t7\thop\nb\t\t\t\n")
    assert sheet.rows == (Row("line 2", "a", "hop", None, (3, 7)),)
    assert sheet.looked_at == ("a", "b")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "line 1 names the columns"),
        ("video,label,start_s,end_frame\n", "line 1 names the columns"),
        ("video,label,start_s,end_s\na,hop,1\n", "line 2 has 3 cells, the header 4"),
        ("video,label,start_s,end_s\n\na,hop,1,\n", "line 3 has a start and no end"),
        ("video,label,start_s,end_s\na,hop,,\n", "line 2 has a label and no times"),
        ("video,label,start_s,end_s\na,hop,one,2\n", "line 2: 'one' is no time"),
        ("video,label,start_frame,end_frame\na,hop,1.5,2\n", "frames are whole numbers"),
    ],
)
def test_tables_that_cannot_be(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_table(text)


def region(first: int, last: int, label: str) -> dict[str, Any]:
    value = {"ranges": [{"start": first, "end": last}], "timelinelabels": [label]}
    return {"id": "x", "type": "timelinelabels", "from_name": "actions", "value": value}


def our_tasks() -> list[Any]:
    segments = Segments.build(["a"], ["hop"], [1.0], [2.0], [0.7])
    shown = [Shown("a", "videos/a.mp4", segments, None), Shown("b", "b.mp4", segments, None)]
    return to_label_studio(shown, {"a": 10.0, "b": 25.0}, "/d/", "model")


def test_our_own_export_before_and_after_editing() -> None:
    tasks = our_tasks()
    before = parse_tasks(tasks)
    assert (before.looked_at, before.passed_over, before.rows) == ((), ("a", "b"), ())
    as_it_is = parse_tasks(tasks, everything=True)
    assert as_it_is.rows == (
        Row("task 1 (a)", "a", "hop", None, (11, 20), 10.0),
        Row("task 2 (b)", "b", "hop", None, (26, 50), 25.0),
    )
    tasks[0]["annotations"] = [
        {"was_cancelled": False, "result": [region(5, 9, "run"), {"type": "choices", "value": {}}]}
    ]
    tasks[1]["annotations"] = [{"was_cancelled": True, "result": [region(1, 2, "hop")]}]
    after = parse_tasks(tasks)
    assert after.looked_at == ("a",)
    assert after.passed_over == ("b",)
    assert after.rows == (Row("task 1 (a)", "a", "run", None, (5, 9), 10.0),)


def test_of_several_annotations_the_last() -> None:
    task = our_tasks()[0]
    task["annotations"] = [
        {"updated_at": "2026-02-03T10:00:00Z", "result": [region(5, 9, "run")]},
        {"updated_at": "2026-02-01T10:00:00Z", "result": [region(1, 2, "hop")]},
    ]
    sheet = parse_tasks([task])
    assert [row.frames for row in sheet.rows] == [(5, 9)]
    assert "2 annotations" in sheet.notes[0]


def test_json_min() -> None:
    task = {"video_id": "a", "fps": 10, "actions": [region(4, 6, "hop")["value"]], "id": 3}
    assert parse_tasks([task]).rows == (Row("task 1 (a)", "a", "hop", None, (4, 6), 10.0),)


@pytest.mark.parametrize(
    ("tree", "said"),
    [
        ({"a": 1}, "no list of tasks"),
        ([{"data": {"fps": 25}}], "task 1 has no video_id"),
        ([{"data": {"video_id": "a"}}], r"task 1 \(a\) has no fps"),
        ([{"data": {"video_id": "a", "fps": 0}}], "no fps"),
        ([{"data": {"video_id": "a", "fps": 2}, "annotations": [{"result": 1}]}], "no list"),
        ([{"video_id": "a", "fps": 2}, {"video_id": "a", "fps": 2}], "a is task 1, too"),
        (
            [{"video_id": "a", "fps": 2, "actions": [{"timelinelabels": ["x"], "ranges": [{}]}]}],
            "needs the frames",
        ),
    ],
)
def test_tasks_that_cannot_be(tree: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_tasks(tree)
