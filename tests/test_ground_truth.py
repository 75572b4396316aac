"""ground_truth.json: what is read, what is refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from wtal_core.errors import WtalError
from wtal_core.ground_truth import has_instances, read_ground_truth


def _write(folder: Path, annotations: list[dict[str, Any]], duration: float = 20.0) -> Any:
    database = {
        "v": {"subset": "test", "duration": duration, "annotations": annotations},
        "w": {
            "subset": "test",
            "duration": 9.5,
            "annotations": [{"segment": [2, 4], "label": "run"}, {"segment": [5, 7], "label": "b"}],
        },
        "u": {
            "subset": "train",
            "duration": 5,
            "annotations": [{"segment": [0, 5], "label": "run"}],
        },
    }
    path = folder / "ground_truth.json"
    path.write_text(json.dumps({"database": database}))
    return path


def test_reading_one_subset(tmp_path: Path) -> None:
    truth = read_ground_truth(_write(tmp_path, [{"segment": [1, 20.05], "label": "a"}]), "test")
    assert truth.durations == {"v": 20.0, "w": 9.5}
    assert truth.segments.video.tolist() == ["v", "w", "w"]
    assert truth.segments.end_s.tolist() == [20.0, 4.0, 7.0]  # cut at the end of the video
    assert truth.of("w").label.tolist() == ["run", "b"]
    assert truth.video_labels(["w", "v"], ("a", "b", "run")).tolist() == [[0, 1, 1], [1, 0, 0]]


@pytest.mark.parametrize(
    ("segment", "message"),
    [
        ([3, 3], "0 <= start < end"),
        ([4, 3], "0 <= start < end"),
        ([-1, 3], "0 <= start < end"),
        ([10, 250], "Are these frames"),
        ([25, 26], "Are these frames"),
        ([1], "needs a segment"),
    ],
)
def test_a_bad_instance_is_named(tmp_path: Path, segment: list[float], message: str) -> None:
    good = {"segment": [0, 1], "label": "a"}
    path = _write(tmp_path, [good, {"segment": segment, "label": "a"}])
    with pytest.raises(WtalError, match=message) as caught:
        read_ground_truth(path, "test")
    assert "database['v'].annotations[1]" in str(caught.value)


def test_what_is_kept_as_annotated(tmp_path: Path) -> None:
    """Empty, behind the end, across it: as they stand; reversed and negative ones stay errors."""
    rows = [[5, 5], [21, 22.5], [19, 20.05], [18, 33]]
    items = [{"segment": row, "label": "a", "as_annotated": True} for row in rows]
    truth = read_ground_truth(_write(tmp_path, items), "test")
    assert truth.of("v").seg_N2.tolist() == rows
    for row in ([6, 5], [-1, 2]):
        item = {"segment": row, "label": "a", "as_annotated": True}
        with pytest.raises(WtalError, match="needs 0 <= start < end"):
            read_ground_truth(_write(tmp_path, [item]), "test")


def test_other_faults(tmp_path: Path) -> None:
    with pytest.raises(WtalError, match="duration above 0"):
        read_ground_truth(_write(tmp_path, [], duration=0), "test")
    with pytest.raises(WtalError, match="subset 'val'"):
        read_ground_truth(_write(tmp_path, []), "val")
    with pytest.raises(WtalError, match="'label'"):
        read_ground_truth(_write(tmp_path, [{"segment": [0, 1]}]), "test")


def _with_ambiguous(folder: Path, ambiguous: Any) -> Path:
    path: Path = _write(folder, [{"segment": [0, 1], "label": "a"}])
    tree = json.loads(path.read_text()) | {"ambiguous": ambiguous}
    path.write_text(json.dumps(tree))
    return path


def test_ambiguous_intervals_of_the_subset(tmp_path: Path) -> None:
    intervals = {"w": [[1, 2.5], [4, 5]], "u": [[0, 1]], "v": []}
    truth = read_ground_truth(_with_ambiguous(tmp_path, intervals), "test")
    assert truth.ambiguous.video.tolist() == ["w", "w"]
    assert truth.ambiguous.seg_N2.tolist() == [[1, 2.5], [4, 5]]
    assert len(truth.segments) == 3
    assert len(read_ground_truth(_with_ambiguous(tmp_path, {}), "test").ambiguous) == 0


@pytest.mark.parametrize(
    ("intervals", "message"),
    [
        ({"w": [[1, 2], [3, 3]]}, r"ambiguous\['w'\]\[1\] needs 0 <= start < end"),
        ({"w": [[-1, 2]]}, r"ambiguous\['w'\]\[0\] needs 0 <= start"),
        ({"w": [[1]]}, r"ambiguous\['w'\]\[0\] needs a segment"),
        ({"w": 3}, "maps videos to lists"),
        ([["w", 1, 2]], "maps videos to lists"),
    ],
)
def test_bad_ambiguous_intervals_are_named(tmp_path: Path, intervals: Any, message: str) -> None:
    with pytest.raises(WtalError, match=message):
        read_ground_truth(_with_ambiguous(tmp_path, intervals), "test")


def test_which_subsets_are_annotated(tmp_path: Path) -> None:
    instance = {"segment": [1.0, 2.0], "label": "hop"}
    database = {
        "a": {"subset": "test", "duration": 9.0, "annotations": [instance]},
        "b": {"subset": "train", "duration": 7.0, "annotations": []},
    }
    path = tmp_path / "ground_truth.json"
    path.write_text(json.dumps({"database": database}), encoding="utf-8")
    assert has_instances(path, "test")
    assert not has_instances(path, "train")
    path.write_text(json.dumps({"videos": {}}), encoding="utf-8")
    with pytest.raises(WtalError, match="needs 'database'"):
        has_instances(path, "test")
