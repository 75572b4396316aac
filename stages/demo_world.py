"""Stage demo_world: renders the synthetic world's untrimmed videos and writes both label files.

In: section `world` of params.yaml. Out: data/demo/videos, labels.json (video-level labels of the
training split) and ground_truth.json (segments, for evaluation only).
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer

from stages.launch import launch
from wtal_core.atomic import fresh_file, fresh_folder
from wtal_core.items import ItemCache, code_version, map_items
from wtal_core.params import read_params
from wtal_core.schema.world import WorldParams
from wtal_core.synthetic import encode, motions, render
from wtal_core.synthetic.labels import ground_truth, weak_labels
from wtal_core.synthetic.world import VideoPlan, class_names, plan_world

SUFFIX = ".mp4"
MODULES = (render, motions, encode)
PACKAGES = ("av", "opencv-contrib-python-headless", "numpy")


@dataclass(frozen=True)
class Job:
    """One planned video."""

    plan: VideoPlan
    world: WorldParams
    cache: ItemCache

    def __str__(self) -> str:
        return self.plan.name


def run(job: Job) -> str:
    """Render one video unless the cache has it; its key in the cache."""
    key = job.cache.key(json.dumps(asdict(job.plan), sort_keys=True))
    if not job.cache.has(key, SUFFIX):
        temporary = job.cache.temporary(key, SUFFIX)
        frames = render.render_video(job.plan, job.world.size, job.world.shake, job.world.noise)
        encode.write_video(temporary, frames, job.plan.fps)
        job.cache.commit(key, SUFFIX, temporary)
    return key


def main(
    data: Annotated[Path, typer.Argument(help="folder of the data set, e.g. data/demo")],
    params: Annotated[Path, typer.Option(help="the parameters")] = Path("params.yaml"),
) -> None:
    """Render every video of the world into DATA."""
    world = read_params(params, None, "world", WorldParams)
    plans, classes = plan_world(world), class_names(world.classes)
    look = {"size": world.size, "shake": world.shake, "noise": world.noise}
    cache = ItemCache("demo_world", code_version(*MODULES, packages=PACKAGES), look)
    keys = list(map_items(run, [Job(plan, world, cache) for plan in plans], "videos"))
    with fresh_folder(data / "videos") as fresh:
        for plan, key in zip(plans, keys, strict=True):
            cache.place(key, SUFFIX, fresh / f"{plan.name}{SUFFIX}")
    for name, content in (
        ("labels.json", weak_labels(plans, classes)),
        ("ground_truth.json", ground_truth(plans, classes)),
    ):
        with fresh_file(data / name) as fresh:
            fresh.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    launch(main)
