"""A plan of a small data set beside what its stages then write; nothing here is about time."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

from stages import flow as flow_stage
from stages import frames as frames_stage
from tests.planning.test_estimate import ENCODERS, VIDEO
from tests.stages.tiny_method import CLASSES, METHOD
from tests.test_pipeline import ALL
from tests.video.films import picture, write_film
from wtal_cli.main import app
from wtal_core.importing.features_store import FORMAT
from wtal_core.planning import measure_machine, plan, room
from wtal_core.planning.settings import read_settings
from wtal_core.planning.survey import survey
from wtal_core.store import write_sequences

ROOT = Path(__file__).parents[2]
CLIP = {
    "embed_dim": 8,
    "vision_cfg": {"image_size": 16, "patch_size": 8, "width": 16, "layers": 1, "head_width": 8},
    "text_cfg": {"context_length": 40, "width": 16, "heads": 2, "layers": 1},
}
FRAMES = {"a": 30, "b": 90, "c": 60}  # of each film, at 25 a second
SNIPPETS, COLUMNS = {"a": 21, "b": 34, "c": 12}, {"i3d": 10, "clip": 8}


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three films without any features; the current folder is the repository's."""
    data = tmp_path / "data" / "tiny"
    (data / "videos").mkdir(parents=True)
    for folder, meta in (("i3d_rgb", {"width": 0.05}), ("clip", {"config": CLIP})):
        (data / "encoders" / folder).mkdir(parents=True)
        (data / "encoders" / folder / "meta.json").write_text(json.dumps({"meta": meta}))
    for name, count in FRAMES.items():
        rng = np.random.default_rng(count)
        grain = rng.integers(0, 9, (count, 60, 88, 3)).astype(np.uint8)
        frames = [picture(i, 60, 88) + grain[i] for i in range(count)]
        write_film(data / "videos" / f"{name}.mp4", frames)
    videos: dict[str, Any] = {
        name: {"file": f"videos/{name}.mp4", "subset": "test" if name == "c" else "train"}
        | ({} if name == "c" else {"labels": [CLASSES[0]]})
        for name in FRAMES
    }
    (data / "labels.json").write_text(json.dumps({"classes": CLASSES, "videos": videos}))
    (data / "ground_truth.json").write_text("not for reading")
    facts = yaml.safe_load((ROOT / "data" / "demo" / "dataset.yaml").read_text())
    facts["video"] = {"fps": 20.0, "short_side": 48, "crop": 32}
    facts["method"] = METHOD
    (data / "dataset.yaml").write_text(yaml.safe_dump(facts))
    (tmp_path / "params.yaml").write_text((ROOT / "params.yaml").read_text())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WTAL_ITEM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("WTAL_WORKERS", "1")
    monkeypatch.setattr(measure_machine, "measure_start", lambda module: (1.0, 1))
    return data


@pytest.fixture
def measured(world: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same, and what happens in worker processes is made up: they take seconds to start."""
    monkeypatch.setattr(plan, "measure_videos", lambda *_: (VIDEO, ENCODERS))
    return world


def run_plan(*words: str, code: int = 0) -> tuple[dict[str, Any], str]:
    """The JSON by stage, and all that was said."""
    result = CliRunner().invoke(
        app, ["plan", "tiny", "--measure-s", "0.2", "--json", "plan.json", *words]
    )
    assert result.exit_code == code, result.output
    if not Path("plan.json").is_file():
        return {}, result.output
    made: dict[str, Any] = json.loads(Path("plan.json").read_text())
    return made | {one["stage"]: one for one in made["stages"]}, result.output


def size_of(path: Path) -> int:
    return sum(p.stat().st_size for p in path.rglob("*") if p.is_file())


def import_features(data: Path, kind: str) -> None:
    """What `wtal import features` leaves behind, as far as a plan looks at it."""
    folder = data / "imported" / kind
    for subset, names in (("train", ("a", "b")), ("test", ("c",))):
        items = (
            (name, {"feat": np.zeros((SNIPPETS[name], COLUMNS[kind]), np.float16)})
            for name in names
        )
        write_sequences(folder / f"{subset}.zarr", items, {"feat": ("T", "D")}, {})
    record = {"format": FORMAT, "columns": COLUMNS[kind]}
    (folder / "import.json").write_text(json.dumps(record))
    facts = yaml.safe_load((data / "dataset.yaml").read_text())
    facts[kind] |= {"imported": f"imported/{kind}", "sha256": "0" * 64}
    (data / "dataset.yaml").write_text(yaml.safe_dump(facts))


def test_the_disk_that_frames_and_flow_take(world: Path) -> None:
    made, said = run_plan()
    assert made["frames"]["hours"] > 0
    assert "flow" in said
    frames_stage.main(world)
    flow_stage.main(world)
    for stage in ("frames", "flow"):
        truth = size_of(world / stage)
        assert truth / 2 < made[stage]["data_bytes"] < truth * 2
        assert made[stage]["item_bytes"] == made[stage]["data_bytes"]
    # The films at 20 frames a second have 24, 72 and 48 frames: 1, 4 and 3 snippets.
    rows = (1 + 4 + 3) * 2
    assert made["features_clip"]["data_bytes"] == rows * CLIP["embed_dim"]  # type: ignore[operator]
    assert made["features_i3d"]["data_bytes"] % rows == 0
    assert made["features_i3d"]["data_bytes"] > 0
    # What the process held before counts towards a peak, so a small one may hide in it.
    assert made["warm_up"]["memory_bytes"] is None or made["warm_up"]["memory_bytes"] > 0


def test_what_is_there_counts_nothing(measured: Path) -> None:
    frames_stage.main(measured)
    made, said = run_plan()
    assert [one["stage"] for one in made["stages"] if one["there"]] == ["frames"]
    due = [one for one in made["stages"] if not one["there"]]
    assert made["hours"] == pytest.approx(sum(one["hours"] for one in due))
    scratch = made["needed_bytes"]["items"] - sum(one["item_bytes"] for one in due)
    assert scratch >= 0
    assert made["needed_bytes"]["data"] == pytest.approx(sum(one["data_bytes"] for one in due))
    assert "there" in said


def test_imported_features_need_no_video(world: Path) -> None:
    import_features(world, "i3d")
    import_features(world, "clip")
    for film in (world / "videos").iterdir():
        film.unlink()
    made, _ = run_plan()
    for stage in ("frames", "flow"):
        assert made[stage]["note"] == "imported"
        assert made[stage]["data_bytes"] == 0
    for kind, stage in (("i3d", "features_i3d"), ("clip", "features_clip")):
        assert made[stage]["data_bytes"] == (21 + 34 + 12) * COLUMNS[kind] * 2
        assert made[stage]["item_bytes"] == 0
    # Scores of 12 snippets, 3 classes, 3 kinds, in float32; room for 200 segments.
    assert made["infer@r1"]["data_bytes"] == 12 * 3 * 3 * 4 + 200 * 120


@pytest.mark.slow
def test_one_kind_imported_leaves_the_other_to_do(world: Path) -> None:
    import_features(world, "i3d")
    made, _ = run_plan()
    assert made["flow"]["note"] == "imported"
    assert made["frames"]["data_bytes"] > 0
    assert made["rates"]["encoders"]["clip_s"] > 0
    assert made["rates"]["encoders"]["i3d_rgb_s"] == 0


def test_a_disk_too_small(measured: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    short = [room.Shortage(measured, 2e9, 5_000_000)]
    monkeypatch.setattr(plan, "find_shortages", lambda needed, places: short)
    made, said = run_plan(code=3)
    assert "5.0 MB free" in said
    assert "2.0 GB are needed" in said
    assert made["shortages"][0]["free_bytes"] == 5_000_000
    _, said = run_plan("--allow-full")
    assert "warning" in said


def test_what_is_missing_is_named(measured: Path) -> None:
    (measured / "videos" / "b.mp4").unlink()
    _, said = run_plan(code=2)
    assert "b.mp4" in said
    (measured / "labels.json").unlink()
    _, said = run_plan(code=2)
    assert "labels.json" in said


def test_encoders_that_are_not_there_yet_are_said(world: Path) -> None:
    (world / "encoders" / "clip" / "meta.json").unlink()
    import_features(world, "clip")
    facts = yaml.safe_load((world / "dataset.yaml").read_text())
    facts["clip"] = {"weights": "encoders/none"}
    (world / "dataset.yaml").write_text(yaml.safe_dump(facts))
    found = survey(world, read_settings(Path("params.yaml"), world / "dataset.yaml"))
    assert found.clip_model == "ViT-B-16"
    assert any("encoders/none" in note for note in found.notes)


def test_results_are_those_of_dvc_yaml() -> None:
    outs = plan.stage_outs(Path("data/demo"), Path("results"), ("r1", "r2"))
    for stage, paths in outs.items():
        assert {path.as_posix() for path in paths} <= ALL[stage].outs
    own = {
        name
        for name, stage in ALL.items()
        if "/" not in name and not stage.module.startswith(("demo", "check", "study", "fustal"))
    }
    assert set(outs) == own
