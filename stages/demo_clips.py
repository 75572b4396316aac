"""Stage demo_clips: renders what pre-trains the demo's encoders, apart from every untrimmed video.

In: section `world` of params.yaml, `video`, `snippet` and `flow` of dataset.yaml. Out:
data/demo/pretrain with trimmed clips as frames (rgb.npy) and flow (flow.npy), their motions
(label.npy), images (images.npy) and their captions (captions.json). The flow is the reference's,
OpenCV's, as that of published I3D weights is: which code extracts a user's flow does not change
the encoders.
"""

import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from stages.launch import launch
from wtal_core.atomic import fresh_folder
from wtal_core.items import map_items
from wtal_core.params import read_facts, read_params
from wtal_core.schema.dataset import SnippetParams
from wtal_core.schema.video import FlowParams, VideoParams
from wtal_core.schema.world import WorldParams
from wtal_core.synthetic.clips import motion_vocabulary, render_clip, render_images
from wtal_core.video.flow import iter_flow


def render(
    index: int, world: WorldParams, frames: int, side: int, flow: FlowParams
) -> tuple[np.ndarray, np.ndarray, int]:
    """One clip: frames (F, H, W, 3), flow (F, H, W, 2) thanks to one frame more, motion."""
    pictures, label = render_clip(world, index, frames + 1, side)
    return pictures[:frames], np.stack(list(iter_flow(pictures, flow))), label


def main(
    data: Annotated[Path, typer.Argument(help="folder of the data set, e.g. data/demo")],
    params: Annotated[Path, typer.Option(help="the parameters")] = Path("params.yaml"),
) -> None:
    """Render clips and captioned images into DATA/pretrain."""
    world = read_params(params, None, "world", WorldParams)
    video = read_facts(data / "dataset.yaml", "video", VideoParams)
    snippet = read_facts(data / "dataset.yaml", "snippet", SnippetParams)
    flow = replace(read_facts(data / "dataset.yaml", "flow", FlowParams), backend="opencv")
    count = world.clips_per_motion * len(motion_vocabulary(world.classes))
    one = partial(render, world=world, frames=snippet.frames, side=video.crop, flow=flow)
    clips = list(map_items(one, list(range(count)), title="clips"))
    images, captions = zip(*render_images(world, video.crop), strict=True)
    with fresh_folder(data / "pretrain") as fresh:
        for name, column in zip(("rgb", "flow", "label"), zip(*clips, strict=True), strict=True):
            np.save(fresh / f"{name}.npy", np.stack(column))
        np.save(fresh / "images.npy", np.stack(images))
        (fresh / "captions.json").write_text(json.dumps(captions))


if __name__ == "__main__":
    launch(main)
