"""What a study's runs came to, measured one by one."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stages.parts.measuring import Labelled, label_videos
from wtal_core.annotations import read_json, read_predictions
from wtal_core.errors import WtalError
from wtal_core.evaluation.bootstrap import draw_videos, resample_iou, resample_map
from wtal_core.evaluation.claims import Values
from wtal_core.evaluation.detection import evaluate_detections
from wtal_core.evaluation.pseudo_segments import (
    SegmentQuality,
    count_segments,
    measure_segments,
    resample_quality,
)
from wtal_core.evaluation.report import READINGS, average_columns, detection_metrics
from wtal_core.ground_truth import read_ground_truth
from wtal_core.schema.evaluation import EvaluationParams
from wtal_core.schema.pseudo_labels import PseudoLabelParams
from wtal_core.schema.study import StudyParams
from wtal_core.schema.thresholds import ThresholdParams
from wtal_core.segments import Floats, Segments
from wtal_core.store import read_sequences

# Of a student: what it learnt from, and what it would teach itself.
LEARNT = ("pseudo_precision", "pseudo_recall")
LENGTH = "pseudo_length"
OWN_LABELS = ("confident_precision", "confident_recall")
OF_STUDENTS = (*LEARNT, LENGTH, *OWN_LABELS)
TIOU = 0.5  # of precision and recall
CONFIDENT = 0.4  # student.ema_min_score by default: above it predictions become labels
SEED = 0  # of the resamples: the same for all runs, so that differences are of the same videos


@dataclass(frozen=True)
class Job:
    """What one run ended in, and what it is measured by."""

    unit: Path
    data: Path
    facts: EvaluationParams
    thresholds: ThresholdParams
    labelling: PseudoLabelParams
    resamples: int

    def __str__(self) -> str:
        return self.unit.name


def read_runs(folder: Path, study: StudyParams) -> dict[tuple[str, int, str], str]:
    """(row, seed, round): unit; WtalError where a run that the study asks for is missing."""
    found = {
        (one["row"], one["seed"], one["round"]): one["unit"]
        for one in read_json(folder / "index.json")["results"]
    }
    wanted = study.runs()
    there = {run for run in wanted if run in found and (folder / found[run]).is_dir()}
    if missing := [run for run in wanted if run not in there]:
        row, seed, round_ = missing[0]
        raise WtalError(
            f"{folder}: {len(missing)} of {len(wanted)} runs are missing, the first {row}, seed "
            f"{seed}, {round_}; run `make study`, or the stage study_train alone, with the same "
            "study.yaml; what is finished is kept"
        )
    return {run: found[run] for run in wanted}


def measure(job: Job) -> Values:
    """Every metric of a run, once exactly and once for each resample of the videos.

    A run of FuSTAL has no scores of two branches; only one of a student has pseudo-segments.
    """
    truth = read_ground_truth(job.data / "ground_truth.json", "test")
    predictions = read_predictions(job.unit / "predictions.json")
    tious, rules = job.facts.tious, (job.facts.protocol, truth.ambiguous, job.facts.ties)
    detection = evaluate_detections(predictions, truth.segments, tious, *rules)
    exact = detection_metrics(detection)
    videos = sorted(truth.durations)
    times_RV = draw_videos(len(videos), job.resamples, SEED)
    map_RK = resample_map(predictions, truth.segments, tious, videos, times_RV, *rules)
    resampled = average_columns(map_RK, tious)
    if (job.unit / "scores.zarr").is_dir():
        labelled = label_videos(
            read_sequences(job.unit / "scores.zarr"), truth, job.thresholds, job.labelling
        )
        exact |= labelled.metrics()
        resampled |= resample_labels(labelled, videos, times_RV)
    if (job.unit / "pseudo_segments.json").is_file():
        once, often = measure_pseudo_segments(job)
        exact |= once
        resampled |= often
        sure = predictions.take(predictions.score > CONFIDENT)
        own = measure_segments(sure, truth.segments, TIOU)
        exact |= dict(zip(OWN_LABELS, (own.precision, own.recall), strict=True))
    return Values(exact, {name: value.astype(np.float32) for name, value in resampled.items()})


def resample_labels(
    labelled: Labelled, videos: list[str], times_RV: NDArray[np.int64]
) -> dict[str, Floats]:
    """mIoU of each branch's labels, in both readings, for each resample."""
    resampled = {}
    of_labelled_RV = times_RV[:, [videos.index(name) for name in labelled.videos]]
    for branch, labels in labelled.labels.items():
        for uncertain, ending in READINGS:
            fg_R, bg_R = resample_iou(labels, labelled.masks, uncertain, of_labelled_RV)
            resampled[f"fg_miou_{branch}{ending}"] = fg_R
            resampled[f"bg_miou_{branch}{ending}"] = bg_R
    return resampled


def measure_pseudo_segments(job: Job) -> tuple[dict[str, float], dict[str, Floats]]:
    """Precision and recall of what a student learnt from, on the training split, and its median
    length over that of the instances.
    """
    truth = read_ground_truth(job.data / "ground_truth.json", "train")
    found = read_predictions(job.unit / "pseudo_segments.json")
    videos = sorted(truth.durations)
    counts_V4 = count_segments(found, truth.segments, TIOU, videos)
    quality = SegmentQuality(*counts_V4.sum(axis=0).tolist())
    resampled = resample_quality(counts_V4, draw_videos(len(videos), job.resamples, SEED))
    exact = dict(zip(LEARNT, (quality.precision, quality.recall), strict=True))
    exact[LENGTH] = float(np.median(lengths_s(found)) / np.median(lengths_s(truth.segments)))
    return exact, dict(zip(LEARNT, resampled, strict=True))


def lengths_s(segments: Segments) -> Floats:
    """Seconds of each segment."""
    length_N: Floats = segments.end_s - segments.start_s
    return length_N
