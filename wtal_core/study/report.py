"""A study's results as a Markdown page: tables, and whether each claim holds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from wtal_core.schema.study import Entry, StudyParams, Table

VERDICTS = {"holds": "holds", "fails": "**does not hold**", "open": "not decided"}
TITLES = {"fg_miou": "foreground mIoU", "bg_miou": "background mIoU", "min_miou": "smaller mIoU"}
POINTS = 100.0  # per cent


@dataclass(frozen=True)
class Results:
    """What study_evaluate wrote.

    values: (row, seed, round): metric: value; claims: the lines of differences.csv.
    """

    values: Mapping[tuple[str, int, str], Mapping[str, float]]
    claims: Sequence[Mapping[str, str]]


@dataclass(frozen=True)
class Cell:
    """A metric of a line over the seeds, in points."""

    mean: float
    deviation: float

    def __str__(self) -> str:
        return f"{self.mean:.1f} ± {self.deviation:.1f}"


def cell(results: Results, entry: Entry, metric: str, seeds: Sequence[int]) -> Cell:
    """Mean and standard deviation over the seeds (0 for a single one)."""
    found = [
        POINTS * pick(results.values[entry.row, seed, entry.round], entry, metric) for seed in seeds
    ]
    return Cell(float(np.mean(found)), float(np.std(found, ddof=1)) if len(found) > 1 else 0.0)


def pick(values: Mapping[str, float], entry: Entry, metric: str) -> float:
    """A table's metric; mIoU is that of the entry's branch."""
    if metric == "min_miou":
        return min(pick(values, entry, "fg_miou"), pick(values, entry, "bg_miou"))
    return values[f"{metric}_{entry.branch}" if metric in ("fg_miou", "bg_miou") else metric]


def write_page(
    study: StudyParams, results: Results, name: str, synthetic: bool, pictures: Sequence[str]
) -> str:
    """The whole page; `pictures` are names of files in the folder `<name>/` beside it."""
    world = "a synthetic world" if synthetic else "the data set"
    seeds = len(study.seeds)
    parts = [
        f"**All numbers on this page are of {world}, `data/{name}`.** `make study` writes the page "
        "from the results; do not edit it.",
        "# Study",
        f"Each row was run with {seeds} {'seed' if seeds == 1 else 'seeds'} on the same features; "
        "tables show mean ± standard deviation over the seeds, in points, the best value in bold. "
        "A difference is the mean over the seeds; its interval holds 95 % of "
        f"{study.resamples} resamples of the test videos, both sides on the same videos. A claim "
        "holds when the whole interval reaches the least difference that it asks for, does not "
        "hold when the whole interval stays below, and is not decided in between. "
        f"`data/{name}/study.yaml` says what each row sets.",
        "## Claims",
        table_lines(
            ["claim", "difference", "interval", "verdict"],
            [
                [
                    escape(claim["says"]), f"{float(claim['difference']):+.1f}",
                    interval(claim), VERDICTS[claim["verdict"]],
                ]
                for claim in results.claims
            ],
        ),
        *(f"![{picture.removesuffix('.png')}]({name}/{picture})" for picture in pictures),
        *(section(table, study, results) for table in study.tables),
    ]  # fmt: skip
    return "\n\n".join(parts) + "\n"


def section(table: Table, study: StudyParams, results: Results) -> str:
    """One table with its question and claims."""
    columns = [
        [cell(results, entry, metric, study.seeds) for entry in table.entries]
        for metric in table.metrics
    ]
    best = [max(round(one.mean, 1) for one in column) for column in columns]
    rows = []
    for n, entry in enumerate(table.entries):
        shown = [escape(entry.label)]
        for column, top in zip(columns, best, strict=True):
            bold = "**" if round(column[n].mean, 1) == top else ""
            shown.append(f"{bold}{column[n]}{bold}")
        rows.append(shown)
    claims = [
        f"- {escape(c['says'])}: {VERDICTS[c['verdict']]}, {title(c['metric'])} "
        f"{float(c['difference']):+.1f} {interval(c)}, ± {float(c['over_seeds']):.1f} over seeds"
        + (f"; at least {float(c['at_least']):+g} was asked for" if float(c["at_least"]) else "")
        for c in results.claims
        if c["table"] == table.title
    ]
    parts = [
        f"## {escape(table.title)}",
        escape(table.question),
        table_lines(["", *(title(metric) for metric in table.metrics)], rows),
        "\n".join(claims),
    ]
    return "\n\n".join(part for part in parts if part)


def interval(claim: Mapping[str, str]) -> str:
    """The bounds of a difference."""
    return f"[{float(claim['low']):+.1f}, {float(claim['high']):+.1f}]"


def title(metric: str) -> str:
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
    for character in "\\`*_[]|<>#":
        text = text.replace(character, f"\\{character}")
    return text
