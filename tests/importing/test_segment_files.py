"""Other people's predictions and instances: what is read, what is refused and by which name."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from wtal_core.errors import WtalError
from wtal_core.importing.segment_files import read_predicted, read_true, to_seconds
from wtal_core.importing.segment_tables import read_classes, read_durations, rename_labels
from wtal_core.segments import Segments


def _file(folder: Path, name: str, content: Any) -> Path:
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def _rows(segments: Segments) -> list[tuple[Any, ...]]:
    columns = (segments.video, segments.label, segments.start_s, segments.end_s, segments.score)
    return [tuple(value.item() for value in row) for row in zip(*columns, strict=True)]


EXPECTED = [("v", "run", 1.5, 4.0, 0.25), ("w", "hop", 0.0, 2.0, -1.0), ("v", "hop", 3.0, 3.0, 7.0)]


def test_csv_by_any_name_of_its_columns(tmp_path: Path) -> None:
    ours = "video,start,end,label,score\nv,1.5,4,run,.25\nw,0,2,hop,-1\nv,3,3,hop,7\n"
    theirs = "\ufeffScore;t-start".replace(";", "\t") + "\tt-end\textra\tclass_index\tvideo-id\n"
    theirs += ".25\t1.5\t4\t\trun\tv\n-1\t0\t2\t\thop\tw\n\n7\t3\t3\t\thop\tv\n"
    for name, text in (("a.csv", ours), ("b.tsv", theirs)):
        assert _rows(read_predicted(_file(tmp_path, name, text)).segments) == EXPECTED
    assert [r[:4] for r in EXPECTED] == [
        r[:4] for r in _rows(read_true(tmp_path / "a.csv", None).segments)
    ]


def test_activitynet_predictions_keep_the_order_of_the_file(tmp_path: Path) -> None:
    run, hop = {"label": "run", "segment": [1.5, 4]}, {"label": 3, "segment": ["0", "2.5"]}
    results = {"w": [hop | {"score": 1}], "v": [run | {"score": 0.25}, hop | {"score": "2e-1"}]}
    found = read_predicted(_file(tmp_path, "p.json", {"version": "x", "results": results}))
    assert _rows(found.segments) == [
        ("w", "3", 0.0, 2.5, 1.0),
        ("v", "run", 1.5, 4.0, 0.25),
        ("v", "3", 0.0, 2.5, 0.2),
    ]


def test_a_submission_to_the_challenge(tmp_path: Path) -> None:
    text = "video_test_0000004 1.5 4.0 7 0.25\r\n\nvideo_test_0000006  0 2 9 1e-3\n"
    found = read_predicted(_file(tmp_path, "scnn.txt", text)).segments
    assert _rows(found) == [
        ("video_test_0000004", "7", 1.5, 4.0, 0.25),
        ("video_test_0000006", "9", 0.0, 2.0, 0.001),
    ]
    names = read_classes(_file(tmp_path, "classes.txt", "7 BaseballPitch\n12 Billiards\n"))
    assert rename_labels(found, names).label.tolist() == ["BaseballPitch", "9"]


def _database(**subsets: str) -> dict[str, Any]:
    """A video of each subset with one instance, of label and end of its own."""
    return {
        video: {
            "subset": subset,
            "duration": 10.0 + i,
            "annotations": [{"segment": [i, i + 2], "label": f"of {video}"}],
        }
        for i, (video, subset) in enumerate(subsets.items())
    }


def test_the_subset_of_the_ground_truth(tmp_path: Path) -> None:
    three = {"database": _database(u="training", v="Validation", w="training")}
    path = _file(tmp_path, "g.json", three)
    assert read_true(path, None).segments.video.tolist() == ["v"]
    assert read_true(path, None).subset == "Validation"
    assert read_true(path, None).durations == {"v": 11.0}
    assert read_true(path, "TRAINING").segments.video.tolist() == ["u", "w"]
    with pytest.raises(WtalError, match=r"'test' has no annotations.*training, Validation"):
        read_true(path, "test")
    ours = _file(tmp_path, "o.json", {"database": _database(u="train", v="test", w="validation")})
    assert read_true(ours, None).subset == "test"
    one = _file(tmp_path, "one.json", {"database": _database(u="split 1")})
    assert read_true(one, None).subset == "split 1"
    two = _file(tmp_path, "two.json", {"database": _database(u="split 1", v="split 2")})
    with pytest.raises(WtalError, match="split 1, split 2"):
        read_true(two, None)


def test_ambiguous_intervals_are_set_apart(tmp_path: Path) -> None:
    tree: dict[str, Any] = {"database": _database(u="train", v="test")}
    tree["database"]["v"]["annotations"].append({"segment": [5, 6.5], "label": "Ambiguous"})
    tree["ambiguous"] = {"u": [[1, 2]], "v": [[8, 9]]}
    true = read_true(_file(tmp_path, "g.json", tree), None)
    assert true.segments.label.tolist() == ["of v"]
    assert true.ambiguous.video.tolist() == ["v", "v"]
    assert true.ambiguous.seg_N2.tolist() == [[5, 6.5], [8, 9]]
    table = "video,start,end,label\nv,1,2,run\nv,3,4,ambiguous\n"
    true = read_true(_file(tmp_path, "g.csv", table), None)
    assert true.ambiguous.seg_N2.tolist() == [[3, 4]]
    assert len(true.segments) == 1


def test_the_challenges_folder(tmp_path: Path) -> None:
    _file(tmp_path, "Diving_test.txt", "video_test_1  1.0 2.5\nvideo_test_2 0.0 4.0\n")
    _file(tmp_path, "Ambiguous_test.txt", "video_test_1  3.0 4.0\r\n")
    _file(tmp_path, "Billiards_test.txt", "video_test_9  7.0 8.0\n")
    _file(tmp_path, "Diving_val.txt", "video_validation_1  1.0 2.5\n")
    _file(tmp_path, "detclasslist.txt", "7 Diving\n")
    true = read_true(tmp_path, None)
    assert true.subset == "test"
    assert [row[:4] for row in _rows(true.segments)] == [
        ("video_test_9", "Billiards", 7.0, 8.0),
        ("video_test_1", "Diving", 1.0, 2.5),
        ("video_test_2", "Diving", 0.0, 4.0),
    ]
    assert true.ambiguous.seg_N2.tolist() == [[3, 4]]
    assert read_true(tmp_path, "val").segments.video.tolist() == ["video_validation_1"]
    with pytest.raises(WtalError, match=r"no file <class>_train\.txt"):
        read_true(tmp_path, "train")


HEAD = "video,start,end,label,score\nv,0,1,a,1\n"
GOOD = {"segment": [0, 1], "label": "a", "score": 1}


def _results(item: Any) -> dict[str, Any]:
    return {"results": {"v": [GOOD, item]}}


def _annotated(item: Any) -> dict[str, Any]:
    entry = {"subset": "test", "duration": 9, "annotations": [GOOD, item]}
    return {"database": {"v": entry}}


@pytest.mark.parametrize(
    ("segment", "message"),
    [
        ([2, 1], "ends at 1.0, before it starts at 2.0"),
        ([-1, 1], "starts at -1.0, before 0"),
        ([float("nan"), 1], "start nan, which is no finite"),
        ([1, float("inf")], "end inf, which is no finite"),
        (["x", 1], "start 'x', which is no finite"),
        ([True, 1], "start True, which is no finite"),
        ([None, 1], "start None, which is no finite"),
        ([1], r"needs a segment \[start, end\]"),
    ],
)
def test_impossible_times_are_named(tmp_path: Path, segment: list[Any], message: str) -> None:
    item = GOOD | {"segment": segment}
    for name, tree, read in (
        ("results['v'][1]", _results(item), read_predicted),
        ("database['v'].annotations[1]", _annotated(item), lambda path: read_true(path, None)),
    ):
        path = _file(tmp_path, "x.json", tree)
        with pytest.raises(WtalError, match=message) as caught:
            read(path)
        assert name in str(caught.value)
        assert str(path) in str(caught.value)
    if len(segment) == 2:
        line = ",".join(["v", *map(str, segment), "a", "1"])
        message = message.replace("start True", "start 'True'").replace(
            "start None", "start 'None'"
        )
        message = message.replace("start nan", "start 'nan'").replace("end inf", "end 'inf'")
        with pytest.raises(WtalError, match=f"line 3 .*{message}"):
            read_predicted(_file(tmp_path, "x.csv", f"{HEAD}{line}\n"))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "video,start,end,label\nv,0,1,a\n", "no column for the score"),
        ("a.csv", "", "no column for the video"),
        ("a.csv", HEAD + "v,0,1,a\n", "line 3 has 4 cells, the header 5"),
        ("a.csv", HEAD + "v,0,1,a,nan\n", "line 3 .*'v'.*score 'nan'"),
        ("a.txt", "v 0 1 7\n", "line 1 has 4 words instead of 5"),
        ("a.json", "{", "not readable as JSON"),
        ("a.json", {"database": {}}, "has no 'results'"),
        ("a.json", {"results": []}, "'results' of the file is .* dict is needed"),
        ("a.json", {"results": {"v": {}}}, r"results\['v'\] is .* list is needed"),
        ("a.json", _results({"segment": [0, 1], "score": 1}), r"\[1\] has no 'label'"),
        ("a.json", _results(GOOD | {"score": None}), r"'score' of results\['v'\]\[1\] is 'None'"),
        ("a.json", _results(GOOD | {"score": float("nan")}), "score nan, which is no finite"),
        ("a.json", _results("x"), r"\[1\] has no 'label'"),
    ],
)
def test_what_is_no_file_of_predictions(
    tmp_path: Path, name: str, content: Any, message: str
) -> None:
    with pytest.raises(WtalError, match=message):
        read_predicted(_file(tmp_path, name, content))


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"results": {}}, "has no 'database'"),
        ({"database": {"v": 3}}, r"database\['v'\] is '3'"),
        ({"database": {}}, "none. Name one"),
        (_annotated(GOOD | {"label": None}), r"'label' of database\['v'\].annotations\[1\]"),
        (_annotated(GOOD) | {"ambiguous": {"v": [[2, 1]]}}, r"ambiguous\['v'\]\[0\] .*ends at 1"),
        (_annotated(GOOD) | {"ambiguous": [1]}, "ambiguous is '.1.', but dict"),
    ],
)
def test_what_is_no_ground_truth(tmp_path: Path, tree: Any, message: str) -> None:
    with pytest.raises(WtalError, match=message):
        read_true(_file(tmp_path, "g.json", tree), None)


@pytest.mark.parametrize("read", [read_predicted, lambda path: read_true(path, None)])
def test_absent_and_binary_files(tmp_path: Path, read: Callable[[Path], object]) -> None:
    for name in ("none.json", "none.csv"):
        with pytest.raises(WtalError, match=f"{name}: cannot be read"):
            read(tmp_path / name)
    (tmp_path / "b.csv").write_bytes(b"\xff\xfe\x00\x9f")
    with pytest.raises(WtalError, match="no text in UTF-8"):
        read(tmp_path / "b.csv")


def test_a_table_knows_no_subsets(tmp_path: Path) -> None:
    with pytest.raises(WtalError, match="Leave --subset away"):
        read_true(_file(tmp_path, "g.csv", HEAD), "test")


def test_units_by_hand(tmp_path: Path) -> None:
    path = _file(tmp_path, "d.csv", "video,duration\nv,50\nw,8.5\n")
    durations = read_durations(path)
    assert durations == {"v": 50.0, "w": 8.5}
    found = Segments.build(["w", "v"], ["a", "b"], [0.5, 0.1], [1.0, 0.25], [0.3, 0.4])
    assert to_seconds(found, "fraction", durations, path).seg_N2.tolist() == [
        [4.25, 8.5],
        [5, 12.5],
    ]
    assert to_seconds(found, "seconds", {}, path) is found
    grid = Segments.build(["v"], ["a"], [3], [25])
    assert to_seconds(grid, "snippets", {}, path).seg_N2.tolist() == [[1.92, 16.0]]
    with pytest.raises(WtalError, match=r"those of 1 are not known: w\. Give"):
        to_seconds(found, "fraction", {"v": 50.0}, path)
    with pytest.raises(WtalError, match=r"segment 0 \(video 'v'\) ends at 25.0.*seconds\?"):
        to_seconds(grid, "fraction", durations, path)
    with pytest.raises(WtalError, match="needs a duration above 0"):
        read_durations(_file(tmp_path, "z.csv", "video,duration\nv,0\n"))
