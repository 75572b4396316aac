"""A study's steps: stages of the pipeline, each run in a folder of its own, kept when finished."""

import hashlib
import json
import logging
import shutil
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stages import b_step, f_step, infer, warm_up
from stages.parts.study_file import read_study
from wtal_core.atomic import fresh_folder, link_or_copy
from wtal_core.items import cache_root, hash_code, hash_file, map_items, work_dir
from wtal_core.params import load_yaml, read_facts
from wtal_core.schema.encoders import ClipParams
from wtal_core.study.plan import Documents, Plan, Step, Tracked, plan_study

log = logging.getLogger(__name__)

_LOOK_EVERY_S = 0.05
SHARED = ("labels.json", "i3d", "clip", "frames")  # what every stage finds in a data set's folder
STAGES = (
    "warm_up", "b_step", "f_step", "infer", "fustal_generate", "fustal_propose", "fustal_rounds",
    "fustal_filter", "fustal_student", "fustal_infer",
)  # fmt: skip
# What the folder of a result holds, and where the stage wrote it.
RESULTS = {
    "infer": {"predictions.json": "{round}/predictions.json", "scores.zarr": "scores/{round}.zarr"},
    "fustal_propose": {"predictions.json": "fustal/proposals/fustal/test.json"},
    "fustal_filter": {"pseudo_segments.json": "fustal/pseudo_segments.json"},
    "fustal_infer": {"predictions.json": "fustal/predictions.json"},
}

RunStage = Callable[[Step, Path, Path], None]  # a step, the folder to work in, params.yaml


@dataclass(frozen=True)
class Job:
    """A step, the data set that it is about, and what runs its stage."""

    step: Step
    data: Path  # absolute
    run_stage: RunStage

    def __str__(self) -> str:
        return self.step.name


def run_study(
    data: Path,
    study: Path,
    params: Path,
    pipelines: Sequence[Path],
    runs: Path,
    run_stage: RunStage,
) -> None:
    """Run every row with every seed into `runs`; finished steps are not done again."""
    asked = read_study(study)
    base = Documents(load_yaml(params), load_yaml(data / "dataset.yaml"))
    clip = data / read_facts(data / "dataset.yaml", "clip", ClipParams).weights
    plan = plan_study(asked, base, read_tracked(pipelines), hash_data(data, clip))
    due = [Job(one, data.absolute(), run_stage) for one in plan.in_order() if not is_done(one)]
    log.info("%d of %d steps to do", len(due), len(plan.steps))
    for _ in map_items(run, due, "steps of the study"):
        pass
    publish(plan, runs)


def publish(plan: Plan, runs: Path) -> None:
    """A folder for each step that ends in segments, and index.json, which row has which."""
    with fresh_folder(runs) as fresh:
        for _, _, _, unit in plan.results:
            if (fresh / unit).exists():
                continue
            step = plan.steps[unit]
            for one in (step, *step.inputs):
                for name, where in RESULTS.get(one.stage, {}).items():
                    link_tree(folder_of(one) / where.format(round=one.round), fresh / unit / name)
        text = json.dumps(load_index(plan.results), indent=1) + "\n"
        (fresh / "index.json").write_text(text, encoding="utf-8")


def run_round(step: Step, place: Path, params: Path) -> None:
    """The stages of the collaboration."""
    if step.stage == "warm_up":
        warm_up.main(place, params)
    elif step.stage == "infer":
        infer.main(place, step.round, params)
    else:
        stage = {"b_step": b_step, "f_step": f_step}[step.stage]
        stage.main(place, step.round, str(step.init), params)


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
        job.run_stage(step, place, place / "params.yaml")
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
        for path in sorted(p for p in folder_of(source).rglob("*") if p.is_file()):
            target = place / path.relative_to(folder_of(source))
            if not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
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


def read_tracked(pipelines: Sequence[Path]) -> dict[str, Tracked]:
    """What decides the result of each stage that a study may run, as each dvc.yaml lists it.

    They name each number that a stage reads and each file of its code (tests compare both with
    the source), so that list need not be kept twice. Evaluation is not among them.
    """
    found = {}
    for path, name, stage in _stages_of(pipelines):
        root = path.parent / stage.get("wdir", ".")
        params = [item for item in stage["params"] if isinstance(item, str)]
        dataset = [key for item in stage["params"] if isinstance(item, dict)
                   for keys in item.values() for key in keys]  # fmt: skip
        code = [root / dep for dep in stage["deps"] if dep.endswith(".py")]
        found[name] = Tracked(
            tuple(params), tuple(dataset), hash_code(code, ("torch", "open_clip_torch"))
        )
    return found


def _stages_of(pipelines: Sequence[Path]) -> Iterable[tuple[Path, str, dict[str, Any]]]:
    for path in pipelines:
        for name, stage in load_yaml(path)["stages"].items():
            if name in STAGES:
                yield path, name, stage.get("do", stage)


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
