"""What a study's claims come to: differences over seeds, with intervals over seeds and videos.

Letters: R resamples, S seeds.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from wtal_core.errors import ParamsError
from wtal_core.schema.study import Entry, StudyParams
from wtal_core.segments import Floats

HEADER = (
    "table", "says", "metric", "better", "worse", "at_least",
    "difference", "over_seeds", "low", "high", "verdict",
)  # fmt: skip
POINTS = 100.0  # per cent
WITHIN = (2.5, 97.5)  # percentiles of a 95 % interval
DRAWS_SEED = 0  # of the random numbers that draw seeds
OF_BRANCH = ("fg_miou", "bg_miou")
SMALLER = "min_miou"

Verdict = Literal["holds", "fails", "open"]


@dataclass(frozen=True)
class Values:
    """Metrics of one run: on the test split, and on each resample of its videos.

    A metric may be missing in `exact`, and NaN in a resample, where there is nothing to measure.
    """

    exact: Mapping[str, float]
    resampled: Mapping[str, Floats]  # (R,) each


def compare(
    study: StudyParams, values: Mapping[tuple[str, int, str], Values]
) -> list[list[str | float]]:
    """A row of `HEADER` for each claim, differences in points.

    difference: mean over the seeds; over_seeds: their standard deviation; low, high: 95 % of the
    resamples' mean differences. A resample draws videos, both sides on the same ones, and as many
    seeds as there are, with repetition, so that a gain that one seed alone makes is not sure.
    Resamples in which a side has no value are left out. NaN where nothing is left. verdict: see
    `judge`.
    """
    rows: list[list[str | float]] = []
    for table in study.tables:
        entries = {entry.label: entry for entry in table.entries}
        for claim in table.claims:
            better, worse = entries[claim.better], entries[claim.worse]
            exact, resampled = [], []
            for seed in study.seeds:
                plus = values[better.row, seed, better.round]
                minus = values[worse.row, seed, worse.round]
                exact.append(
                    read_metric(plus.exact, better, claim.metric)
                    - read_metric(minus.exact, worse, claim.metric)
                )
                resampled.append(
                    read_resampled(plus.resampled, better, claim.metric)
                    - read_resampled(minus.resampled, worse, claim.metric)
                )
            difference, over_seeds = mean_and_spread(exact)
            low, high = bounds(POINTS * mean_of_draws(np.stack(resampled)))
            rows.append(
                [
                    table.title, claim.says, claim.metric, claim.better, claim.worse,
                    claim.at_least, difference, over_seeds, low, high,
                    judge(low, high, claim.at_least),
                ]
            )  # fmt: skip
    return rows


def check_metrics(study: StudyParams, known: Collection[str], where: str) -> None:
    """Raise ParamsError for a metric that tables or claims ask for and `known` lacks."""
    for table in study.tables:
        for metric in (*table.metrics, *(claim.metric for claim in table.claims)):
            for entry in table.entries:
                if missing := set(names_of(metric, entry)) - set(known):
                    shown = ", ".join([*OF_BRANCH, SMALLER, *sorted(known)])
                    raise ParamsError(
                        f"{where}: {table.title!r} asks for {metric!r}, and nothing measures "
                        f"{missing.pop()!r}; write one of {shown}"
                    )


def names_of(metric: str, entry: Entry) -> tuple[str, ...]:
    """The measured metrics that a table's metric is the smallest of.

    `fg_miou` and `bg_miou` are those of the entry's branch, `min_miou` the smaller of the two.
    """
    if metric == SMALLER:
        return tuple(name for part in OF_BRANCH for name in names_of(part, entry))
    return (f"{metric}_{entry.branch}" if metric in OF_BRANCH else metric,)


def read_metric(exact: Mapping[str, float], entry: Entry, metric: str) -> float:
    """A table's metric of a run; NaN where it has no value."""
    return float(np.min([exact.get(name, np.nan) for name in names_of(metric, entry)]))


def read_resampled(resampled: Mapping[str, Floats], entry: Entry, metric: str) -> Floats:
    """(R,) as `read_metric`, for each resample."""
    unknown_R = np.full_like(next(iter(resampled.values())), np.nan)
    found_R: Floats = np.min(
        [resampled.get(name, unknown_R) for name in names_of(metric, entry)], axis=0
    )
    return found_R


def mean_and_spread(values: Sequence[float]) -> tuple[float, float]:
    """Mean and sample standard deviation (0 of a single value), in points."""
    spread = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
    return POINTS * float(np.mean(values)), POINTS * spread


def mean_of_draws(difference_SR: Floats) -> Floats:
    """(R,) mean over as many seeds as there are, drawn with repetition for each resample.

    A resample in which any seed has no value has none.
    """
    seeds, resamples = difference_SR.shape
    rng = np.random.default_rng(DRAWS_SEED)
    times_RS = rng.multinomial(seeds, np.full(seeds, 1 / seeds), size=resamples)
    mean_R: Floats = (times_RS * difference_SR.T).sum(axis=1) / seeds
    return mean_R


def bounds(difference_R: Floats) -> tuple[float, float]:
    """The interval that holds 95 % of the resamples."""
    known = difference_R[~np.isnan(difference_R)]
    if not len(known):
        return float("nan"), float("nan")
    low, high = np.percentile(known, WITHIN)
    return float(low), float(high)


def judge(low: float, high: float, at_least: float) -> Verdict:
    """Whether an interval lies above a bound (`holds`), below it (`fails`) or neither (`open`).

    One that only touches the bound lies on neither side: runs that do not differ prove nothing.
    """
    if low > at_least:
        return "holds"
    return "fails" if high < at_least else "open"
