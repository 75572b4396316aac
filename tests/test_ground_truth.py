"""ground_truth.json: what is read, what is refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from wtal_core.errors import WtalError
from wtal_core.ground_truth import read_ground_truth


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


def test_other_faults(tmp_path: Path) -> None:
    with pytest.raises(WtalError, match="duration above 0"):
        read_ground_truth(_write(tmp_path, [], duration=0), "test")
    with pytest.raises(WtalError, match="subset 'val'"):
        read_ground_truth(_write(tmp_path, []), "val")
    with pytest.raises(WtalError, match="'label'"):
        read_ground_truth(_write(tmp_path, [{"segment": [0, 1]}]), "test")
