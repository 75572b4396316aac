"""Stage fustal_study: as study_train, for a study with rows that end in FuSTAL's student.

In: as study_train, and fustal/dvc.yaml and fustal/rounds/dvc.yaml. Out: index.json, and per step
that ends in segments <unit>/predictions.json, with scores.zarr of a round and pseudo_segments.json
of a student. Steps of the collaboration are those of study_train, so what that has finished is not
done again.
"""

from pathlib import Path
from typing import Annotated

import typer

from stages.launch import launch
from stages.parts.fustal_steps import run_any
from stages.parts.study_steps import run_study

PIPELINES = tuple(Path(name) for name in ("dvc.yaml", "fustal/dvc.yaml", "fustal/rounds/dvc.yaml"))


def main(
    data: Annotated[Path, typer.Argument(help="folder of the data set, e.g. data/study")],
    study: Annotated[Path, typer.Option(help="what to compare")],
    runs: Annotated[Path, typer.Option(help="folder that gets what the rows end in")],
    params: Annotated[Path, typer.Option(help="the parameters")] = Path("params.yaml"),
    pipelines: Annotated[
        list[Path] | None, typer.Option("--pipeline", help="where stages stand")
    ] = None,
) -> None:
    """Train and localize every row of the study; finished steps are not done again."""
    run_study(data, study, params, pipelines or PIPELINES, runs, run_any)


if __name__ == "__main__":
    launch(main)
