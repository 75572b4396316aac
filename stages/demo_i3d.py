"""Stage demo_i3d: pre-trains one stream of a narrow I3D as a classifier of trimmed clips.

In: data/demo/pretrain, section `pretrain_i3d` of params.yaml. Out: data/demo/encoders/i3d_<stream>.
"""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from stages.launch import launch
from wtal_core.checkpoint import save_checkpoint
from wtal_core.params import read_params
from wtal_core.schema.encoders import I3dPretrainParams
from wtal_core.schema.world import WorldParams
from wtal_core.synthetic.pretrain_i3d import pretrain_i3d


def main(
    data: Annotated[Path, typer.Argument(help="folder of the data set, e.g. data/demo")],
    stream: Annotated[str, typer.Option(help="rgb or flow")],
    params: Annotated[Path, typer.Option(help="the parameters")] = Path("params.yaml"),
) -> None:
    """Train on DATA/pretrain, write DATA/encoders/i3d_STREAM."""
    world = read_params(params, None, "world", WorldParams)
    training = read_params(params, None, "pretrain_i3d", I3dPretrainParams)
    clips = np.load(data / "pretrain" / f"{stream}.npy", allow_pickle=False)
    labels = np.load(data / "pretrain" / "label.npy", allow_pickle=False)
    tensors, record = pretrain_i3d(clips, labels, training, world.seed)
    meta = {"network": "i3d", "stream": stream, "width": training.width, **record}
    save_checkpoint(data / "encoders" / f"i3d_{stream}", tensors, meta)


if __name__ == "__main__":
    launch(main)
