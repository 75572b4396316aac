"""Metrics under the names by which `dvc metrics` and `dvc plots` show them."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from wtal_core.evaluation.detection import DetectionResult
from wtal_core.evaluation.pseudo import pseudo_label_iou

# first and last threshold and step: the averages that papers print
AVERAGES = ((0.1, 0.5, 0.1), (0.3, 0.7, 0.1), (0.1, 0.7, 0.1), (0.5, 0.95, 0.05))
HEADLINE = "map_avg_0.1-0.7"
BRANCHES = ("cbp", "vlp")
READINGS: tuple[tuple[Literal["ignore", "background"], str], ...] = (
    ("ignore", ""),
    ("background", "_as_bg"),
)
QUALITY = tuple(f"{part}_miou_{branch}" for branch in BRANCHES for part in ("fg", "bg"))


def detection_metrics(result: DetectionResult) -> dict[str, float]:
    """`map@<tIoU>` for every threshold, each average whose thresholds were all evaluated, and
    `recall<k>x@<tIoU>` where the protocol measures recall.
    """
    metrics = {f"map@{tiou:g}": value for tiou, value in result.map().items()}
    evaluated = {round(tiou, 6) for tiou in result.tious}
    for low, high, step in AVERAGES:
        if {round(float(t), 6) for t in np.arange(low, high + step / 2, step)} <= evaluated:
            metrics[f"map_avg_{low:g}-{high:g}"] = result.average(low, high, step)
    for k, at in result.recall().items():
        metrics |= {f"recall{k}x@{tiou:g}": value for tiou, value in at.items()}
    return metrics


def average_columns(map_RK: NDArray[np.float64], tious: Sequence[float]) -> dict[str, Any]:
    """The metrics of `detection_metrics`, (R,) each, from (R, K) mAP at K thresholds."""
    at = {round(tiou, 6): k for k, tiou in enumerate(tious)}
    metrics = {f"map@{tiou:g}": map_RK[:, k] for tiou, k in at.items()}
    for low, high, step in AVERAGES:
        wanted = [round(float(t), 6) for t in np.arange(low, high + step / 2, step)]
        if set(wanted) <= set(at):
            metrics[f"map_avg_{low:g}-{high:g}"] = map_RK[:, [at[t] for t in wanted]].mean(axis=1)
    return metrics


def metric_names(tious: Sequence[float]) -> list[str]:
    """Everything that is measured of a round at these thresholds."""
    quality = [f"{name}{ending}" for name in QUALITY for _, ending in READINGS]
    return [*average_columns(np.zeros((1, len(tious))), tious), *quality]


def quality_metrics(
    branch: str, labels: Sequence[NDArray[np.int8]], truth: Sequence[NDArray[np.bool_]]
) -> dict[str, float]:
    """Foreground and background mIoU of a branch's labels, (T, C) per video, in both readings.

    A value that does not exist (no certain snippet at all) is left out.
    """
    metrics = {}
    for uncertain, ending in READINGS:
        quality = pseudo_label_iou(labels, truth, uncertain)
        metrics[f"fg_miou_{branch}{ending}"] = quality.fg_miou
        metrics[f"bg_miou_{branch}{ending}"] = quality.bg_iou
    return {key: value for key, value in metrics.items() if not math.isnan(value)}


def round_table(rounds: Mapping[str, Mapping[str, float]]) -> tuple[list[str], list[list[Any]]]:
    """Header and one row per round, in order: its number, mAP, and mIoU of both branches."""
    columns = [HEADLINE, "map@0.5", *QUALITY]
    rows = [[int(name[1:]), *(found.get(c) for c in columns)] for name, found in rounds.items()]
    return ["round", *columns], rows


def tiou_table(rounds: Mapping[str, Mapping[str, float]]) -> tuple[list[str], list[list[Any]]]:
    """Header and one row per threshold and round: mAP against tIoU, a curve for each round."""
    rows = [
        [float(key.removeprefix("map@")), name, value]
        for name, found in rounds.items()
        for key, value in found.items()
        if key.startswith("map@")
    ]
    return ["tiou", "round", "map"], rows


def summarise_rounds(rounds: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """The few numbers of a run: the last round's, every round's headline, and what rounds gained.

    Few, since each is a column of `dvc exp show`; a round's own metrics.json has the others.
    `map_avg_<round>`: that round's headline; `gain`: last round over the warm-up; `worst_step`:
    smallest change from one round to the next, negative when a round lost. Rounds come in order,
    the warm-up first.
    """
    last = list(rounds.values())[-1]
    metrics = {key: last[key] for key in (HEADLINE, "map@0.5", *QUALITY) if key in last}
    headlines = [found[HEADLINE] for found in rounds.values() if HEADLINE in found]
    if len(headlines) == len(rounds):
        metrics |= {f"map_avg_{name}": v for name, v in zip(rounds, headlines, strict=True)}
        if len(headlines) > 1:
            metrics["gain"] = headlines[-1] - headlines[0]
            metrics["worst_step"] = float(np.diff(headlines).min())
    return metrics
