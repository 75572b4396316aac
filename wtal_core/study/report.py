"""A study's results as a Markdown page: tables, and whether each claim holds."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from wtal_core.evaluation.claims import mean_and_spread, read_metric
from wtal_core.schema.study import Entry, StudyParams, Table

VERDICTS = {"holds": "holds", "fails": "**does not hold**", "open": "not decided"}
TITLES = {
    "fg_miou": "foreground mIoU",
    "bg_miou": "background mIoU",
    "min_miou": "smaller mIoU",
    "pseudo_precision": "precision of pseudo-segments",
    "pseudo_recall": "recall of pseudo-segments",
    "pseudo_length": "their length, % of an action's",
    "confident_precision": "precision of its own confident segments",
    "confident_recall": "recall of those",
}
NOTHING = "–"  # in the place of a value that does not exist
MARKUP = "\\`*_{}[]<>|#~&$"


@dataclass(frozen=True)
class Results:
    """What study_evaluate wrote.

    values: (row, seed, round): metric: value; claims: the lines of differences.csv.
    """

    values: Mapping[tuple[str, int, str], Mapping[str, float]]
    claims: Sequence[Mapping[str, str]]


@dataclass(frozen=True)
class Heading:
    """What the page is about: its own name, its data set's, and the file that says what ran."""

    name: str
    data: str
    synthetic: bool
    study: str


@dataclass(frozen=True)
class Cell:
    """A metric of a line over the seeds, in points; NaN if a seed has no value."""

    mean: float
    deviation: float

    def __str__(self) -> str:
        return NOTHING if math.isnan(self.mean) else f"{self.mean:.1f} ± {self.deviation:.1f}"


def cell(results: Results, entry: Entry, metric: str, seeds: Sequence[int]) -> Cell:
    """Mean and standard deviation over the seeds (0 for a single one)."""
    runs = [results.values[entry.row, seed, entry.round] for seed in seeds]
    return Cell(*mean_and_spread([read_metric(found, entry, metric) for found in runs]))


def write_page(
    study: StudyParams, results: Results, heading: Heading, pictures: Sequence[str]
) -> str:
    """The whole page; `pictures` are names of files in the folder `<name>/` beside it."""
    world = "a synthetic world" if heading.synthetic else "the data set"
    seeds = len(study.seeds)
    parts = [
        f"**All numbers on this page are of {world}, `data/{heading.data}`.** `make study` writes "
        "the page from the results; do not edit it.",
        "# Study",
        f"Each row was run with {count(seeds, 'seed')} on the same features; tables show mean ± "
        "standard deviation over the seeds, in points, the best value in bold. A difference is the "
        f"mean over the seeds; its interval holds 95 % of {count(study.resamples, 'resample')} of "
        "the test videos and of the seeds, both sides on the same ones. A claim holds when the "
        "whole interval lies above the difference that it asks for, does not hold when the whole "
        "interval lies below, and is not decided in between. All mIoU are of labels that one rule "
        "makes, whichever a row trains with, uncertain snippets left out. "
        f"`{heading.study}` says what each row sets.",
        *(["## Claims", sum_up(results), overview(results)] if results.claims else []),
        *(f"![{picture.removesuffix('.png')}]({heading.name}/{picture})" for picture in pictures),
        *(section(table, study, results) for table in study.tables),
    ]
    return "\n\n".join(parts) + "\n"


def sum_up(results: Results) -> str:
    """How many claims have which verdict."""
    verdicts = [claim["verdict"] for claim in results.claims]
    return (
        f"Of {count(len(verdicts), 'claim')}: holds {verdicts.count('holds')}, "
        f"does not hold {verdicts.count('fails')}, not decided {verdicts.count('open')}."
    )


def overview(results: Results) -> str:
    """Every claim in a line, those of a table under its title."""
    rows = []
    title_before = None
    for claim in results.claims:
        title = claim["table"] if claim["table"] != title_before else ""
        title_before = claim["table"]
        rows.append(
            [
                escape(title), escape(claim["says"]), signed(claim["difference"]),
                interval(claim), f"> {float(claim['at_least']):g}", VERDICTS[claim["verdict"]],
            ]
        )  # fmt: skip
    return table_lines(["table", "claim", "difference", "interval", "asked for", "verdict"], rows)


def section(table: Table, study: StudyParams, results: Results) -> str:
    """One table with its question and claims."""
    columns = [
        [cell(results, entry, metric, study.seeds) for entry in table.entries]
        for metric in table.metrics
    ]
    best = [
        max((round(one.mean, 1) for one in column if not math.isnan(one.mean)), default=math.nan)
        for column in columns
    ]
    rows = []
    for n, entry in enumerate(table.entries):
        shown = [escape(entry.label)]
        for column, top in zip(columns, best, strict=True):
            bold = "**" if round(column[n].mean, 1) == top else ""
            shown.append(f"{bold}{column[n]}{bold}")
        rows.append(shown)
    own = [claim for claim in results.claims if claim["table"] == table.title]
    parts = [
        f"## {escape(table.title)}",
        escape(table.question),
        table_lines(["", *(name_metric(metric) for metric in table.metrics)], rows),
        "\n".join(explain(claim) for claim in own),
        escape(table.note),
    ]
    return "\n\n".join(part for part in parts if part)


def explain(claim: Mapping[str, str]) -> str:
    """A claim as an item of a list: its verdict and what that rests on."""
    bound = f"{float(claim['at_least']):g}"
    why = {
        "holds": f"above {bound}",
        "fails": f"below {bound}",
        "open": f"the interval does not lie on one side of {bound}",
    }[claim["verdict"]]
    return (
        f"- {escape(claim['says'])}: {VERDICTS[claim['verdict']]} ({why}). "
        f"{name_metric(claim['metric'])}: {signed(claim['difference'])} {interval(claim)}, "
        f"± {signed(claim['over_seeds']).lstrip('+')} over the seeds."
    )


def interval(claim: Mapping[str, str]) -> str:
    """The bounds of a difference."""
    return f"[{signed(claim['low'])}, {signed(claim['high'])}]"


def signed(text: str) -> str:
    """A difference as the tables write it."""
    return f"{float(text):+.1f}" if text else NOTHING


def count(number: int, what: str) -> str:
    """`1 seed`, `3 seeds`."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def name_metric(metric: str) -> str:
    """A metric as a column's heading."""
    if metric.startswith("map_avg_"):
        return "mAP " + metric.removeprefix("map_avg_").replace("0.", ".").replace("-", ":")
    if metric.startswith("map@"):
        return "mAP@" + metric.removeprefix("map@").replace("0.", ".")
    return TITLES.get(metric, metric.replace("_", " "))


def table_lines(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def escape(text: str) -> str:
    """Text in which Markdown and HTML see nothing but letters."""
    text = " ".join(text.split())
    return "".join(f"\\{character}" if character in MARKUP else character for character in text)
