"""Stage demo_i3d: pre-trains one stream of a narrow I3D as a classifier of trimmed clips.

In: data/demo/pretrain, section `pretrain_i3d` of params.yaml. Out: data/demo/encoders/i3d_<stream>.
"""

from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from stages.launch import launch
from stages.parts.pretraining import pretrain_and_save
from wtal_core.encoders import i3d
from wtal_core.params import read_params
from wtal_core.schema.encoders import I3dPretrainParams
from wtal_core.schema.world import WorldParams
from wtal_core.synthetic import pretrain_i3d


def main(
    data: Annotated[Path, typer.Argument(help="folder of the data set, e.g. data/demo")],
    stream: Annotated[str, typer.Option(help="rgb or flow")],
    params: Annotated[Path, typer.Option(help="the parameters")] = Path("params.yaml"),
) -> None:
    """Train on DATA/pretrain, going on after a kill; write DATA/encoders/i3d_STREAM."""
    world = read_params(params, None, "world", WorldParams)
    training = read_params(params, None, "pretrain_i3d", I3dPretrainParams)
    sources = [data / "pretrain" / f"{name}.npy" for name in (stream, "label")]
    clips, labels = (np.load(path, allow_pickle=False) for path in sources)
    pretrain_and_save(
        partial(pretrain_i3d.pretrain_i3d, clips, labels, training, world.seed),
        sources,
        training,
        world.seed,
        modules=(i3d, pretrain_i3d),
        packages=("torch",),
        title=f"i3d@{stream}",
        checkpoint=data / "encoders" / f"i3d_{stream}",
        meta={"network": "i3d", "stream": stream, "width": training.width},
    )


if __name__ == "__main__":
    launch(main)
