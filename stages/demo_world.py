"""Stage demo_world: renders the synthetic world's untrimmed videos and writes both label files.

In: section `world` of params.yaml. Out: data/demo/videos, labels.json (video-level labels of the
training split) and ground_truth.json (segments, for evaluation only).
"""

import json
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from stages.launch import launch
from wtal_core.atomic import fresh_file, fresh_folder
from wtal_core.items import map_items
from wtal_core.params import read_params
from wtal_core.schema.world import WorldParams
from wtal_core.synthetic.encode import write_video
from wtal_core.synthetic.labels import ground_truth, weak_labels
from wtal_core.synthetic.render import render_video
from wtal_core.synthetic.world import VideoPlan, class_names, plan_world


def render(plan: VideoPlan, world: WorldParams, folder: Path) -> None:
    """One video file."""
    frames = render_video(plan, world.size, world.shake, world.noise)
    write_video(folder / f"{plan.name}.mp4", frames, plan.fps)


def main(
    data: Annotated[Path, typer.Argument(help="folder of the data set, e.g. data/demo")],
    params: Annotated[Path, typer.Option(help="the parameters")] = Path("params.yaml"),
) -> None:
    """Render every video of the world into DATA."""
    world = read_params(params, None, "world", WorldParams)
    plans, classes = plan_world(world), class_names(world.classes)
    with fresh_folder(data / "videos") as fresh:
        one = partial(render, world=world, folder=fresh)
        list(map_items(one, plans, title="videos"))
    for name, content in (
        ("labels.json", weak_labels(plans, classes)),
        ("ground_truth.json", ground_truth(plans, classes)),
    ):
        with fresh_file(data / name) as fresh:
            fresh.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    launch(main)
