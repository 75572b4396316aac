"""`wtal audit`: annotate a few videos by hand, and learn what mAP is likely to be."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from wtal_cli.description import Description, Table
from wtal_cli.diagnose import WIDTH, with_ends
from wtal_cli.documents import refuse_existing, to_csv, write_tree
from wtal_cli.evaluate import parse_tious
from wtal_cli.run_ import Run, RunArgument, localized_videos, open_run
from wtal_cli.show import show
from wtal_core.annotations import read_json, read_labels, read_predictions
from wtal_core.atomic import fresh_folder
from wtal_core.diagnosis.audit import FEW, LEAST, Estimate, draw_sample, estimate
from wtal_core.errors import WtalError
from wtal_core.exporting.audit_sheet import COLUMNS, NONE, empty_rows, parse_sheet
from wtal_core.exporting.forms import COLUMNS as PREDICTED
from wtal_core.exporting.forms import Shown, to_rows
from wtal_core.params import read_facts
from wtal_core.schema.evaluation import EvaluationParams

SHEET, RECORD = "annotations.csv", "audit.json"


def audit(
    run: RunArgument,
    videos: Annotated[int | None, typer.Option(help="draw so many test videos", min=1)] = None,
    annotations: Annotated[
        Path | None, typer.Option(help="estimate mAP from this filled-in table")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="folder of the draw [NAME_ROUND_audit here]")
    ] = None,
    predictions: Annotated[
        bool,
        typer.Option("--predictions", help="write those, too; who sees them annotates like them"),
    ] = False,
    seed: Annotated[int, typer.Option(help="of the draw, and of the resamples")] = 0,
    tiou: Annotated[
        str, typer.Option(help="thresholds, first:last:step or values")
    ] = "0.1:0.7:0.1",
    json_: Annotated[Path | None, typer.Option("--json", help="write the estimate here")] = None,
    force: Annotated[bool, typer.Option("--force", help="replace what --out names")] = False,
) -> None:
    """First with --videos k: draw k test videos of RUN, each with the same probability and spread
    over the predicted classes, and write a table to fill in. Then with --annotations FILE: estimate
    mAP on all test videos, with an interval. Works for any round of the same data set.
    """
    found = open_run(run)
    if (videos is None) == (annotations is None):
        raise WtalError("say either --videos k, to draw, or --annotations FILE, to estimate")
    if videos is not None:
        target = out or Path(f"{found.data.name}_{found.round}_audit")
        refuse_existing(target, force, (SHEET, RECORD, "predictions.csv"))
        draw(found, videos, seed, target, predictions)
        return
    assert annotations is not None
    result = measure(found, annotations, parse_tious(tiou), seed)
    if json_ is not None:
        write_tree(json_, {"run": found.name, **to_tree(result)})
    show(describe(found, result), Console(width=max(WIDTH, Console().width)))


def draw(run: Run, k: int, seed: int, out: Path, with_predictions: bool) -> None:
    """Write the table to fill in, and what was drawn how."""
    everything, predicted = localized_videos(run), read_predictions(run.predictions)
    try:
        names = draw_sample(predicted, list(everything), k, seed)
    except ValueError as problem:
        raise WtalError(f"{run.name}: {problem}. Choose --videos within that.") from problem
    files = {name: everything[name][0].file.as_posix() for name in names}
    with fresh_folder(out) as fresh:
        (fresh / SHEET).write_text(to_csv(empty_rows(files), COLUMNS), encoding="utf-8", newline="")
        record = {
            "run": run.name,
            "rule": "systematic over the videos in order of their best predicted class, random "
            "start: each with probability k / N",
            "seed": seed,
            "videos": names,
            "of": len(everything),
        }
        write_tree(fresh / RECORD, record)
        if with_predictions:
            own = [
                Shown(name, file, predicted.take(predicted.video == name), None)
                for name, file in files.items()
            ]
            (fresh / "predictions.csv").write_text(
                to_csv(to_rows(own), PREDICTED), encoding="utf-8", newline=""
            )
    if k < min(LEAST, len(everything)):
        print(f"warning: {k} videos are too few for an interval; draw {LEAST} or more")
    print(
        f"{out / SHEET}: {k} of {len(everything)} videos. For each instance fill in start, end and "
        f"label (copy the row for more), for a video without action the label {NONE!r}; then:\n"
        f"  wtal audit {run.name} --annotations {out / SHEET}"
    )


def measure(run: Run, sheet: Path, tious: list[float], seed: int) -> Estimate:
    """What the filled-in table says of the run."""
    everything = localized_videos(run)
    durations = {name: duration_s for name, (_, duration_s) in everything.items()}
    facts = read_facts(run.dataset_yaml, "evaluation", EvaluationParams)
    try:
        text = sheet.read_text(encoding="utf-8")
    except UnicodeDecodeError as problem:
        raise WtalError(f"{sheet}: no text in UTF-8. Save it as CSV in UTF-8.") from problem
    try:
        truth, audited = parse_sheet(text, read_labels(run.labels).classes, durations)
    except ValueError as problem:
        raise WtalError(f"{sheet}: {problem}. Correct it and run again.") from problem
    if not len(truth):
        raise WtalError(
            f"{sheet}: no instance in its {len(audited)} videos, so there is no AP to estimate. "
            "Annotate more videos."
        )
    compare_with_draw(sheet, audited)
    if facts.protocol == "thumos14":
        print("note: an audit knows no ambiguous intervals; predictions on any count as they are")
    return estimate(
        read_predictions(run.predictions), truth, {name: durations[name] for name in audited},
        len(everything), tious, facts.protocol, facts.ties, seed=seed,
    )  # fmt: skip


def compare_with_draw(sheet: Path, audited: list[str]) -> None:
    """Warn where the table holds other videos than were drawn: the estimate assumes the draw."""
    record = sheet.parent / RECORD
    tree = read_json(record) if record.is_file() else None
    if not isinstance(tree, dict) or not isinstance(tree.get("videos"), list):
        print(f"note: no {RECORD} beside the table; the estimate is for videos drawn at random")
        return
    left, added = set(tree["videos"]) - {*audited}, {*audited} - set(tree["videos"])
    if left or added:
        print(
            f"warning: {len(left)} of the drawn videos are not in the table and {len(added)} of "
            "its videos were not drawn; who chooses videos by hand may well be off by more than "
            "the interval says"
        )


def to_tree(found: Estimate) -> dict[str, Any]:
    """Plain values for JSON."""
    return {
        "audited": found.audited,
        "videos": found.videos,
        "map": found.map.to_dict(),
        "tious": {f"{t:g}": one.to_dict() for t, one in found.by_tiou.items()},
        "classes": [
            {"label": name, "instances": count, **ap.to_dict("ap")}
            for name, count, ap in found.classes
        ],
        "absent": list(found.absent),
    }


def describe(run: Run, found: Estimate) -> Description:
    """Facts and tables for the terminal."""
    facts = {
        "audited": f"{found.audited} of {found.videos} test videos",
        "mAP": f"{with_ends(found.map)}, an interval of {100 * found.map.width:.1f} points"
        if found.map.width == found.map.width
        else with_ends(found.map),
        "it assumes": "videos drawn with equal probability, complete annotations; 95 % of random "
        "halves of the sample, narrowed by sqrt(1 - k / N) for the finite number of videos and "
        "widened for the few that were annotated (Student)",
    }
    if found.few:
        facts["few videos"] = (
            f"with fewer than {FEW} the interval may miss more often than 1 time in 20, most of "
            "all where hardly anything was wrong in these videos: it knows of no error that was "
            "not drawn, and without width it says nothing"
            + (f"; with fewer than {LEAST} it is too wide to be of use" * (found.audited < LEAST))
        )
    if found.absent:
        facts["not judged"] = (
            f"{len(found.absent)} predicted classes have no instance in these videos: "
            + ", ".join(found.absent)
        )
    return Description(
        f"{run.name}: estimate from an audit",
        facts,
        [
            Table(
                "mAP by threshold",
                ("tIoU", "mAP"),
                tuple((f"{t:g}", with_ends(one)) for t, one in found.by_tiou.items()),
            ),
            Table(
                "AP of each class, mean over the thresholds",
                ("class", "instances", "AP"),
                tuple((name, str(count), with_ends(ap)) for name, count, ap in found.classes),
            ),
        ],
    )
