"""AP and mAP with intervals: how far they depend on which videos there happen to be.

Letters: K thresholds, R resamples, V videos, C classes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import pi, sqrt, tan
from statistics import NormalDist

import numpy as np

from wtal_core.evaluation.bootstrap import Counts, draw_videos, weighted_precision
from wtal_core.evaluation.detection import Ranked, average_precision
from wtal_core.segments import Floats

LEVEL = 0.95  # of every interval


@dataclass(frozen=True)
class Interval:
    """A value and between what most resamples lie; NaN where no resample has a value."""

    value: float
    low: float
    high: float

    @property
    def width(self) -> float:
        """From low to high."""
        return self.high - self.low

    def to_dict(self, name: str = "value") -> dict[str, float | None]:
        """For JSON, None where there is no value."""
        values = {name: self.value, f"{name}_low": self.low, f"{name}_high": self.high}
        return {key: None if np.isnan(v) else v for key, v in values.items()}


def bootstrap(named: Sequence[str], videos: Sequence[str], resamples: int, seed: int) -> Counts:
    """(R, named) how often each named video is in a resample of all `videos`, with repetition.

    Raises ValueError for a named video that is not among `videos`.
    """
    place = _places(named, videos)
    return draw_videos(len(videos), resamples, seed)[:, place]


def halve(named: Sequence[str], videos: Sequence[str], resamples: int, seed: int) -> Counts:
    """(R, named) which named videos are in a random half of `videos`, without repetition.

    The mean over half of a sample varies as much as the mean over the sample does; and unlike a
    bootstrap, whose repeated videos shift AP, each half is a sample as somebody might have drawn.
    """
    place = _places(named, videos)
    rng = np.random.default_rng(seed)
    order_RV = rng.permuted(np.tile(np.arange(len(videos)), (resamples, 1)), axis=1)
    return (order_RV < len(videos) // 2).astype(np.int64)[:, place]


def class_intervals(
    ranked: Sequence[Ranked],
    times_RV: Counts,
    interpolated: bool,
    shrink: float | None = None,
) -> tuple[Interval, list[Interval]]:
    """mAP and each class's AP, means over thresholds, with intervals.

    times_RV: how often each video that `ranked` numbers counts in a resample. In a resample without
    an instance of a class, the class has no AP and is left out of the mean. shrink: see `interval`.
    """
    ap_C = np.array(
        [average_precision(r.hit_KN, r.miss_KN, len(r.actual), interpolated).mean() for r in ranked]
    )
    ap_CR = np.stack([weighted_precision(r, times_RV, interpolated).mean(axis=1) for r in ranked])
    known_CR = ~np.isnan(ap_CR)
    count_R, total_R = known_CR.sum(axis=0), np.where(known_CR, ap_CR, 0).sum(axis=0)
    map_R = np.divide(total_R, count_R, out=np.full(len(count_R), np.nan), where=count_R > 0)
    overall = interval(float(ap_C.mean()), map_R, shrink)
    by_class = [interval(float(v), ap_R, shrink) for v, ap_R in zip(ap_C, ap_CR, strict=True)]
    return overall, by_class


def student_widening(freedom: int) -> float:
    """Student's quantile over the normal one at `LEVEL`: how much wider an interval has to be whose
    spread was estimated with so many degrees of freedom.

    Closed forms for 1 and 2, else Abramowitz and Stegun 26.7.5, right to 0.004.
    Raises ValueError below 1.
    """
    if freedom < 1:
        raise ValueError(f"degrees of freedom are 1 or more, got {freedom}")
    p = (1 + LEVEL) / 2
    z = NormalDist().inv_cdf(p)
    if freedom == 1:
        return tan(pi * (p - 0.5)) / z
    if freedom == 2:
        return (2 * p - 1) / sqrt(2 * p * (1 - p)) / z
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    fourth = (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160
    terms = (z, first, second, third, fourth)
    t = sum(term / freedom**power for power, term in enumerate(terms))
    return t / z


def interval(value: float, resampled_R: Floats, shrink: float | None = None) -> Interval:
    """The middle `LEVEL` of the resamples: the percentiles themselves, or, given `shrink`, their
    distances from the mean resample, times `shrink`, on both sides of the value, within [0, 1].
    """
    known = resampled_R[~np.isnan(resampled_R)]
    if not len(known):
        return Interval(value, float("nan"), float("nan"))
    tail = (1 - LEVEL) / 2
    low, high = (float(end) for end in np.quantile(known, (tail, 1 - tail)))
    if shrink is None:
        return Interval(value, low, high)
    middle = float(known.mean())
    return Interval(
        value,
        max(0.0, value + shrink * (low - middle)),
        min(1.0, value + shrink * (high - middle)),
    )


def _places(named: Sequence[str], videos: Sequence[str]) -> list[int]:
    place = {name: v for v, name in enumerate(sorted(videos))}
    if missing := [name for name in named if name not in place]:
        raise ValueError(f"not among the videos to draw from: {', '.join(missing[:5])}")
    return [place[name] for name in named]
