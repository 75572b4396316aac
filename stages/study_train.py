"""Stage study_train: runs every row of a study with every seed, on features that are there.

In: study.yaml, params.yaml, dataset.yaml, labels.json, i3d/, clip/, the CLIP checkpoint, dvc.yaml
(which numbers and which code decide the result of each step). Out: runs/index.json and, per step
that ends in segments, runs/<unit>/predictions.json and runs/<unit>/scores.zarr.
"""

import json
import logging
from pathlib import Path
from typing import Annotated

import typer

from stages.launch import launch
from stages.parts.study_file import read_study
from stages.parts.study_steps import (
    Job,
    folder_of,
    hash_data,
    is_done,
    link_tree,
    load_index,
    read_tracked,
    run,
)
from wtal_core.atomic import fresh_folder
from wtal_core.items import map_items
from wtal_core.params import load_yaml, read_facts
from wtal_core.schema.encoders import ClipParams
from wtal_core.study.plan import Documents, plan_study

log = logging.getLogger(__name__)


def main(
    data: Annotated[Path, typer.Argument(help="folder of the data set, e.g. data/study")],
    study: Annotated[Path | None, typer.Option(help="what to compare [DATA/study.yaml]")] = None,
    params: Annotated[Path, typer.Option(help="the parameters")] = Path("params.yaml"),
    pipeline: Annotated[Path, typer.Option(help="the pipeline")] = Path("dvc.yaml"),
) -> None:
    """Train and localize every row of the study; finished steps are not done again."""
    asked = read_study(study or data / "study.yaml")
    base = Documents(load_yaml(params), load_yaml(data / "dataset.yaml"))
    tracked = read_tracked(load_yaml(pipeline), pipeline.parent)
    clip = data / read_facts(data / "dataset.yaml", "clip", ClipParams).weights
    plan = plan_study(asked, base, tracked, hash_data(data, clip))
    due = [Job(step, data.absolute()) for step in plan.in_order() if not is_done(step)]
    log.info("%d of %d steps to do", len(due), len(plan.steps))
    for _ in map_items(run, due, "steps of the study"):
        pass
    with fresh_folder(data / "runs") as fresh:
        for _, _, round_, unit in plan.results:
            if not (fresh / unit).exists():
                done = folder_of(plan.steps[unit])
                link_tree(done / round_ / "predictions.json", fresh / unit / "predictions.json")
                link_tree(done / "scores" / f"{round_}.zarr", fresh / unit / "scores.zarr")
        text = json.dumps(load_index(plan.results), indent=1) + "\n"
        (fresh / "index.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    launch(main)
