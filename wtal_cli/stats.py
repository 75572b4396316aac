"""`wtal stats`: what can be said of a run without any ground truth."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console

from wtal_cli.description import Description, Table, percent
from wtal_cli.documents import write_tree
from wtal_cli.run_ import Run, RunArgument, localized_videos, open_run
from wtal_cli.show import show
from wtal_core.annotations import multi_hot, read_predictions
from wtal_core.diagnosis.unlabelled import (
    LEVELS,
    agree,
    cover,
    foreground_level,
    label_precision,
    pool_top,
)
from wtal_core.params import read_params
from wtal_core.schema.losses import LossParams
from wtal_core.schema.pseudo_labels import PseudoLabelParams
from wtal_core.schema.thresholds import ThresholdParams
from wtal_core.store import read_sequences

WIDTH = 100
BRANCHES = ("cbp", "vlp")


def stats(
    run: RunArgument,
    json_: Annotated[Path | None, typer.Option("--json", help="write everything here")] = None,
    params: Annotated[Path, typer.Option(help="the parameters")] = Path("params.yaml"),
) -> None:
    """Describe RUN without ground truth: how well both branches rank the training videos by their
    labels, how much of the test videos is predicted, and how far the branches agree.
    """
    found = open_run(run)
    tree = {"run": found.name, **collect(found, params)}
    if json_ is not None:
        write_tree(json_, tree)
    show(describe(tree), Console(width=max(WIDTH, Console().width)))


def collect(run: Run, params: Path) -> dict[str, Any]:
    """Everything as plain values, None where a value does not exist."""
    thresholds = read_params(params, run.dataset_yaml, "thresholds", ThresholdParams)
    labelling = read_params(params, run.dataset_yaml, "pseudo_labels", PseudoLabelParams)
    ratio = read_params(params, run.dataset_yaml, "loss", LossParams).topk_ratio
    predictions, scores = read_predictions(run.predictions), read_sequences(run.scores)
    durations = {name: duration_s for name, (_, duration_s) in localized_videos(run).items()}
    classes = list(scores.attrs["classes"])
    levels = [
        foreground_level(
            thresholds.delta_h, thresholds.delta_l,
            labelling.recentre and bool(scores.attrs["distilled"][branch]),
        )
        for branch in BRANCHES
    ]  # fmt: skip
    cbp, vlp = ([scores.of(name)[branch] for name in scores.names] for branch in BRANCHES)
    own = [predictions.take(predictions.label == label) for label in classes]
    return {
        "videos": len(durations),
        "duration_s": sum(durations.values()),
        "labels": {
            branch: found for branch in BRANCHES if (found := rank_labels(run, branch, ratio))
        },
        "coverage": [known(asdict(cover(predictions, durations, level))) for level in LEVELS],
        "score_quantiles": quantiles(predictions.score),
        "foreground_above": dict(zip(BRANCHES, levels, strict=True)),
        "classes": [
            known(asdict(pair))
            | {
                "videos": len(set(segments.video.tolist())),
                "segments": len(segments),
                "best_score": float(segments.score.max()) if len(segments) else None,
            }
            for pair, segments in zip(
                agree(cbp, vlp, (levels[0], levels[1]), classes), own, strict=True
            )
        ],
    }


def rank_labels(run: Run, branch: str, ratio: int) -> dict[str, Any] | None:
    """How well a branch ranks the training videos by their own labels; None where it did not say.

    From the scores that the round's pseudo-labels were made of; the warm-up makes none.
    """
    path = run.pseudo_labels(branch)
    if not path.is_dir():
        return None
    store = read_sequences(path)
    classes, labels = list(store.attrs["classes"]), store.attrs["video_labels"]
    score_NC = np.stack([pool_top(store.of(name)["score"], ratio) for name in store.names])
    label_NC = multi_hot([labels[name] for name in store.names], classes)
    ap_C = label_precision(score_NC, label_NC)
    return {
        "scores_of": str(store.attrs["teacher"]),
        "videos": len(store.names),
        "map": float(np.nanmean(ap_C)),
        "ap": known(dict(zip(classes, (float(ap) for ap in ap_C), strict=True))),
    }


def quantiles(score_N: np.ndarray) -> dict[str, float]:
    """Where the scores of all segments lie."""
    if not len(score_N):
        return {}
    points = (0.05, 0.25, 0.5, 0.75, 0.95)
    return {f"{p:.0%}": float(v) for p, v in zip(points, np.quantile(score_N, points), strict=True)}


def known(values: dict[str, Any]) -> dict[str, Any]:
    """NaN as None."""
    return {key: None if value != value else value for key, value in values.items()}


def describe(tree: dict[str, Any]) -> Description:
    """Facts and tables for the terminal."""
    facts = {
        "test videos": f"{tree['videos']}, {tree['duration_s'] / 60:.1f} minutes",
        "scores of segments": ", ".join(f"{k} {v:.3f}" for k, v in tree["score_quantiles"].items()),
    }
    for branch, found in tree["labels"].items():
        facts[f"labels by {branch}"] = (
            f"mAP {found['map']:.3f}: ranking {found['videos']} training videos, on which it was "
            f"trained, by the labels they have (scores of {found['scores_of']})"
        )
    if not tree["labels"]:
        facts["labels"] = "no scores of training videos: the warm-up makes no pseudo-labels"
    coverage = [
        (
            f"{one['level']:g}",
            str(one["segments"]),
            f"{one['per_video']:g}",
            str(one["videos_without"]),
            percent(one["time_share"]),
            "-" if one["length_s"] is None else f"{one['length_s']:.2f}",
        )
        for one in tree["coverage"]
    ]
    levels = ", ".join(f"{k} > {v:.3f}" for k, v in tree["foreground_above"].items())
    classes = [
        (
            one["label"],
            str(one["videos"]),
            str(one["segments"]),
            number(one["best_score"]),
            number(one["iou"]),
            number(one["only_first"]),
            number(one["only_second"]),
            number(one["correlation"]),
        )
        for one in tree["classes"]
    ]
    return Description(
        f"{tree['run']}: statistics without ground truth",
        facts,
        [
            Table(
                "segments from a score on; time: share of all videos under at least one",
                ("score", "segments", "per video", "videos without", "time", "length s"),
                tuple(coverage),
            ),
            Table(
                f"classes; foreground is {levels}; IoU of both branches' foreground, shares of "
                "their union that one alone claims, rank correlation of their scores",
                ("class", "videos", "segments", "best", "IoU", "cbp only", "vlp only", "corr."),
                tuple(classes),
            ),
        ],
    )


def number(value: float | None) -> str:
    """Two digits, or a dash."""
    return "-" if value is None else f"{value:.2f}"
