"""Keys of a whole run, seen in the stages that DVC makes of them, in frames and in pictures."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from dvc.repo import Repo

from stages import frames, summary
from tests.keys.case import ROOT, Case, Scene
from tests.video.films import picture, write_film
from wtal_core.errors import WtalError
from wtal_core.grid import SnippetGrid
from wtal_core.store import write_sequences

VIDEOS = ("good", "fine", "bad")


def prepare(folder: Path) -> None:
    """Two films and a file that is none."""
    (folder / "videos").mkdir()
    for number, name in enumerate(VIDEOS[:2]):
        pictures = [picture(number + i) for i in range(8)]
        write_film(folder / "videos" / f"{name}.mp4", pictures)
    (folder / "videos" / "bad.mp4").write_bytes(b"no film")


def see_pipeline(scene: Scene) -> Any:
    """Names and commands of the stages, as DVC reads them."""
    shutil.copy(ROOT / "dvc.yaml", scene.folder)
    if (ROOT / "fustal").is_dir():  # it may be deleted
        shutil.copytree(ROOT / "fustal", scene.folder / "fustal")
    shutil.copytree(ROOT / "data" / "demo", scene.folder / "data" / "demo",
                    ignore=lambda _, names: [n for n in names if n != "dataset.yaml"])  # fmt: skip
    shutil.copytree(scene.folder / "data" / "demo", scene.folder / "data" / "other")
    assert scene.params.exists()
    with Repo.init(str(scene.folder), no_scm=True) as repo:
        return [(stage.name, stage.cmd) for stage in repo.index.stages]


def see_frames(scene: Scene) -> Any:
    """Which videos were taken and which left out, or that the stage stopped."""
    (scene.folder / "videos").symlink_to(scene.stage / "videos")
    files = {name: {"file": f"videos/{name}.mp4", "subset": "test"} for name in VIDEOS}
    write(scene.folder / "labels.json", {"classes": ["a"], "videos": files})
    facts = {"video": {"short_side": 18, "crop": 16}, "i3d": {}, "clip": {}}
    write(scene.folder / "dataset.yaml", facts)
    try:
        frames.main(scene.folder, scene.params)
    except WtalError:
        return "stopped"
    record = json.loads((scene.folder / "frames" / "record.json").read_text(encoding="utf-8"))
    return sorted(record["videos"]), [video["id"] for video in record["bad"]]


def see_pictures(scene: Scene) -> Any:
    """Which videos the summary draws, of four."""
    data, names, grid = scene.folder / "toy", [f"v{n}" for n in range(4)], SnippetGrid(25, 16, 16)
    hop = {"segment": [0.0, 1.28], "label": "hop"}
    truth = {v: {"subset": "test", "duration": 3.2, "annotations": [hop]} for v in names}
    write(data / "ground_truth.json", {"database": truth})
    write(data / "dataset.yaml", {"dataset": {"name": "toy"}})
    for round_ in ("r0", "r1", "r2"):
        score = {v: dict.fromkeys(("cbp", "vlp", "final"), np.full((5, 2), 0.5)) for v in names}
        attrs = {"grid": grid.to_dict(), "classes": ["hop", "run"]}
        axes = dict.fromkeys(("cbp", "vlp", "final"), ("T", "C"))
        write_sequences(data / "scores" / f"{round_}.zarr", score.items(), axes, attrs)
        metrics = {"map_avg_0.1-0.7": 0.5, "map@0.5": 0.5} | {
            f"{kind}_miou_{branch}": 0.5 for kind in ("fg", "bg") for branch in ("cbp", "vlp")
        }
        write(scene.folder / "results" / "toy" / "rounds" / round_ / "metrics.json", metrics)
    summary.main(data, scene.folder / "results", scene.params)
    return sorted(p.name for p in (scene.folder / "results" / "toy" / "pictures").iterdir())


def write(path: Path, tree: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(tree), encoding="utf-8")


CASES = {
    "dataset": Case("other", see_pipeline),
    "rounds": Case({"r1": "r0"}, see_pipeline),
    "max_bad_fraction": Case(0.4, see_frames),
    "summary.pictures": Case(1, see_pictures),
}
