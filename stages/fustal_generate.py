"""Stage fustal_generate: FuSTAL's generator from video-level labels alone.

In: labels.json, i3d/train.zarr. Out: fustal/generator (weights), fustal/curves_generator.csv (the
loss of the labels, the contrast within videos, and that across videos).
"""

from pathlib import Path
from typing import Annotated

import typer

from stages.launch import launch
from stages.parts.features import read_features
from stages.parts.fustal_generator import train_generator
from wtal_core.params import read_params, read_run
from wtal_core.schema.fustal_generate import FustalGenerateParams


def main(
    data: Annotated[Path, typer.Argument(help="folder of the data set, e.g. data/demo")],
    params: Annotated[Path, typer.Option(help="the parameters")] = Path("params.yaml"),
) -> None:
    """Train FuSTAL's generator on the features of DATA's training split into DATA/fustal."""
    chosen = read_params(params, data / "dataset.yaml", "fustal_generate", FustalGenerateParams)
    train_generator(
        read_features(data, "train", with_clip=False),
        chosen,
        read_run(params).seed,
        data / "fustal" / "generator",
        data / "fustal" / "curves_generator.csv",
    )


if __name__ == "__main__":
    launch(main)
