"""Stage features_i3d: both streams of I3D on every snippet of the grid.

In: labels.json, frames/, flow/, the two I3D checkpoints, sections `video`, `snippet` and `i3d` of
dataset.yaml. Out: i3d/{train,test}.zarr with `feat` (T, D) float16, columns of RGB before flow.
Where `i3d.imported` names imported features, these are checked and passed on instead.
"""

from pathlib import Path
from typing import Annotated

import typer

from stages.launch import launch
from wtal_core.importing.features_store import pass_on
from wtal_core.params import read_facts
from wtal_core.schema.encoders import I3dParams
from wtal_core.weights.needed import require_weights


def main(
    data: Annotated[Path, typer.Argument(help="folder of the data set, e.g. data/demo")],
) -> None:
    """Encode DATA/frames and DATA/flow into DATA/i3d."""
    params = read_facts(data / "dataset.yaml", "i3d", I3dParams)
    if params.imported:
        pass_on(data / params.imported, params.sha256, data / "i3d")
        return
    require_weights({"i3d_rgb": data / params.rgb, "i3d_flow": data / params.flow})
    # torch takes seconds to load; what is missing has been said before.
    from stages.parts.encoding_i3d import encode_videos

    encode_videos(data)


if __name__ == "__main__":
    launch(main)
