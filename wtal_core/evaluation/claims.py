"""What a study's claims come to: differences over seeds, with confidence intervals over videos."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from wtal_core.schema.study import Entry, StudyParams
from wtal_core.segments import Floats

HEADER = (
    "table", "says", "metric", "better", "worse", "at_least",
    "difference", "over_seeds", "low", "high", "verdict",
)  # fmt: skip
POINTS = 100.0  # per cent
WITHIN = (2.5, 97.5)  # percentiles of a 95 % interval


@dataclass(frozen=True)
class Values:
    """Metrics of one run: on the test split, and on each resample of its videos."""

    exact: dict[str, float]
    resampled: dict[str, Floats]  # (R,) each


def compare(
    study: StudyParams, values: Mapping[tuple[str, int, str], Values]
) -> list[list[str | float]]:
    """A row of `HEADER` for each claim, differences in points.

    difference: mean over the seeds; over_seeds: their standard deviation; low, high: 95 % of the
    resamples' mean differences, both sides on the same videos. The claim `holds` when low reaches
    `at_least`, `fails` when high stays below, and is `open` in between.
    """
    rows: list[list[str | float]] = []
    for table in study.tables:
        entries = {entry.label: entry for entry in table.entries}
        for claim in table.claims:
            exact, resampled = [], []
            for seed in study.seeds:
                pair = [
                    read_metric(values[e.row, seed, e.round], e, claim.metric)
                    for e in (entries[claim.better], entries[claim.worse])
                ]
                exact.append(POINTS * (pair[0][0] - pair[1][0]))
                resampled.append(POINTS * (pair[0][1] - pair[1][1]))
            low, high = (float(v) for v in np.percentile(np.mean(resampled, axis=0), WITHIN))
            rows.append(
                [
                    table.title, claim.says, claim.metric, claim.better, claim.worse,
                    claim.at_least, float(np.mean(exact)), spread(exact), low, high,
                    judge(low, high, claim.at_least),
                ]
            )  # fmt: skip
    return rows


def read_metric(values: Values, entry: Entry, metric: str) -> tuple[float, Floats]:
    """A table's metric, exact and (R,) resampled.

    `fg_miou` and `bg_miou` are those of the entry's branch, `min_miou` the smaller of the two.
    """
    if metric == "min_miou":
        fg, bg = (read_metric(values, entry, f"{part}_miou") for part in ("fg", "bg"))
        return min(fg[0], bg[0]), np.minimum(fg[1], bg[1])
    name = f"{metric}_{entry.branch}" if metric in ("fg_miou", "bg_miou") else metric
    return values.exact[name], values.resampled[name]


def spread(values: list[float]) -> float:
    """Standard deviation of a sample; 0 for a single value."""
    return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0


def judge(low: float, high: float, at_least: float) -> str:
    """Whether an interval lies above a bound, below it, or round it."""
    if low >= at_least:
        return "holds"
    return "fails" if high < at_least else "open"
