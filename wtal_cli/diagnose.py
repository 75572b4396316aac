"""`wtal diagnose`: what kinds of errors a run makes, and what they cost."""

from pathlib import Path
from typing import Annotated, Any, cast

import typer
from rich.console import Console

from wtal_cli.description import Description, Table, percent
from wtal_cli.documents import refuse_existing, to_csv, write_tree
from wtal_cli.evaluate import parse_tious
from wtal_cli.run_ import Run, RunArgument, open_run
from wtal_cli.show import show
from wtal_core.annotations import read_predictions
from wtal_core.atomic import fresh_folder
from wtal_core.diagnosis.characteristics import PUBLISHED, UNITS, Scheme
from wtal_core.diagnosis.diagnose import Diagnosis
from wtal_core.diagnosis.diagnose import diagnose as diagnose_segments
from wtal_core.diagnosis.false_positives import TYPES
from wtal_core.diagnosis.intervals import Interval
from wtal_core.errors import WtalError
from wtal_core.ground_truth import read_ground_truth
from wtal_core.params import read_facts
from wtal_core.schema.evaluation import EvaluationParams

WIDTH = 100
MADE = (  # what lies in the folder of --out
    "diagnosis.json", "false_positives.csv", "impact.csv", "instances.csv", "classes.csv",
    "false_positives.png", "instances.png", "classes.png",
)  # fmt: skip
SCHEMES = ("quantiles", *PUBLISHED)


def diagnose(
    run: RunArgument,
    tiou: Annotated[
        str, typer.Option(help="thresholds, first:last:step or values; shares are means over them")
    ] = "0.5",
    bins: Annotated[
        str,
        typer.Option(help="of instances: quantiles (as many in each), thumos14, activitynet"),
    ] = "quantiles",
    json_: Annotated[Path | None, typer.Option("--json", help="write everything here")] = None,
    out: Annotated[
        Path | None, typer.Option(help="folder that gets CSV tables and PNG pictures")
    ] = None,
    resamples: Annotated[int, typer.Option(help="of the videos, for intervals", min=1)] = 1000,
    seed: Annotated[int, typer.Option(help="of the resamples")] = 0,
    force: Annotated[bool, typer.Option("--force", help="replace what --out names")] = False,
) -> None:
    """Say what is wrong with the predictions of RUN: false positives by type, instances that are
    missed by length, coverage and number, and AP with intervals over videos. Needs ground truth;
    without any, `wtal stats` and `wtal audit` say what can be said.
    """
    found = open_run(run)
    if bins not in SCHEMES:
        raise WtalError(f"--bins is one of {', '.join(SCHEMES)}, got {bins!r}")
    if out is not None:
        refuse_existing(out, force, MADE)
    result = measure(found, parse_tious(tiou), cast(Scheme, bins), resamples, seed)
    if json_ is not None:
        write_tree(json_, {"run": found.name, **result.to_dict()})
    # a table with a word a line cannot be read
    show(describe(found, result), Console(width=max(WIDTH, Console().width)))
    if out is not None:
        write_folder(out, found, result)
        print(f"tables and pictures: {out}")


def measure(run: Run, tious: list[float], bins: Scheme, resamples: int, seed: int) -> Diagnosis:
    """The run's predictions against its data set's ground truth, by its data set's protocol."""
    if not run.ground_truth.is_file():
        raise WtalError(
            f"{run.ground_truth}: no such file, so there is nothing to compare with. "
            f"`wtal stats {run.name}` needs none; `wtal audit {run.name} --videos 20` lets you "
            "annotate a few videos instead."
        )
    facts = read_facts(run.dataset_yaml, "evaluation", EvaluationParams)
    truth = read_ground_truth(run.ground_truth, "test")
    predictions = read_predictions(run.predictions)
    if unknown := sorted(set(predictions.video.tolist()) - set(truth.durations)):
        raise WtalError(
            f"{run.ground_truth}: it does not know the predicted videos {', '.join(unknown[:5])}"
            f"{', ...' if len(unknown) > 5 else ''}. Add them, or rerun `dvc repro`."
        )
    return diagnose_segments(
        predictions, truth.segments, truth.durations, tious, facts.protocol, truth.ambiguous,
        facts.ties, bins=bins, resamples=resamples, seed=seed,
    )  # fmt: skip


def describe(run: Run, found: Diagnosis) -> Description:
    """Facts and tables for the terminal."""
    facts = {
        "protocol": f"{found.protocol}, tIoU {', '.join(f'{t:g}' for t in found.tious)}",
        "mAP": f"{with_ends(found.map)}; normalised {found.normalised_map:.3f}",
        "instances": f"{sum(n for _, n, _ in found.classes)} of {len(found.classes)} classes",
    }
    profile = [
        (f"{g + 1}G", *(percent(shares[name]) for name in TYPES))
        for g, shares in enumerate(found.profile)
    ]
    gains = [(name, f"{100 * value:+.1f}") for name, value in found.impact.items()]
    bins = [
        (
            one.characteristic,
            one.size,
            one.range,
            str(one.instances),
            percent(one.missed),
            f"{one.normalised_map:.3f}" if one.instances else "-",
        )
        for one in found.bins
    ]
    classes = [(name, str(count), with_ends(ap)) for name, count, ap in found.classes]
    return Description(
        f"{run.name}: diagnosis",
        facts,
        [
            Table(
                "predictions by rank (1G: each class's best G, G being its instances; 2G: the "
                "next G) and type",
                ("rank", *TYPES),
                tuple(profile),
            ),
            Table("mAP without a type, points gained", ("type", "gain"), tuple(gains)),
            Table(
                "instances by "
                + ", ".join(f"{name} ({unit})" for name, unit in UNITS.items())
                + ": how many are missed, and normalised mAP on them",
                ("", "size", "range", "number", "missed", "mAP_N"),
                tuple(bins),
            ),
            Table(
                "AP of each class, with 95 % of the resamples of the videos",
                ("class", "instances", "AP"),
                tuple(classes),
            ),
        ],
    )


def with_ends(value: Interval) -> str:
    """`0.512 (0.430 to 0.587)`."""
    if value.width != value.width:  # NaN: no resample has a value
        return f"{value.value:.3f} (no interval)"
    return f"{value.value:.3f} ({value.low:.3f} to {value.high:.3f})"


def write_folder(out: Path, run: Run, found: Diagnosis) -> None:
    """Tables, pictures and diagnosis.json, in a folder that is there whole or not at all."""
    # matplotlib takes a second to load, and most calls do without
    from wtal_core.diagnosis.plots import draw_all

    tree = {"run": run.name, **found.to_dict()}
    tables: dict[str, list[dict[str, Any]]] = {
        "false_positives.csv": tree["false_positives"],
        "impact.csv": [{"type": name, "gain": gain} for name, gain in found.impact.items()],
        "instances.csv": tree["bins"],
        "classes.csv": tree["classes"],
    }
    with fresh_folder(out) as fresh:
        write_tree(fresh / "diagnosis.json", tree)
        for name, rows in tables.items():
            (fresh / name).write_text(to_csv(rows), encoding="utf-8")
        for name, picture in draw_all(found, f"{run.data.name}, round {run.round}").items():
            (fresh / name).write_bytes(picture)
