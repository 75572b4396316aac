"""Stage fustal_evaluate: how well FuSTAL's generator or its student finds actions.

In: predictions of the test split (fustal/proposals/fustal/test.json, or fustal/predictions.json),
and ground_truth.json. Out: metrics.json and per_class.csv, as for a round of the first system.
"""

import logging
from pathlib import Path
from typing import Annotated

import typer

from stages.launch import launch
from stages.parts.class_table import class_table
from wtal_core.annotations import read_predictions
from wtal_core.evaluation.detection import evaluate_detections
from wtal_core.evaluation.report import detection_metrics
from wtal_core.ground_truth import read_ground_truth
from wtal_core.params import read_facts
from wtal_core.schema.evaluation import EvaluationParams
from wtal_core.tables import write_csv, write_json

log = logging.getLogger(__name__)


def main(
    data: Annotated[Path, typer.Argument(help="folder of the data set, e.g. data/demo")],
    predictions: Annotated[Path, typer.Option(help="of the test split, ActivityNet form")],
    name: Annotated[str, typer.Option(help="generator or student: names the results")],
    results: Annotated[Path, typer.Option(help="folder that gets <data set>/fustal/<name>")] = Path(
        "results"
    ),
) -> None:
    """Measure detections of the test split."""
    facts = read_facts(data / "dataset.yaml", "evaluation", EvaluationParams)
    truth = read_ground_truth(data / "ground_truth.json", "test")
    found = read_predictions(predictions)
    detection = evaluate_detections(
        found, truth.segments, facts.tious, facts.protocol, truth.ambiguous, facts.ties
    )
    for what, names in (
        ("predicted labels without any instance, left out", detection.unknown_labels),
        ("videos without instances, all predictions false", detection.unknown_videos),
    ):
        if names:
            log.warning("%s: %s", what, ", ".join(sorted(names)))
    out = results / data.name / "fustal" / name
    write_json(out / "metrics.json", detection_metrics(detection))
    write_csv(out / "per_class.csv", *class_table(detection))


if __name__ == "__main__":
    launch(main)
