"""FuSTAL's student and its detections, on toy features with pseudo-segments by hand."""

import csv
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from stages import fustal_evaluate, fustal_infer, fustal_student
from stages.parts.features import read_features
from stages.parts.fustal_student import join_segments
from tests.stages.tiny_method import CLASSES, GRID, TEST, TRAIN, make_data, write
from wtal_core.annotations import read_json, read_predictions
from wtal_core.checkpoint import Resume, load_checkpoint, save_checkpoint
from wtal_core.errors import WtalError
from wtal_core.tables import write_json

START_S, END_S = float(GRID.start_s(8)), float(GRID.end_s(10))  # the action of every video


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Student and predictions once. v5 has no pseudo-segment."""
    folder = tmp_path_factory.mktemp("student")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WTAL_ITEM_CACHE", str(folder / "cache"))
        data = make_data(folder)
        torch.set_num_threads(1)
        (data / "fustal").mkdir()
        change(data, "  min_steps: 1  # passes are repeated until", "  min_steps: 15  # passes are")
        rows = [
            [{"label": CLASSES[n % 3], "score": 0.9, "segment": [START_S, END_S]}] * (n < 5)
            for n in range(TRAIN)
        ]
        kept = {f"v{n}": one for n, one in enumerate(rows)}
        write(data / "fustal" / "pseudo_segments.json", {"results": kept, "dropped": {}})
        run_both(data)
        yield data


@pytest.fixture
def data(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy to change."""
    monkeypatch.setenv("WTAL_ITEM_CACHE", str(tmp_path / "cache"))
    torch.set_num_threads(1)
    shutil.copytree(made.parent, tmp_path / "copy", ignore=shutil.ignore_patterns("cache"))
    return tmp_path / "copy" / "tiny"


def params_of(data: Path) -> Path:
    return data.parent / "params.yaml"


def change(data: Path, old: str, new: str) -> None:
    text = params_of(data).read_text()
    head, mark, tail = text.partition("\nstudent:")
    assert tail.count(old) == 1
    params_of(data).write_text(head + mark + tail.replace(old, new))


def run_both(data: Path) -> None:
    fustal_student.main(data, params_of(data))
    fustal_infer.main(data, params_of(data))


def files(data: Path) -> dict[str, bytes]:
    there = (p for p in sorted((data / "fustal").rglob("*")) if p.is_file())
    return {str(p.relative_to(data)): p.read_bytes() for p in there}


def test_what_is_written(made: Path) -> None:
    assert set(files(made)) == {
        "fustal/pseudo_segments.json", "fustal/student/model.safetensors",
        "fustal/student/meta.json", "fustal/curves_student.csv", "fustal/predictions.json",
    }  # fmt: skip
    assert not list((made.parent / "cache" / "work").rglob("epoch-*"))
    _, meta = load_checkpoint(made / "fustal" / "student")
    assert meta["classes"] == list(CLASSES)
    with (made / "fustal" / "curves_student.csv").open(newline="") as file:
        rows = [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)]
    assert rows[0]["segments"] == 5
    assert rows[-1]["total"] < rows[0]["total"]


def test_seconds_become_places_on_the_grid(made: Path) -> None:
    """Snippet 8 begins half a snippet before its middle."""
    features = read_features(made, "train", with_clip=False)
    videos = list(
        join_segments(features, read_predictions(made / "fustal" / "pseudo_segments.json"))
    )
    assert [len(video.class_N) for video in videos] == [1] * 5 + [0]
    np.testing.assert_allclose(videos[1].seg_N2.numpy(), [[7.5, 10.5]], atol=1e-5)
    assert videos[1].class_N.tolist() == [1]


def test_predictions_are_of_the_test_videos_and_inside_them(made: Path) -> None:
    path = made / "fustal" / "predictions.json"
    tree = read_json(path)
    assert list(tree["results"]) == [f"v{n}" for n in range(TRAIN, TRAIN + TEST)]
    found = read_predictions(path)
    durations = read_json(made / "frames" / "record.json")["videos"]
    for video in tree["results"]:
        one = found.take(found.video == video)
        assert 0 < len(one) <= 30
        assert set(one.label) <= set(CLASSES)
        assert one.start_s.min() >= 0
        assert one.end_s.max() <= durations[video]["duration_s"]
        assert (np.diff(one.score) <= 0).all()


def test_they_are_evaluated_as_others_are(data: Path, tmp_path: Path) -> None:
    action = {"segment": [START_S, END_S]}
    truth = {
        f"v{n}": {
            "subset": "test",
            "duration": float(GRID.end_s(20 + n - 1)),
            "annotations": [action | {"label": CLASSES[n % 3]}],
        }
        for n in range(TRAIN, TRAIN + TEST)
    }
    write(data / "ground_truth.json", {"database": truth})
    fustal_evaluate.main(data, data / "fustal" / "predictions.json", "student", tmp_path)
    metrics = read_json(tmp_path / "tiny" / "fustal" / "student" / "metrics.json")
    assert metrics["map@0.3"] > 0.6


def test_the_same_bytes_again(made: Path, data: Path) -> None:
    shutil.rmtree(data / "fustal" / "student")
    run_both(data)
    assert files(data) == files(made)


def test_a_killed_student_goes_on(made: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped after the epoch before its labels change: the same bytes, and one epoch less."""
    shutil.rmtree(data / "fustal" / "student")
    save = Resume.save
    saved: list[int] = []

    def save_and_stop(self: Resume, epoch: int, *state: Any) -> None:
        save(self, epoch, *state)
        raise KeyboardInterrupt

    def save_and_count(self: Resume, epoch: int, *state: Any) -> None:
        save(self, epoch, *state)
        saved.append(epoch)

    monkeypatch.setattr(Resume, "save", save_and_stop)
    with pytest.raises(KeyboardInterrupt):
        fustal_student.main(data, params_of(data))
    assert not (data / "fustal" / "student").exists()
    monkeypatch.setattr(Resume, "save", save_and_count)
    run_both(data)
    assert saved == [2]
    assert files(data) == files(made)


def test_other_segments_do_not_go_on_from_these(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was kept of a killed run belongs to the pseudo-segments that it learnt from."""
    save = Resume.save
    saved: list[int] = []

    def save_and_stop(self: Resume, epoch: int, *state: Any) -> None:
        save(self, epoch, *state)
        saved.append(epoch)
        raise KeyboardInterrupt

    monkeypatch.setattr(Resume, "save", save_and_stop)
    for end_s in (END_S, END_S + 1):
        row = {"label": CLASSES[0], "score": 0.9, "segment": [START_S, end_s]}
        write(data / "fustal" / "pseudo_segments.json", {"results": {"v0": [row]}})
        with pytest.raises(KeyboardInterrupt):
            fustal_student.main(data, params_of(data))
    assert saved == [1, 1]


def test_another_checkpoint_is_refused(data: Path) -> None:
    save_checkpoint(data / "fustal" / "student", {}, {"branch": "vlp"})
    with pytest.raises(WtalError, match=r"holds 'vlp' and no student"):
        fustal_infer.main(data, params_of(data))


def test_nothing_to_learn_from_is_told(data: Path) -> None:
    write_json(data / "fustal" / "pseudo_segments.json", {"results": {"v0": []}})
    with pytest.raises(WtalError, match=r"no training video has a pseudo-segment"):
        fustal_student.main(data, params_of(data))
