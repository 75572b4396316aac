"""`wtal evaluate`: anybody's predictions against anybody's ground truth, by a named protocol."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, cast

import numpy as np
import typer
from rich.console import Console

from wtal_cli.description import Description, Table
from wtal_cli.documents import write_text
from wtal_cli.show import show
from wtal_core.errors import WtalError
from wtal_core.evaluation.detection import DetectionResult, evaluate_detections
from wtal_core.evaluation.protocols import PROTOCOLS, protocol_of
from wtal_core.evaluation.report import detection_metrics
from wtal_core.importing.segment_files import UNITS, read_predicted, read_true, to_seconds
from wtal_core.importing.segment_rows import SegmentFile
from wtal_core.importing.segment_tables import (
    read_classes,
    read_durations,
    read_intervals,
    rename_labels,
)
from wtal_core.segments import Segments

NAMED = 20  # names that a warning prints; --json holds all
Ties = Literal["stable", "official"]


def evaluate(
    predictions: Annotated[
        Path, typer.Option(help="ActivityNet JSON, CSV, or a THUMOS14 submission (.txt)")
    ],
    ground_truth: Annotated[
        Path, typer.Option(help="ActivityNet JSON, CSV, or the folder of THUMOS14's annotations")
    ],
    protocol: Annotated[str, typer.Option(help=", ".join(PROTOCOLS))],
    tiou: Annotated[
        str, typer.Option(help="first:last:step, or values with commas between")
    ] = "0.1:0.7:0.1",
    json_: Annotated[Path | None, typer.Option("--json", help="write everything here")] = None,
    subset: Annotated[
        str | None, typer.Option(help="of the ground truth's videos [its test split]")
    ] = None,
    unit: Annotated[
        str,
        typer.Option(help="of both files' times: seconds, fraction (of the duration), snippets"),
    ] = "seconds",
    ground_truth_unit: Annotated[
        str | None, typer.Option(help="where it differs; JSON is in seconds unless this says else")
    ] = None,
    durations: Annotated[
        Path | None, typer.Option(help="CSV of video,duration, where the ground truth has none")
    ] = None,
    ambiguous: Annotated[
        Path | None, typer.Option(help="THUMOS14's Ambiguous_test.txt, if it is not in the rest")
    ] = None,
    classes: Annotated[
        Path | None, typer.Option(help="lines `7 BaseballPitch`, for labels that are numbers")
    ] = None,
    ties: Annotated[
        str, typer.Option(help="order of equal scores: stable, or official (ActivityNet's code)")
    ] = "stable",
    per_class: Annotated[bool, typer.Option(help="print the AP of every class")] = False,
) -> None:
    """Measure PREDICTIONS against GROUND_TRUTH: mAP at each threshold, and the usual averages."""
    if protocol not in PROTOCOLS:
        raise WtalError(f"--protocol is one of {', '.join(PROTOCOLS)}, got {protocol!r}")
    found, true = read_predicted(predictions), read_true(ground_truth, subset)
    unsure = true.ambiguous
    if ambiguous is not None:
        unsure = Segments.join([unsure, read_intervals(ambiguous, "Ambiguous")])
    known = dict(true.durations) | (read_durations(durations) if durations else {})
    in_json = ground_truth.suffix == ".json" or ground_truth.is_dir()
    units = unit, ground_truth_unit or ("seconds" if in_json else unit)
    predicted, instances = bring_together(found, true, unsure, units, known, protocol)
    if classes is not None:
        names = read_classes(classes)
        predicted, instances = rename_labels(predicted, names), rename_labels(instances, names)
    refuse_strangers(predicted, instances, predictions, ground_truth)
    result = measure(predicted, instances, parse_tious(tiou), protocol, unsure, ties)
    tree = to_tree(result, found, true, unsure, protocol, ties)
    if json_ is not None:
        write_text(json_, json.dumps(tree, indent=1, allow_nan=False) + "\n")
    # a table of AP is as wide as its thresholds; numbers broken over lines cannot be read
    console = Console()
    width = 40 + 9 * len(result.tious) if per_class else 0
    show(describe(result, tree, per_class), Console(width=max(console.width, width)))
    warn(result, protocol, unsure)


def parse_tious(text: str) -> list[float]:
    """`0.1:0.7:0.1` or `0.5,0.75` as values."""
    try:
        if ":" in text:
            first, last, step = (float(part) for part in text.split(":"))
            if not step > 0:
                raise ValueError("the step is above 0")
            values = np.arange(first, last + step / 2, step)
        else:
            values = np.array([float(part) for part in text.split(",")])
    except ValueError as problem:
        raise WtalError(f"--tiou is first:last:step or values, got {text!r} ({problem})") from None
    tious = [round(float(value), 6) for value in values]
    if not tious or not all(0 < value <= 1 for value in tious):
        raise WtalError(f"--tiou holds values above 0 and at most 1, got {text!r}")
    return tious


def bring_together(
    found: SegmentFile,
    true: SegmentFile,
    unsure: Segments,
    units: tuple[str, str],
    durations: dict[str, float],
    protocol: str,
) -> tuple[Segments, Segments]:
    """Both in seconds, or both in the same unit where the protocol compares no lengths."""
    if unknown := sorted({*units} - {*UNITS}):
        raise WtalError(f"a unit is one of {', '.join(UNITS)}, got {unknown[0]!r}")
    seconds = protocol_of(protocol).needs_seconds or len(unsure) > 0
    if units == ("fraction", "fraction") and not seconds:
        # a ratio of lengths is the same in any unit
        to_seconds(found.segments, "fraction", dict.fromkeys(found.segments.video, 1.0), found.path)
        return found.segments, true.segments
    return (
        to_seconds(found.segments, units[0], durations, found.path),
        to_seconds(true.segments, units[1], durations, true.path),
    )


def refuse_strangers(predicted: Segments, instances: Segments, p: Path, g: Path) -> None:
    """WtalError where two files share no video, or no label: one of them names them otherwise."""
    if not len(instances):
        raise WtalError(f"{g}: no action instance to evaluate against. Check the file.")
    if not len(predicted):
        return
    for what in ("video", "label"):
        ours, theirs = (sorted(set(getattr(s, what).tolist())) for s in (predicted, instances))
        if not set(ours) & set(theirs):
            raise WtalError(
                f"{p}: none of its {len(ours)} {what}s ({', '.join(ours[:3])}, ...) is among the "
                f"{len(theirs)} of {g} ({', '.join(theirs[:3])}, ...). Give both the same names"
                + (", or number the classes with --classes." if what == "label" else ".")
            )


def measure(
    predicted: Segments,
    instances: Segments,
    tious: Sequence[float],
    protocol: str,
    unsure: Segments,
    ties: str,
) -> DetectionResult:
    """The evaluator, its complaints being about options here."""
    try:
        return evaluate_detections(predicted, instances, tious, protocol, unsure, cast(Ties, ties))
    except ValueError as problem:
        raise WtalError(f"cannot evaluate: {problem}") from problem


def to_tree(
    result: DetectionResult,
    found: SegmentFile,
    true: SegmentFile,
    unsure: Segments,
    protocol: str,
    ties: str,
) -> dict[str, Any]:
    """All that is known of an evaluation, for --json."""
    return {
        "protocol": protocol,
        "ties": ties,
        "predictions": {
            "file": found.path.name,
            "segments": len(found.segments),
            "videos": len(set(found.segments.video.tolist())),
        },
        "ground_truth": {
            "file": true.path.name,
            "subset": true.subset,
            "segments": len(true.segments),
            "evaluated": sum(result.instances_C),
            "videos": len(set(true.segments.video.tolist())),
            "ambiguous": len(unsure),
        },
        "metrics": detection_metrics(result) | {"map_avg": float(result.ap_CK.mean())},
        "tious": list(result.tious),
        "ap": {
            label: {"instances": count, "ap": ap_K.tolist()}
            for label, count, ap_K in zip(
                result.classes, result.instances_C, result.ap_CK, strict=True
            )
        },
        "unknown_labels": list(result.unknown_labels),
        "unknown_videos": list(result.unknown_videos),
    }


def describe(result: DetectionResult, tree: dict[str, Any], per_class: bool) -> Description:
    """Facts, and tables: thresholds, averages, on demand classes."""
    p, g, metrics = tree["predictions"], tree["ground_truth"], tree["metrics"]
    facts = {
        "protocol": f"{tree['protocol']} (ties: {tree['ties']})",
        "predictions": f"{p['file']}: {p['segments']} segments in {p['videos']} videos",
        "ground truth": f"{g['file']}{' ' + g['subset'] if g['subset'] else ''}: {g['evaluated']} "
        f"instances of {len(result.classes)} classes in {g['videos']} videos, "
        f"{g['ambiguous']} ambiguous intervals",
    }
    if g["evaluated"] != g["segments"]:
        facts["left out"] = f"{g['segments'] - g['evaluated']} duplicate or empty instances"
    recall = result.recall()
    head = ("tIoU", "mAP", *(f"recall@{k}x" for k in recall))
    rows = [
        (f"{tiou:g}", *(f"{value:.4f}" for value in (ap, *(at[tiou] for at in recall.values()))))
        for tiou, ap in result.map().items()
    ]
    averages = [
        (key.removeprefix("map_avg_"), f"{value:.4f}")
        for key, value in metrics.items()
        if key.startswith("map_avg_")
    ]
    averages.append(("all", f"{metrics['map_avg']:.4f}"))
    tables = [
        Table("mean over the classes", head, tuple(rows)),
        Table("mAP, mean over thresholds", ("tIoU", "mAP"), tuple(averages)),
    ]
    if per_class:
        lines = tuple(
            (label, str(one["instances"]), *(f"{value:.4f}" for value in one["ap"]))
            for label, one in tree["ap"].items()
        )
        columns = ("class", "instances", *(f"{tiou:g}" for tiou in result.tious))
        tables.append(Table("AP", columns, lines))
    return Description("detection", facts, tables)


def warn(result: DetectionResult, protocol: str, unsure: Segments) -> None:
    """Say what a reader of the numbers should know."""
    for what, names in (
        ("predicted labels without any instance, left out", result.unknown_labels),
        ("videos without any instance, all predictions false", result.unknown_videos),
    ):
        if names:
            rest = f", ... ({len(names)} in all)" if len(names) > NAMED else ""
            print(f"warning: {what}: {', '.join(names[:NAMED])}{rest}", file=sys.stderr)
    if protocol_of(protocol).ambiguous != "unused" and not len(unsure):
        print(
            f"warning: {protocol} treats predictions on Ambiguous intervals apart, but none are "
            "known; give them with --ambiguous",
            file=sys.stderr,
        )
