"""Stage fustal_quality: how good the pseudo-segments are. For reports alone: nothing learns here.

In: fustal/pseudo_segments.json (training split), fustal/proposals/<source>/train.json (what the
filter chose from), ground_truth.json. Out: metrics.json; only counts where no training video has an
instance there.
"""

import logging
from pathlib import Path
from typing import Annotated

import typer

from stages.launch import launch
from wtal_core.annotations import read_json, read_predictions
from wtal_core.evaluation.pseudo_segments import measure_segments
from wtal_core.ground_truth import has_instances, read_ground_truth
from wtal_core.tables import write_json

TIOU = 0.5
log = logging.getLogger(__name__)


def main(
    data: Annotated[Path, typer.Argument(help="folder of the data set, e.g. data/demo")],
    source: Annotated[str, typer.Option(help="whose proposals: fustal, or a round, e.g. r2")],
    results: Annotated[
        Path, typer.Option(help="folder that gets <data set>/fustal/pseudo_segments")
    ] = Path("results"),
) -> None:
    """Precision and recall of the pseudo-segments, and of all proposals, at tIoU .5."""
    truth_path = data / "ground_truth.json"
    truth = None
    if has_instances(truth_path, "train"):
        truth = read_ground_truth(truth_path, "train")
    else:
        log.warning("%s: no training video has instances, so segments are only counted", truth_path)
    kept_path = data / "fustal" / "pseudo_segments.json"
    metrics: dict[str, float] = {}
    for name, path in (
        ("proposals", data / "fustal" / "proposals" / source / "train.json"),
        ("pseudo_segments", kept_path),
    ):
        found = read_predictions(path)
        metrics[name] = len(found)
        if truth is not None:
            quality = measure_segments(found, truth.segments, TIOU)
            metrics |= {
                f"{name}_precision@{TIOU:g}": quality.precision,
                f"{name}_recall@{TIOU:g}": quality.recall,
            }
    kept = read_json(kept_path)["results"]
    metrics["videos"] = len(kept)
    metrics["videos_left_with_nothing"] = sum(not rows for rows in kept.values())
    write_json(results / data.name / "fustal" / "pseudo_segments" / "metrics.json", metrics)


if __name__ == "__main__":
    launch(main)
