"""Differences, intervals and verdicts of claims, against numbers worked out by hand."""

import math
from collections.abc import Sequence

import numpy as np
import pytest

from wtal_core.errors import ParamsError
from wtal_core.evaluation.claims import (
    HEADER,
    Values,
    check_metrics,
    compare,
    judge,
    mean_of_draws,
)
from wtal_core.schema.study import Claim, Entry, Row, StudyParams, Table

# 41 resamples 0..40: the percentiles 2.5 and 97.5 are the second and the second to last.
RAMP_R = np.arange(41, dtype=float) / 100
STILL_R = np.zeros(41)
Run = tuple[str, int, str]


def make_study(claims: Sequence[Claim], seeds: tuple[int, ...] = (3, 8)) -> StudyParams:
    entries = (
        Entry("ours", "long", "r1"),
        Entry("its VLP", "long", "r1", branch="vlp"),
        Entry("warm-up", "long", "r0"),
        Entry("theirs", "short", "r0"),
    )
    rows = {"long": Row(rounds=1), "short": Row(rounds=0)}
    return StudyParams(seeds, rows, (Table("T", "Q?", ("map@0.5",), entries, tuple(claims)),))


def make_values(found: dict[Run, tuple[float, np.ndarray]], metric: str) -> dict[Run, Values]:
    return {run: Values({metric: one}, {metric: each_R}) for run, (one, each_R) in found.items()}


def only(study: StudyParams, values: dict[Run, Values]) -> dict[str, str | float]:
    (row,) = compare(study, values)
    return dict(zip(HEADER, row, strict=True))


def test_difference_deviation_and_interval_by_hand() -> None:
    """Seeds differ by 10 and 30 points, on every resample of the videos by 20 more and 20 less.

    So 30, 20 or 10 in the mean of two drawn seeds; the percentiles are the outer ones.
    """
    claim = Claim("more", "ours", "theirs", "map@0.5", at_least=1.5)
    values = make_values(
        {
            ("long", 3, "r1"): (0.5, STILL_R + 0.3),
            ("short", 3, "r0"): (0.4, STILL_R),
            ("long", 8, "r1"): (0.9, STILL_R + 0.3),
            ("short", 8, "r0"): (0.6, STILL_R + 0.2),
        },
        "map@0.5",
    )
    found = only(make_study([claim]), values)
    assert [found[key] for key in HEADER[:6]] == ["T", "more", "map@0.5", "ours", "theirs", 1.5]
    assert found["difference"] == pytest.approx(20)
    assert found["over_seeds"] == pytest.approx(math.sqrt(10**2 + 10**2))
    assert [found["low"], found["high"]] == pytest.approx([10, 30])
    assert found["verdict"] == "holds"


def test_interval_of_one_seed_by_hand() -> None:
    claim = Claim("more", "ours", "theirs", "map@0.5")
    values = make_values(
        {("long", 3, "r1"): (0.5, RAMP_R), ("short", 3, "r0"): (0.4, STILL_R)}, "map@0.5"
    )
    found = only(make_study([claim], (3,)), values)
    assert [found["low"], found["high"]] == pytest.approx([1, 39])


def test_a_gain_of_one_seed_alone_is_not_sure() -> None:
    """30 points in one of three seeds and nothing in the others: 8 of 27 draws miss that seed."""
    claim = Claim("more", "ours", "theirs", "map@0.5")
    seeds = (3, 8, 5)
    values = make_values(
        {
            run: (0.0, STILL_R + (0.3 if run == ("long", 8, "r1") else 0.0))
            for seed in seeds
            for run in (("long", seed, "r1"), ("short", seed, "r0"))
        },
        "map@0.5",
    )
    found = only(make_study([claim], seeds), values)
    assert found["difference"] == 0
    assert found["low"] == 0
    assert float(found["high"]) >= 20
    assert found["verdict"] == "open"


def test_drawn_seeds_average_to_the_mean_of_all() -> None:
    """Over many resamples the mean is that of the seeds, its variance theirs over their number."""
    spread_SR = np.repeat([[1.0], [4.0], [10.0]], 200_000, axis=1)
    mean_R = mean_of_draws(spread_SR)
    assert mean_R.mean() == pytest.approx(5, abs=0.02)
    assert mean_R.var() == pytest.approx((16 + 1 + 25) / 3 / 3, rel=0.02)


def test_both_sides_are_resampled_together() -> None:
    """5 points apart on whatever videos: the interval is a point, however wide each side's is."""
    values = make_values(
        {("long", 3, "r1"): (0.35, RAMP_R + 0.05), ("short", 3, "r0"): (0.3, RAMP_R)}, "map@0.5"
    )
    found = only(make_study([Claim("more", "ours", "theirs", "map@0.5")], (3,)), values)
    assert found["low"] == pytest.approx(5)
    assert found["high"] == pytest.approx(5)
    assert found["over_seeds"] == 0


def test_miou_is_that_of_the_lines_branch() -> None:
    names = ("fg_miou_cbp", "fg_miou_vlp")
    both = Values(dict(zip(names, (0.3, 0.75), strict=True)), dict.fromkeys(names, STILL_R))
    claim = Claim("VLP finds more", "its VLP", "ours", "fg_miou")
    assert only(make_study([claim], (3,)), {("long", 3, "r1"): both})[
        "difference"
    ] == pytest.approx(45)


def test_the_smaller_miou_is_taken_in_each_resample() -> None:
    """fg rises from 0 to 40, bg falls from 40 to 0: the smaller climbs to 20 and goes down again.

    Of the 41 values 0, 0, 1, 1, ..., 19, 19, 20 the second is 0 and the second to last 19.
    """
    ours = Values(
        {"fg_miou_cbp": 0.6, "bg_miou_cbp": 0.25},
        {"fg_miou_cbp": RAMP_R, "bg_miou_cbp": RAMP_R[::-1]},
    )
    theirs = Values(
        {"fg_miou_cbp": 0.05, "bg_miou_cbp": 0.9},
        {"fg_miou_cbp": STILL_R, "bg_miou_cbp": STILL_R + 0.5},
    )
    claim = Claim("both", "ours", "theirs", "min_miou", at_least=19.5)
    found = only(make_study([claim], (3,)), {("long", 3, "r1"): ours, ("short", 3, "r0"): theirs})
    assert found["difference"] == pytest.approx(20)
    assert [found["low"], found["high"]] == pytest.approx([0, 19])
    assert found["verdict"] == "fails"


def test_resamples_without_a_value_are_left_out() -> None:
    """Of 42 resamples one has nothing to measure on one side; the others are the ramp."""
    gap_R = np.append(RAMP_R, np.nan)
    values = make_values(
        {("long", 3, "r1"): (0.2, gap_R), ("short", 3, "r0"): (0.2, np.append(STILL_R, 0.3))},
        "map@0.5",
    )
    found = only(make_study([Claim("more", "ours", "theirs", "map@0.5")], (3,)), values)
    assert [found["low"], found["high"]] == pytest.approx([1, 39])


def test_a_side_without_any_value_decides_nothing() -> None:
    ours = Values({}, {"bg_miou_cbp": np.full(41, np.nan)})
    theirs = Values({"bg_miou_cbp": 0.3}, {"bg_miou_cbp": RAMP_R})
    claim = Claim("more", "ours", "theirs", "bg_miou")
    found = only(make_study([claim], (3,)), {("long", 3, "r1"): ours, ("short", 3, "r0"): theirs})
    assert all(math.isnan(float(found[key])) for key in ("difference", "low", "high"))
    assert found["verdict"] == "open"


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (1.01, 5.0, "holds"),
        (1.0, 5.0, "open"),  # touches what was asked for
        (-3.0, 5.0, "open"),
        (-3.0, 1.0, "open"),
        (1.0, 1.0, "open"),
        (-3.0, 0.99, "fails"),
    ],
)
def test_verdicts_at_the_bounds(low: float, high: float, verdict: str) -> None:
    assert judge(low, high, at_least=1.0) == verdict


def test_claims_come_in_the_order_of_the_tables() -> None:
    says = ("second", "first", "third")
    claims = [Claim(one, "ours", "warm-up", "map@0.5") for one in says]
    values = make_values(
        {("long", 3, "r1"): (0.2, RAMP_R), ("long", 3, "r0"): (0.1, STILL_R)}, "map@0.5"
    )
    study = make_study(claims, (3,))
    twice = StudyParams(study.seeds, study.rows, (study.tables[0], study.tables[0]))
    assert [row[1] for row in compare(twice, values)] == [*says, *says]


@pytest.mark.parametrize(
    ("metric", "missing"), [("map@0.55", "map@0.55"), ("min_miou", "bg_miou_vlp")]
)
def test_a_metric_that_nothing_measures_is_named(metric: str, missing: str) -> None:
    study = make_study([Claim("more", "its VLP", "ours", metric)], (3,))
    known = {"map@0.5", "fg_miou_cbp", "bg_miou_cbp", "fg_miou_vlp"}
    with pytest.raises(ParamsError, match=rf"study.yaml: 'T' asks for '{metric}'.*'{missing}'"):
        check_metrics(study, known, "study.yaml")
    check_metrics(study, known | {missing}, "study.yaml")
