"""Stage study_train: runs every row of a study with every seed, on features that are there.

In: study.yaml, params.yaml, dataset.yaml, labels.json, i3d/, clip/, the CLIP checkpoint, dvc.yaml
(which numbers and which code decide the result of each step). Out: runs/index.json and, per step
that ends in segments, runs/<unit>/predictions.json and runs/<unit>/scores.zarr.
"""

from pathlib import Path
from typing import Annotated

import typer

from stages.launch import launch
from stages.parts.study_steps import run_round, run_study


def main(
    data: Annotated[Path, typer.Argument(help="folder of the data set, e.g. data/study")],
    study: Annotated[Path | None, typer.Option(help="what to compare [DATA/study.yaml]")] = None,
    params: Annotated[Path, typer.Option(help="the parameters")] = Path("params.yaml"),
    pipeline: Annotated[Path, typer.Option(help="the pipeline")] = Path("dvc.yaml"),
) -> None:
    """Train and localize every row of the study; finished steps are not done again."""
    asked = study or data / "study.yaml"
    run_study(data, asked, params, [pipeline], data / "runs", run_round)


if __name__ == "__main__":
    launch(main)
