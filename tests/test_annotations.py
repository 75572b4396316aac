"""labels.json and the predictions' JSON: what is read, what is refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from wtal_core.annotations import multi_hot, read_labels, read_predictions, write_predictions
from wtal_core.errors import WtalError
from wtal_core.segments import Segments

LABELS = {
    "classes": ["jump", "run", "swim"],
    "videos": {
        "v1": {"file": "videos/v1.mp4", "subset": "train", "labels": ["swim", "jump"]},
        "t1": {"file": "videos/t1.mp4", "subset": "test"},
        "v2": {"file": "videos/v2.mp4", "subset": "train", "labels": ["run"]},
    },
}


def _write(folder: Path, tree: Any) -> Any:
    path = folder / "file.json"
    path.write_text(tree if isinstance(tree, str) else json.dumps(tree))
    return path


def test_labels(tmp_path: Path) -> None:
    labels = read_labels(_write(tmp_path, LABELS))
    assert labels.classes == ("jump", "run", "swim")
    assert [video.id for video in labels.videos("train")] == ["v1", "v2"]
    assert labels.videos("test")[0].file == Path("videos/t1.mp4")
    assert labels.multi_hot("train").tolist() == [[1, 0, 1], [0, 1, 0]]
    assert labels.multi_hot("test").tolist() == [[0, 0, 0]]


@pytest.mark.parametrize(
    ("video", "change", "message"),
    [
        ("v1", {"labels": ["fly"]}, r"videos\['v1'\].*fly"),
        ("v1", {"labels": []}, r"videos\['v1'\] needs labels"),
        ("v2", {"subset": "val"}, r"videos\['v2'\] has subset 'val'"),
        ("v2", {"file": 3}, r"videos\['v2'\] needs 'file' \(str\)"),
        ("t1", {"labels": ["run"]}, r"videos\['t1'\] is a test video"),
    ],
)
def test_a_bad_entry_is_named(
    tmp_path: Path, video: str, change: dict[str, Any], message: str
) -> None:
    tree = json.loads(json.dumps(LABELS))
    tree["videos"][video].update(change)
    with pytest.raises(WtalError, match=message) as caught:
        read_labels(_write(tmp_path, tree))
    assert "file.json" in str(caught.value)


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ("{", "not readable as JSON"),
        ("[" * 100_000, "not readable as JSON"),
        ({"videos": {}}, "needs 'classes'"),
        ({"classes": ["a", "a"], "videos": {}}, "each once"),
        ([], "needs 'classes'"),
    ],
)
def test_a_file_of_another_kind(tmp_path: Path, tree: Any, message: str) -> None:
    with pytest.raises(WtalError, match=message):
        read_labels(_write(tmp_path, tree))


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(WtalError, match="no such file"):
        read_labels(tmp_path / "labels.json")


def test_multi_hot_refuses_unknown_names() -> None:
    with pytest.raises(ValueError, match="'fly' is none of the 3 classes"):
        multi_hot([["jump"], ["fly"]], ("jump", "run", "swim"))


def test_predictions_survive_writing(tmp_path: Path) -> None:
    path = tmp_path / "predictions.json"
    found = Segments.build(
        ["w", "v", "w"], ["run", "jump", "jump"], [0.1, 1 / 3, 2], [4, 5.5, 3], [0.2, 0.5, 0.7]
    )
    write_predictions(path, found, ["v", "w", "nothing"], {"used": True})
    tree = json.loads(path.read_text())
    assert list(tree["results"]) == ["v", "w", "nothing"]
    assert tree["results"]["nothing"] == []
    assert tree["external_data"] == {"used": True}
    back = read_predictions(path)
    assert back.video.tolist() == ["v", "w", "w"]
    assert back.score.tolist() == [0.5, 0.7, 0.2]
    assert back.start_s.tolist() == [1 / 3, 2, 0.1]  # to the last bit
    assert [p.name for p in tmp_path.iterdir()] == ["predictions.json"]


def test_no_predictions_at_all(tmp_path: Path) -> None:
    write_predictions(tmp_path / "p.json", Segments.empty(), ["v"])
    assert len(read_predictions(tmp_path / "p.json")) == 0


def test_predictions_of_unlisted_videos_are_not_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'x'"):
        write_predictions(tmp_path / "p.json", Segments.build(["x"], ["a"], [0], [1]), ["v"])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ('{"label": "a", "score": 1, "segment": [0]}', r"results\['v'\]\[0\] needs a segment"),
        ('{"label": "a", "score": 1, "segment": [0, "9"]}', "needs a segment"),
        ('{"label": "a", "score": NaN, "segment": [0, 1]}', "holds NaN"),
        ('{"label": 7, "score": 1, "segment": [0, 1]}', r"'label' \(str\)"),
        ('{"label": "a", "segment": [0, 1]}', r"'score' \(int or float\)"),
        ('{"label": "a", "score": 1, "segment": [5, 1]}', "ends before it starts"),
    ],
)
def test_a_bad_prediction_is_named(tmp_path: Path, item: str, message: str) -> None:
    with pytest.raises(WtalError, match=message):
        read_predictions(_write(tmp_path, f'{{"results": {{"v": [{item}]}}}}'))
