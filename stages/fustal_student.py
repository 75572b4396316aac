"""Stage fustal_student: a detector of segments from pseudo-segments.

In: labels.json, i3d/train.zarr, fustal/pseudo_segments.json (what the filter kept). Out:
fustal/student (mean weights), fustal/curves_student.csv (each loss, and the segments and positive
points that were learnt from).
"""

from pathlib import Path
from typing import Annotated

import typer

from stages.launch import launch
from stages.parts.features import read_features
from stages.parts.fustal_student import train_and_save
from wtal_core.annotations import read_predictions
from wtal_core.params import read_params, read_run
from wtal_core.schema.student import StudentParams


def main(
    data: Annotated[Path, typer.Argument(help="folder of the data set, e.g. data/demo")],
    params: Annotated[Path, typer.Option(help="the parameters")] = Path("params.yaml"),
) -> None:
    """Train FuSTAL's student on the features of DATA's training split into DATA/fustal."""
    train_and_save(
        read_features(data, "train", with_clip=False),
        read_predictions(data / "fustal" / "pseudo_segments.json"),
        read_params(params, data / "dataset.yaml", "student", StudentParams),
        read_run(params).seed,
        data / "fustal" / "student",
        data / "fustal" / "curves_student.csv",
    )


if __name__ == "__main__":
    launch(main)
