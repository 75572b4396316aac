"""One step of a study: a stage of the pipeline run in a folder of its own, kept when finished."""

import hashlib
import json
import shutil
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stages import b_step, f_step, infer, warm_up
from wtal_core.atomic import fresh_folder, link_or_copy
from wtal_core.items import cache_root, hash_code, hash_file, work_dir
from wtal_core.study.plan import Step, Tracked

_LOOK_EVERY_S = 0.05
SHARED = ("labels.json", "i3d", "clip", "frames")  # what every stage finds in a data set's folder


@dataclass(frozen=True)
class Job:
    """A step, and the data set that it is about."""

    step: Step
    data: Path  # absolute

    def __str__(self) -> str:
        return self.step.name


def folder_of(step: Step) -> Path:
    """Where a finished step's outs lie, as they would in a data set's folder."""
    return cache_root() / "study" / step.name


def is_done(step: Step) -> bool:
    """A step's folder stands under its name whole or not at all."""
    return folder_of(step).is_dir()


def run(job: Job) -> str:
    """Run the stage and keep what it wrote; its name.

    Steps are handed out in an order in which those that one needs come before it, so they are
    finished or in work: waiting for them always ends, if only because one failed and the whole
    pool is stopped.
    """
    step = job.step
    while not all(is_done(needed) for needed in step.inputs):
        time.sleep(_LOOK_EVERY_S)
    with fresh_folder(folder_of(step)) as fresh:
        place = set_up(job)
        params = place / "params.yaml"
        if step.stage == "warm_up":
            warm_up.main(place, params)
        elif step.stage == "infer":
            infer.main(place, step.round, params)
        else:
            stage = {"b_step": b_step, "f_step": f_step}[step.stage]
            stage.main(place, step.round, str(step.init), params)
        keep(place, fresh)
        shutil.rmtree(place)
    return step.name


def set_up(job: Job) -> Path:
    """A folder that looks like a data set's to the stage: facts, features, earlier steps' outs."""
    place = work_dir("study", {"step": job.step.name})
    shutil.rmtree(place)  # unfinished work of the training itself is kept elsewhere
    place.mkdir()
    for name in SHARED:
        (place / name).symlink_to(job.data / name)
    dataset = dict(job.step.documents.dataset)
    dataset["clip"] = dataset["clip"] | {"weights": str(job.data / dataset["clip"]["weights"])}
    for name, document in (("dataset.yaml", dataset), ("params.yaml", job.step.documents.params)):
        (place / name).write_text(json.dumps(document), encoding="utf-8")  # JSON is YAML
    for source in job.step.inputs:
        for path in sorted(folder_of(source).rglob("*")):
            target = place / path.relative_to(folder_of(source))
            if path.name in ("cbp", "vlp") and path.is_dir() and not target.exists():
                target.parent.mkdir(exist_ok=True)
                target.symlink_to(path)
    return place


def keep(place: Path, fresh: Path) -> None:
    """Move what the stage wrote, and nothing that was linked in."""
    for path in sorted(place.rglob("*")):
        inside = path.relative_to(place)
        if path.is_symlink() or any((place / p).is_symlink() for p in inside.parents):
            continue
        if path.is_file() and len(inside.parts) > 1:
            (fresh / inside).parent.mkdir(parents=True, exist_ok=True)
            path.rename(fresh / inside)


def read_tracked(pipeline: dict[str, Any], root: Path) -> dict[str, Tracked]:
    """What decides the result of each stage that a study runs, as dvc.yaml lists it.

    dvc.yaml names each number that a stage reads and each file of its code (tests compare both
    with the source), so that list need not be kept twice.
    """
    found = {}
    for name in ("warm_up", "b_step", "f_step", "infer"):
        stage = pipeline["stages"][name]
        stage = stage.get("do", stage)
        params = [item for item in stage["params"] if isinstance(item, str)]
        dataset = [key for item in stage["params"] if isinstance(item, dict)
                   for keys in item.values() for key in keys]  # fmt: skip
        code = [root / dep for dep in stage["deps"] if dep.endswith(".py")]
        found[name] = Tracked(
            tuple(params), tuple(dataset), hash_code(code, ("torch", "open_clip_torch"))
        )
    return found


def hash_data(data: Path, clip: Path) -> str:
    """Hash of all that the steps of a study read of a data set, the CLIP checkpoint included."""
    digest = hashlib.sha256()
    places = (data / "labels.json", data / "i3d", data / "clip", clip)
    for place in (*places, data / "frames" / "record.json"):
        files = sorted(p for p in place.rglob("*") if p.is_file()) if place.is_dir() else [place]
        for file in files:
            inside = file.relative_to(place).as_posix()
            digest.update(f"{place.name} {inside} {hash_file(file)}\n".encode())
    return digest.hexdigest()


def link_tree(source: Path, target: Path) -> None:
    """The files below a folder, or one file, under second names."""
    for file in (
        [source] if source.is_file() else sorted(p for p in source.rglob("*") if p.is_file())
    ):
        place = target / file.relative_to(source) if source.is_dir() else target
        place.parent.mkdir(parents=True, exist_ok=True)
        link_or_copy(file, place)


def load_index(rows: Iterable[tuple[str, int, str, str]]) -> dict[str, Any]:
    """Which unit holds the result of a row, seed and round."""
    return {
        "results": [
            {"row": row, "seed": seed, "round": round_, "unit": unit}
            for row, seed, round_, unit in rows
        ]
    }
