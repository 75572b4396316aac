"""Stage demo_clip: pre-trains a small CLIP contrastively on captioned images.

In: data/demo/pretrain, section `pretrain_clip` of params.yaml. Out: data/demo/encoders/clip.
"""

import json
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from stages.launch import launch
from stages.parts.pretraining import pretrain_and_save
from wtal_core.encoders import clip, clip_image
from wtal_core.params import read_params
from wtal_core.schema.encoders import ClipPretrainParams
from wtal_core.schema.world import WorldParams
from wtal_core.synthetic import pretrain_clip


def main(
    data: Annotated[Path, typer.Argument(help="folder of the data set, e.g. data/demo")],
    params: Annotated[Path, typer.Option(help="the parameters")] = Path("params.yaml"),
) -> None:
    """Train on DATA/pretrain, going on after a kill; write DATA/encoders/clip."""
    world = read_params(params, None, "world", WorldParams)
    training = read_params(params, None, "pretrain_clip", ClipPretrainParams)
    config = training.config()
    sources = [data / "pretrain" / name for name in ("images.npy", "captions.json")]
    images, captions = np.load(sources[0], allow_pickle=False), json.loads(sources[1].read_text())
    pretrain_and_save(
        partial(pretrain_clip.pretrain_clip, images, captions, config, training, world.seed),
        sources,
        training,
        world.seed,
        modules=(clip, clip_image, pretrain_clip),
        packages=("torch", "open_clip_torch"),
        title="clip",
        checkpoint=data / "encoders" / "clip",
        meta={"config": config},
    )


if __name__ == "__main__":
    launch(main)
