"""Stage evaluate: how good one round is, section 4 and Table 3 of the paper.

In: a round's predictions.json and scores (test split), and ground_truth.json. Out:
metrics.json and per_class.csv (AP of each class at each threshold).
"""

import logging
from pathlib import Path
from typing import Annotated

import typer

from stages.launch import launch
from stages.parts.class_table import class_table
from stages.parts.measuring import label_videos
from wtal_core.annotations import read_predictions
from wtal_core.evaluation.detection import DetectionResult, evaluate_detections
from wtal_core.evaluation.report import detection_metrics
from wtal_core.ground_truth import GroundTruth, read_ground_truth
from wtal_core.params import read_facts, read_params
from wtal_core.schema.evaluation import EvaluationParams
from wtal_core.schema.pseudo_labels import PseudoLabelParams
from wtal_core.schema.thresholds import ThresholdParams
from wtal_core.store import Sequences, read_sequences
from wtal_core.tables import write_csv, write_json

log = logging.getLogger(__name__)


def main(
    data: Annotated[Path, typer.Argument(help="folder of the data set, e.g. data/demo")],
    round_: Annotated[str, typer.Option("--round", help="the round to evaluate, e.g. r1")],
    results: Annotated[
        Path, typer.Option(help="folder that gets <data set>/rounds/<round>")
    ] = Path("results"),
    params: Annotated[Path, typer.Option(help="the parameters")] = Path("params.yaml"),
) -> None:
    """Measure detections and pseudo-labels of one round on the test split."""
    dataset_yaml = data / "dataset.yaml"
    facts = read_facts(dataset_yaml, "evaluation", EvaluationParams)
    thresholds = read_params(params, dataset_yaml, "thresholds", ThresholdParams)
    labelling = read_params(params, dataset_yaml, "pseudo_labels", PseudoLabelParams)
    truth = read_ground_truth(data / "ground_truth.json", "test")
    predictions = read_predictions(data / round_ / "predictions.json")
    scores = read_sequences(data / "scores" / f"{round_}.zarr")

    detection = evaluate_detections(
        predictions, truth.segments, facts.tious, facts.protocol, truth.ambiguous, facts.ties
    )
    metrics = detection_metrics(detection)
    metrics |= label_videos(scores, truth, thresholds, labelling).metrics()

    report_oddities(detection, scores, truth)
    out = results / data.name / "rounds" / round_
    write_json(out / "metrics.json", metrics)
    write_csv(out / "per_class.csv", *class_table(detection))


def report_oddities(detection: DetectionResult, scores: Sequences, truth: GroundTruth) -> None:
    """Say what a reader of the numbers should know."""
    for what, names in (
        ("predicted labels without any instance, left out", detection.unknown_labels),
        ("videos without instances, all predictions false", detection.unknown_videos),
        ("videos without scores, all instances missed", set(truth.durations) - set(scores.names)),
    ):
        if names:
            log.warning("%s: %s", what, ", ".join(sorted(names)))


if __name__ == "__main__":
    launch(main)
