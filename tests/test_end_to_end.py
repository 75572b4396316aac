"""The pipeline as a user meets it: run, rerun, changed, killed, interrupted, fed broken files."""

import json
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.tiny_run import TINY, Clone, stages_in

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("tiny_run")]

VIDEOS = TINY["world"]["train_videos"] + TINY["world"]["test_videos"]
# stage: items of a finished run
ITEMS = {"frames": VIDEOS, "flow": VIDEOS, "features_i3d": 2 * VIDEOS, "features_clip": VIDEOS}


def test_a_run_ends_in_metrics(tiny_run: Clone) -> None:
    results = tiny_run.root / "results" / "demo"
    metrics = json.loads((results / "metrics.json").read_text())
    assert {"map_avg_0.1-0.7", "map_avg_r0", "map_avg_r2", "gain"} <= set(metrics)
    assert all(-1 <= value <= 1 for value in metrics.values())
    assert len((results / "rounds.csv").read_text().splitlines()) == 1 + 3
    assert len(list((results / "pictures").glob("*.png"))) == 3
    assert {stage: len(tiny_run.items(stage)) for stage in ITEMS} == ITEMS
    assert tiny_run.epochs("*") == []  # nothing is left of finished trainings


def test_a_second_run_does_nothing(tiny_run: Clone) -> None:
    before = tiny_run.locks()
    assert tiny_run.repro() == []
    assert tiny_run.locks() == before


def test_git_sees_results_and_locks_alone(tiny_run: Clone) -> None:
    """All else that a run makes is ignored, so that `git add --all` takes the right things."""
    words = ["git", "status", "--porcelain", "--untracked-files=all"]
    code = f"import subprocess; subprocess.run({words})"
    paths = {line[3:] for line in tiny_run.run("-c", code).splitlines()}
    locks = {"dvc.lock", "data/demo/dvc.lock"}
    assert {path for path in paths if not path.startswith("results/demo/")} == locks
    assert "results/demo/metrics.json" in paths


def test_another_clean_run_killed_at_bad_moments_ends_in_the_same_bytes(
    tiny_run: Clone, tmp_path: Path
) -> None:
    """Elsewhere, with its own caches and another number of processes. Finished items stay."""
    other = Clone.make(tmp_path, workers=1, source=tiny_run.root)
    kept: dict[str, dict[str, int]] = {}

    def some_items(stage: str, count: int) -> Callable[[], bool]:
        return lambda: len(other.items(stage)) >= count

    for stage, count, kind in (
        ("frames", 2, signal.SIGKILL),
        ("flow", 3, signal.SIGKILL),
        ("features_i3d", 5, signal.SIGINT),
        ("features_clip", 2, signal.SIGKILL),
    ):
        code, output = other.interrupt(kind, some_items(stage, count), stage)
        assert stages_in(output)[-1] == stage
        assert code == -signal.SIGKILL if kind is signal.SIGKILL else code > 0, output
        kept[stage] = other.items(stage)
        assert len(kept[stage]) < ITEMS[stage]
        assert f"data/demo/{stage.removeprefix('features_')}" not in other.hashes()

    code, output = other.interrupt(
        signal.SIGKILL, lambda: other.epochs("b_step")[-1:] >= [2], "b_step@r1"
    )
    reached = other.epochs("b_step")[-1]
    assert reached < TINY["b_step"]["epochs"]
    rest = other.run("-m", "dvc", "repro")
    assert not {"check", *ITEMS, "warm_up"} & set(stages_in(rest))
    assert "b_step@r1" in stages_in(rest)
    assert f"b_step@r1: goes on after epoch {reached}\n" in rest

    assert other.hashes() == tiny_run.hashes()
    assert other.locks() == tiny_run.locks()
    for stage, finished in kept.items():
        assert finished.items() <= other.items(stage).items(), f"{stage}: finished items redone"


def test_a_threshold_reruns_from_the_first_distillation_on(tiny_run: Clone) -> None:
    before = tiny_run.hashes()
    tiny_run.set_params("thresholds", delta_h=0.45)
    ran = tiny_run.repro("evaluate@r1", "evaluate_r0")
    assert sorted(ran) == [
        "b_step@r1", "check", "evaluate@r1", "evaluate_r0", "f_step@r1", "infer@r1",
    ]  # fmt: skip
    changed = {path for path, md5 in tiny_run.hashes().items() if before[path] != md5}
    assert "data/demo/r1/pseudo_cbp.zarr" in changed
    tiny_run.set_params("thresholds", delta_h=0.3)
    assert tiny_run.repro("evaluate@r1", "evaluate_r0") == []  # DVC remembers the earlier run
    assert tiny_run.hashes() == before


def test_one_video_more_costs_one_video(tiny_run: Clone) -> None:
    before = {stage: tiny_run.items(stage) for stage in ITEMS}
    tiny_run.set_params("world", train_videos=TINY["world"]["train_videos"] + 1)
    ran = tiny_run.repro("features_i3d", "features_clip")
    assert set(ran) == {"check", "world", "clips", *ITEMS}
    after = {stage: tiny_run.items(stage) for stage in ITEMS}
    assert {s: len(after[s]) - len(before[s]) for s in ITEMS} == {
        "frames": 1, "flow": 1, "features_i3d": 2, "features_clip": 1,
    }  # fmt: skip
    assert all(before[s].items() <= after[s].items() for s in ITEMS)
    tiny_run.set_params("world", train_videos=TINY["world"]["train_videos"])
    tiny_run.repro("features_i3d", "features_clip")


def test_broken_videos_are_named_skipped_and_counted(tiny_run: Clone, tmp_path: Path) -> None:
    data = small_data_set(tiny_run, tmp_path, ["train_000", "train_001", "test_000", "test_001"])
    film = data / "videos" / "train_001.mp4"
    film.write_bytes(film.read_bytes()[: film.stat().st_size // 2])
    (data / "videos" / "test_001.mp4").write_text("not a film at all\n" * 100)

    refused = tiny_run.run("-m", "stages.frames", str(data), code=2)
    assert "2 of 4 videos cannot be used" in refused
    assert not (data / "frames").exists()

    tolerant = tmp_path / "params.yaml"
    text = (tiny_run.root / "params.yaml").read_text(encoding="utf-8")
    tolerant.write_text(text.replace("max_bad_fraction: 0.05", "max_bad_fraction: 0.5"))
    said = tiny_run.run("-m", "stages.frames", str(data), "--params", str(tolerant))
    for name in ("train_001.mp4", "test_001.mp4"):
        assert any(name in line and "skipped" in line for line in said.splitlines()), said
    record = json.loads((data / "frames" / "record.json").read_text())
    assert list(record["videos"]) == ["test_000", "train_000"]
    assert [bad["id"] for bad in record["bad"]] == ["test_001", "train_001"]
    for stage in ("flow", "features_clip"):
        tiny_run.run("-m", f"stages.{stage}", str(data))
    assert (data / "clip" / "train.zarr").is_dir()


def test_a_misspelt_key_stops_everything_at_once(tiny_run: Clone) -> None:
    path = tiny_run.root / "params.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("delta_h:", "delta_hh:"), encoding="utf-8")
    said = tiny_run.run("-m", "dvc", "repro", code=255)
    path.write_text(text, encoding="utf-8")
    assert stages_in(said) == ["check"]
    assert "thresholds: unknown key 'delta_hh' (= 0.3); did you mean 'delta_h'?" in said


def small_data_set(run: Clone, folder: Path, names: list[str]) -> Path:
    """Some of the run's videos as a data set of their own, with the run's encoders."""
    demo, data = run.root / "data" / "demo", folder / "data" / "small"
    labels = json.loads((demo / "labels.json").read_text())
    labels["videos"] = {name: labels["videos"][name] for name in names}
    (data / "videos").mkdir(parents=True)
    (data / "labels.json").write_text(json.dumps(labels))
    shutil.copy(demo / "dataset.yaml", data / "dataset.yaml")
    shutil.copytree(demo / "encoders", data / "encoders")
    for name in names:
        shutil.copy(demo / "videos" / f"{name}.mp4", data / "videos" / f"{name}.mp4")
    return data
