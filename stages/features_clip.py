"""Stage features_clip: CLIP's image tower on the frame in the middle of every snippet.

In: labels.json, frames/, the CLIP checkpoint, sections `snippet` and `clip` of dataset.yaml. Out:
clip/{train,test}.zarr with `feat` (T, E) float16, not normalised, on the same grid as i3d/.
Where `clip.imported` names imported features, these are checked and passed on instead; the
checkpoint is still needed, for its text tower.
"""

from pathlib import Path
from typing import Annotated

import typer

from stages.launch import launch
from wtal_core.importing.features_store import pass_on
from wtal_core.params import read_facts
from wtal_core.schema.encoders import ClipParams
from wtal_core.weights.needed import require_weights


def main(
    data: Annotated[Path, typer.Argument(help="folder of the data set, e.g. data/demo")],
) -> None:
    """Encode DATA/frames into DATA/clip."""
    params = read_facts(data / "dataset.yaml", "clip", ClipParams)
    require_weights({"clip": data / params.weights})
    # torch takes seconds to load; what is missing has been said before.
    from stages.parts.encoding_clip import check_width, encode_videos

    if params.imported:
        check_width(data / params.imported, data / params.weights)
        pass_on(data / params.imported, params.sha256, data / "clip")
        return
    encode_videos(data, params)


if __name__ == "__main__":
    launch(main)
