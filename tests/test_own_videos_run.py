"""From a folder of tagged films to segments, with the commands that `wtal init` prints."""

import csv
import json
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.own_videos.folders import snapshot
from tests.tiny_run import Clone, stages_in
from wtal_core.annotations import read_json, read_labels, read_predictions

pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.xdist_group("tiny_run")]
NAME, SEED = "mine", 4321  # of a world that nothing else uses


@pytest.fixture
def clone(tiny_run: Clone, tmp_path: Path) -> Clone:
    """A copy of the tiny run's: another data set changes its params.yaml and its dvc.lock."""
    shutil.copytree(tiny_run.root, tmp_path / "clone", symlinks=True)
    return Clone(tmp_path / "clone", tiny_run.workers)


def render_films(clone: Clone) -> Path:
    """Eight training and three test films of a fresh world in folders of their own, and one table
    with the tags of the training films alone.
    """
    world = clone.root.parent / "fresh"
    world.mkdir()
    params = yaml.safe_load((clone.root / "params.yaml").read_text(encoding="utf-8"))
    params["world"] |= {"seed": SEED, "train_videos": 8, "test_videos": 3}
    (world / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    clone.run("-m", "stages.demo_world", str(world), "--params", str(world / "params.yaml"))
    films = clone.root.parent / "films"
    labels = read_labels(world / "labels.json")
    for subset in ("train", "test"):
        (films / subset).mkdir(parents=True)
        for number, video in enumerate(labels.videos(subset)):
            # equal stems in both folders
            (world / video.file).rename(films / subset / f"{number}.mp4")
    with (films / "tags.csv").open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(["video", "tags"])
        for number, video in enumerate(labels.videos("train")):
            writer.writerow([f"train/{number}.mp4", ";".join(video.labels)])
    return films


def test_init_check_plan_run(clone: Clone) -> None:
    films = render_films(clone)
    before = snapshot(films)
    said = clone.run(
        "-m", "wtal_cli.main", "init", NAME, str(films), "--like", "demo", "--untagged", "test"
    )
    commands = said[said.index("next:") :].splitlines()[1:]
    commands = [line.strip() for line in commands if line.startswith("  ")]
    assert [line.split()[:2] for line in commands] == [
        ["wtal", "check"], ["dvc", "add"], ["git", "add"], ["wtal", "plan"], ["dvc", "exp"],
    ]  # fmt: skip
    output = ""
    for line in commands:
        for part in line.split(" && "):
            first, *words = shlex.split(part, comments=True)
            if first == "git":
                subprocess.run(["git", *words], cwd=clone.root, check=True, env=clone.environment)
                continue
            module = {"wtal": "wtal_cli.main", "dvc": "dvc"}[first]
            output = clone.run("-m", module, *words)
    assert snapshot(films) == before
    assert stages_in(output)[:3] == ["check", "frames", "flow"]
    data = clone.root / "data" / NAME
    sources = read_json(data / "sources.json")["videos"]
    tested = {name for name, one in sources.items() if one["source"].startswith("test/")}
    assert len(tested) == 3
    found = read_json(data / "r2" / "predictions.json")["results"]
    assert set(found) == tested
    record = read_json(data / "frames" / "record.json")["videos"]
    segments = read_predictions(data / "r2" / "predictions.json")
    for video, end in zip(segments.video, segments.end_s, strict=True):
        assert end <= record[video]["duration_s"] + 1e-6
    checked = clone.run("-m", "wtal_cli.main", "check", NAME, "--json", "health.json")
    health = json.loads((clone.root / "health.json").read_text())
    seconds = {one["id"]: one["health"]["duration_s"] for one in health["videos"]}
    assert seconds == {name: one["duration_s"] for name, one in record.items()}
    assert "0 cannot be used" in checked
