"""Stage demo_clip: pre-trains a small CLIP contrastively on captioned images.

In: data/demo/pretrain, section `pretrain_clip` of params.yaml. Out: data/demo/encoders/clip.
"""

import json
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from stages.launch import launch
from wtal_core.checkpoint import save_checkpoint
from wtal_core.params import read_params
from wtal_core.schema.encoders import ClipPretrainParams
from wtal_core.schema.world import WorldParams
from wtal_core.synthetic.pretrain_clip import pretrain_clip


def main(
    data: Annotated[Path, typer.Argument(help="folder of the data set, e.g. data/demo")],
    params: Annotated[Path, typer.Option(help="the parameters")] = Path("params.yaml"),
) -> None:
    """Train on DATA/pretrain, write DATA/encoders/clip."""
    world = read_params(params, None, "world", WorldParams)
    training = read_params(params, None, "pretrain_clip", ClipPretrainParams)
    images = np.load(data / "pretrain" / "images.npy", allow_pickle=False)
    captions = json.loads((data / "pretrain" / "captions.json").read_text())
    tensors, record = pretrain_clip(images, captions, training.config(), training, world.seed)
    save_checkpoint(data / "encoders" / "clip", tensors, {"config": training.config(), **record})


if __name__ == "__main__":
    launch(main)
