"""FuSTAL's stages up to the pseudo-segments, on toy features."""

import csv
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from stages import (
    fustal_evaluate,
    fustal_filter,
    fustal_generate,
    fustal_propose,
    fustal_quality,
    fustal_rounds,
    warm_up,
)
from tests.stages.tiny_method import CLASSES, GRID, TEST, TRAIN, make_data, write
from wtal_core.annotations import read_json, read_predictions
from wtal_core.checkpoint import Resume, load_checkpoint
from wtal_core.errors import WtalError

PROPOSALS = Path("fustal/proposals/fustal")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Generator, proposals and filter once, and the warm-up's proposals."""
    folder = tmp_path_factory.mktemp("fustal")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WTAL_ITEM_CACHE", str(folder / "cache"))
        data = make_data(folder)
        torch.set_num_threads(1)
        change(data, "  min_steps: 100  # passes", "  min_steps: 20  # passes")
        run_all(data)
        warm_up.main(data, params_of(data))
        fustal_rounds.main(data, "r0", params_of(data))
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
    assert old in text
    params_of(data).write_text(text.replace(old, new))


def run_all(data: Path) -> None:
    fustal_generate.main(data, params_of(data))
    fustal_propose.main(data, params_of(data))
    fustal_filter.main(data, "fustal", params_of(data))


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(p.relative_to(folder)): p.read_bytes()
        for p in sorted((folder / "fustal").rglob("*"))
        if p.is_file() and p.parent.name != "r0"
    }


def test_what_is_written(made: Path) -> None:
    there = {str(p.relative_to(made)) for p in (made / "fustal").rglob("*") if p.is_file()}
    assert there == {
        "fustal/generator/model.safetensors", "fustal/generator/meta.json",
        "fustal/curves_generator.csv", "fustal/proposals/fustal/train.json",
        "fustal/proposals/fustal/test.json", "fustal/proposals/r0/train.json",
        "fustal/pseudo_segments.json",
    }  # fmt: skip
    assert not list((made.parent / "cache" / "work").rglob("epoch-*"))
    _, meta = load_checkpoint(made / "fustal" / "generator")
    assert meta["classes"] == list(CLASSES)
    with (made / "fustal" / "curves_generator.csv").open(newline="") as file:
        rows = [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)]
    assert list(rows[0]) == ["epoch", "lr", "total", "cls", "within", "cross"]
    assert rows[-1]["cls"] < rows[0]["cls"]


@pytest.mark.parametrize("source", ["fustal", "r0"])
def test_training_videos_get_proposals_of_their_own_labels(made: Path, source: str) -> None:
    path = made / "fustal" / "proposals" / source / "train.json"
    found = read_predictions(path)
    assert list(read_json(path)["results"]) == [f"v{n}" for n in range(TRAIN)]
    for n in range(TRAIN):
        one = found.take(found.video == f"v{n}")
        assert set(one.label) == {CLASSES[n % 3]}
        assert one.start_s.min() >= 0
        assert one.end_s.max() <= GRID.end_s(20 + n - 1)
        if source == "fustal":  # of the action, snippets 8 to 10
            assert one.start_s[0] < GRID.end_s(10)
            assert one.end_s[0] > GRID.start_s(8)


def test_the_branch_that_is_localized_decides_a_rounds_proposals(made: Path, data: Path) -> None:
    """In CLIP's space the class stands in snippets 4 to 15."""
    change(data, "  branch: cbp  # cbp | vlp", "  branch: vlp  # cbp | vlp")
    fustal_rounds.main(data, "r0", params_of(data))
    found = read_predictions(data / "fustal" / "proposals" / "r0" / "train.json")
    by_cbp = (made / "fustal" / "proposals" / "r0" / "train.json").read_bytes()
    assert (data / "fustal" / "proposals" / "r0" / "train.json").read_bytes() != by_cbp
    for n in range(TRAIN):
        one = found.take(found.video == f"v{n}")
        assert set(one.label) == {CLASSES[n % 3]}
        if n in (0, 4):  # by chance the idle snippets of the others look like their class, too
            assert abs(one.start_s[0] - GRID.start_s(4)) < 0.2
            assert abs(one.end_s[0] - GRID.end_s(15)) < 0.2


def test_test_videos_get_proposals_too(made: Path) -> None:
    tree = read_json(made / PROPOSALS / "test.json")
    assert list(tree["results"]) == [f"v{n}" for n in range(TRAIN, TRAIN + TEST)]
    assert all(tree["results"].values())


def test_nothing_is_lost_between_kept_and_dropped(made: Path) -> None:
    before = read_json(made / PROPOSALS / "train.json")["results"]
    after = read_json(made / "fustal" / "pseudo_segments.json")
    assert after["filter"] == {
        "rule": "both", "min_score": 0.4, "min_support": 0.2, "support": "proposals",
        "proposals": "fustal",
    }  # fmt: skip
    for video, rows in before.items():
        kept, dropped = after["results"][video], after["dropped"][video]
        then, now = (
            sorted((one["label"], one["score"], *one["segment"]) for one in some)
            for some in (rows, kept + dropped)
        )
        assert then == now
        assert all(one["score"] > 0.4 and one["support"] >= 0.2 for one in kept)
        for one in dropped:
            held = {"score": one["score"] > 0.4, "support": one["support"] >= 0.2}
            assert one["fails"] == [name for name, holds in held.items() if not holds] != []


def test_the_same_bytes_again(made: Path, data: Path) -> None:
    shutil.rmtree(data / "fustal")
    run_all(data)
    assert files(data) == files(made)


def test_a_killed_generator_goes_on(
    made: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped after its first epoch, then run again: the same bytes, and one epoch less."""
    shutil.rmtree(data / "fustal")
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
        fustal_generate.main(data, params_of(data))
    assert not (data / "fustal" / "generator").exists()
    monkeypatch.setattr(Resume, "save", save_and_count)
    run_all(data)
    assert saved[0] == 2
    assert files(data) == files(made)


def put_proposals(data: Path, scores: dict[str, list[float]]) -> None:
    """Proposals one behind the other, of which none overlaps another."""
    rows = {
        video: [
            {"label": "run", "score": score, "segment": [float(i), i + 1.0], "density": 9.0}
            for i, score in enumerate(each)
        ]
        for video, each in scores.items()
    }
    write(data / PROPOSALS / "train.json", {"results": rows})


def test_videos_left_with_nothing_are_named(data: Path, caplog: pytest.LogCaptureFixture) -> None:
    put_proposals(data, {"v0": [0.9, 0.3], "v1": [0.4], "v2": []})
    change(data, "  rule: both  #", "  rule: score  #")
    with caplog.at_level("INFO"):
        fustal_filter.main(data, "fustal", params_of(data))
    assert "1 of 3 proposals kept, 2 of 3 videos left with nothing" in caplog.text
    assert "left with nothing: v1, v2" in caplog.text
    kept = read_json(data / "fustal" / "pseudo_segments.json")["results"]
    assert {video: len(rows) for video, rows in kept.items()} == {"v0": 1, "v1": 0, "v2": 0}


def test_a_filter_that_keeps_nothing_stops(data: Path) -> None:
    put_proposals(data, {"v0": [0.9], "v1": [0.8]})  # no support at all
    with pytest.raises(WtalError, match=r"no proposal passes .* min_support 0\.2.*lower"):
        fustal_filter.main(data, "fustal", params_of(data))


def test_proposals_without_density_are_refused(data: Path) -> None:
    row = {"label": "run", "score": 0.9, "segment": [0.0, 1.0]}
    write(data / PROPOSALS / "train.json", {"results": {"v0": [row]}})
    with pytest.raises(WtalError, match=r"train.json: a proposal of 'v0' has no density"):
        fustal_filter.main(data, "fustal", params_of(data))


def test_the_source_is_asked_for_in_params_yaml_alone(data: Path) -> None:
    with pytest.raises(WtalError, match=r"student.proposals is fustal here.*those of r0"):
        fustal_filter.main(data, "r0", params_of(data))
    change(data, "  proposals: fustal  # fustal", "  proposals: r0  # fustal")
    change(data, "  min_score: 0.4", "  min_score: 0.1")
    fustal_filter.main(data, "r0", params_of(data))
    assert read_json(data / "fustal" / "pseudo_segments.json")["filter"]["proposals"] == "r0"


def test_another_checkpoint_is_refused(data: Path) -> None:
    shutil.rmtree(data / "fustal" / "generator")
    shutil.copytree(data / "r0" / "cbp", data / "fustal" / "generator")
    with pytest.raises(WtalError, match=r"holds 'cbp' and no generator"):
        fustal_propose.main(data, params_of(data))


class TestEvaluation:
    """Against instances of which every video has one: seconds 5.12 to 7.04, snippets 8 to 10."""

    def put_truth(self, data: Path) -> None:
        start, end = float(GRID.start_s(8)), float(GRID.end_s(10))
        database = {
            f"v{n}": {
                "subset": "train" if n < TRAIN else "test",
                "duration": float(GRID.end_s(20 + n - 1)),
                "annotations": [{"label": CLASSES[n % 3], "segment": [start, end]}],
            }
            for n in range(TRAIN + TEST)
        }
        write(data / "ground_truth.json", {"database": database})

    def test_the_generator_on_test_videos(self, data: Path, tmp_path: Path) -> None:
        self.put_truth(data)
        fustal_evaluate.main(data, data / PROPOSALS / "test.json", "generator", tmp_path)
        out = tmp_path / "tiny" / "fustal" / "generator"
        metrics = json.loads((out / "metrics.json").read_text())
        assert {"map@0.5", "map_avg_0.1-0.7"} <= set(metrics)
        assert metrics["map@0.1"] > 0.9
        rows = (out / "per_class.csv").read_text().splitlines()
        assert [row.split(",")[0] for row in rows] == ["label", *CLASSES]

    def test_perfect_predictions_score_one(self, data: Path, tmp_path: Path) -> None:
        self.put_truth(data)
        truth = json.loads((data / "ground_truth.json").read_text())["database"]
        rows = {v: [one | {"score": 1.0} for one in e["annotations"]] for v, e in truth.items()}
        test = {video: rows[video] for video in rows if truth[video]["subset"] == "test"}
        write(data / "perfect.json", {"results": test})
        fustal_evaluate.main(data, data / "perfect.json", "student", tmp_path)
        metrics = json.loads((tmp_path / "tiny/fustal/student/metrics.json").read_text())
        assert set(metrics.values()) == {1.0}

    def test_the_pseudo_segments(self, data: Path, tmp_path: Path) -> None:
        """Kept: the instances of v0 and v1, and one a second long; dropped: two more."""
        self.put_truth(data)
        start, end = float(GRID.start_s(8)), float(GRID.end_s(10))
        good = [{"label": CLASSES[n], "score": 0.9, "segment": [start, end]} for n in (0, 1)]
        bad = {"label": CLASSES[0], "score": 0.5, "segment": [0.0, 1.0]}
        every = {"v0": [good[0], bad, bad], "v1": [good[1], {**bad, "label": CLASSES[1]}]}
        kept = {"v0": [good[0], bad], "v1": [good[1]], "v2": []}
        write(data / PROPOSALS / "train.json", {"results": every})
        write(data / "fustal" / "pseudo_segments.json", {"results": kept})
        fustal_quality.main(data, "fustal", tmp_path)
        metrics = json.loads((tmp_path / "tiny/fustal/pseudo_segments/metrics.json").read_text())
        assert metrics == {
            "proposals": 5, "proposals_precision@0.5": 0.4,
            "proposals_recall@0.5": pytest.approx(2 / TRAIN, abs=1e-6),
            "pseudo_segments": 3,
            "pseudo_segments_precision@0.5": pytest.approx(2 / 3, abs=1e-6),
            "pseudo_segments_recall@0.5": pytest.approx(2 / TRAIN, abs=1e-6),
            "videos": 3, "videos_left_with_nothing": 1,
        }  # fmt: skip

    def test_pseudo_segments_are_only_counted_without_instances_of_their_videos(
        self, data: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Users annotate the test split, which is all that the first system asks for."""
        self.put_truth(data)
        truth = json.loads((data / "ground_truth.json").read_text())["database"]
        test = {video: entry for video, entry in truth.items() if entry["subset"] == "test"}
        write(data / "ground_truth.json", {"database": test})
        fustal_quality.main(data, "fustal", tmp_path)
        metrics = json.loads((tmp_path / "tiny/fustal/pseudo_segments/metrics.json").read_text())
        assert list(metrics) == [
            "proposals",
            "pseudo_segments",
            "videos",
            "videos_left_with_nothing",
        ]
        assert metrics["proposals"] >= metrics["pseudo_segments"] > 0
        assert "ground_truth.json: no training video has instances" in caplog.text
