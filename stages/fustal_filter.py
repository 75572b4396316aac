"""Stage fustal_filter: proposals of the training split to pseudo-segments.

In: fustal/proposals/<source>/train.json, where the source is `student.proposals`: FuSTAL's
generator or a round of the collaboration. Out: fustal/pseudo_segments.json: what was kept, and what
was dropped, with the numbers of each (`wtal inspect` shows both).

Differs: the released code filters inside the student's data loader, at every access; here the
result is a file to look at. A video that is left with nothing stays without pseudo-segments.
"""

import logging
from pathlib import Path
from typing import Annotated

import typer

from stages.launch import launch
from stages.parts.fustal_proposals import read_proposals
from stages.parts.fustal_pseudo_segments import write_pseudo_segments
from wtal_core.errors import WtalError
from wtal_core.fustal.prior_filter import judge
from wtal_core.params import read_params
from wtal_core.schema.fustal_filter import FustalFilterParams
from wtal_core.schema.student import StudentParams

log = logging.getLogger(__name__)


def main(
    data: Annotated[Path, typer.Argument(help="folder of the data set, e.g. data/demo")],
    source: Annotated[str, typer.Option(help="whose proposals: fustal, or a round, e.g. r2")],
    params: Annotated[Path, typer.Option(help="the parameters")] = Path("params.yaml"),
) -> None:
    """Keep what the score and the other proposals of its video speak for."""
    limits = read_params(params, data / "dataset.yaml", "fustal_filter", FustalFilterParams)
    asked = read_params(params, data / "dataset.yaml", "student", StudentParams).proposals
    if asked != source:
        raise WtalError(
            f"{data / 'dataset.yaml'}: student.proposals is {asked} here, but the pipeline has "
            f"brought those of {source}; set it in {params}, which alone the pipeline reads"
        )
    path = data / "fustal" / "proposals" / source / "train.json"
    judged = {name: judge(one, limits) for name, one in read_proposals(path).items()}
    kept = sum(int(one.kept_N.sum()) for one in judged.values())
    empty = [name for name, one in judged.items() if not one.kept_N.any()]
    log.info(
        "fustal_filter: %d of %d proposals kept, %d of %d videos left with nothing",
        kept, sum(len(one.proposals) for one in judged.values()), len(empty), len(judged),
    )  # fmt: skip
    if not kept:
        raise WtalError(
            f"{path}: no proposal passes fustal_filter (rule {limits.rule}, min_score "
            f"{limits.min_score:g}, min_support {limits.min_support:g}), so a student would have "
            "nothing to learn from; lower the limits, or use another rule"
        )
    if empty:
        log.warning("left with nothing: %s", ", ".join(empty))
    write_pseudo_segments(data / "fustal" / "pseudo_segments.json", judged, limits, source)


if __name__ == "__main__":
    launch(main)
