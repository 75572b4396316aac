"""The table of an audit, as people fill it in."""

import pytest

from wtal_cli.documents import to_csv
from wtal_core.exporting.audit_sheet import COLUMNS, empty_rows, parse_seconds, parse_sheet

CLASSES = ["jump", "spin", "=cmd"]
DURATIONS = {"a": 90.0, "b": 20.0, "=c": 10.0}
HEAD = "video,file,start_s,end_s,label\n"


def read(text: str) -> tuple[list[tuple[str, str, float, float]], list[str]]:
    found, videos = parse_sheet(text, CLASSES, DURATIONS)
    rows = zip(found.video, found.label, found.start_s, found.end_s, strict=True)
    return [(str(v), str(c), float(s), float(e)) for v, c, s, e in rows], videos


def test_a_filled_in_table() -> None:
    rows, videos = read(
        HEAD + "a,f,1,2.5,jump\na,f,1:02,1:05.5,spin\nb,f,,,none\n\n'=c,f,0,10.3,'=cmd\na,f,,,\n"
    )
    assert rows == [("a", "jump", 1, 2.5), ("a", "spin", 62, 65.5), ("=c", "=cmd", 0, 10)]
    assert videos == ["a", "b", "=c"]


def test_what_a_spreadsheet_makes_of_it() -> None:
    text = "\ufeffVideo;File;Start_s;End_s;Label\r\na;f;1,5;2,5; jump \r\nb;f;;;None\r\n"
    assert read(text) == ([("a", "jump", 1.5, 2.5)], ["a", "b"])
    assert read("video\tstart_s\tend_s\tlabel\na\t1\t2\tspin\n")[0] == [("a", "spin", 1, 2)]


def test_the_empty_table_is_refused_until_it_is_filled_in() -> None:
    empty = to_csv(empty_rows({"a": "videos/a.mp4", "=c": "c.mp4"}), COLUMNS)
    assert empty.splitlines()[2] == "'=c,c.mp4,,,"
    with pytest.raises(ValueError, match="2 videos are not filled in: a, =c"):
        read(empty)
    assert read(HEAD + "b,f,,,none\n") == ([], ["b"])


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("a,f,1,2,jumb", "line 2: the label 'jumb' is not one of the run; is 'jump' meant"),
        ("x,f,1,2,jump", "line 2: the video 'x' is not one of the run"),
        ("a,f,2,1,jump", "line 2: .* is no part of 'a'"),
        ("b,f,1,20.6,jump", "no part of 'b', which lasts 20.00 s"),
        ("a,f,1,,jump", "line 2: '' is no time"),
        ("a,f,1,nan,jump", "'nan' is no time"),
        ("a,f,1,-2,jump", "'-2' is no time"),
        ("a,f,1,0:75,jump", "60 seconds"),
        ("a,f,1,2,none", "none goes without times"),
        ("a,f,1", "line 2 has 3 cells"),
    ],
)
def test_what_is_refused(line: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read(HEAD + line + "\n")


def test_columns_are_needed() -> None:
    with pytest.raises(ValueError, match="lacks the columns start_s, label"):
        read("video,end_s\na,2\n")
    with pytest.raises(ValueError, match="lacks the columns video"):
        read("")


def test_times() -> None:
    assert [parse_seconds(t, "") for t in ("3", "3,25", "2:03.5", "1:00:01")] == [
        3, 3.25, 123.5, 3601,
    ]  # fmt: skip
