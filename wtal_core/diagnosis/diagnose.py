"""The whole diagnosis of one run: predictions against ground truth."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from wtal_core.diagnosis.characteristics import UNITS, Scheme, characterise
from wtal_core.diagnosis.false_positives import TYPES, classify, impact, profile
from wtal_core.diagnosis.instances import (
    find_missed,
    missed_share,
    normalised_map,
    sensitivity,
)
from wtal_core.diagnosis.intervals import Interval, bootstrap, class_intervals
from wtal_core.evaluation.detection import rank_detections
from wtal_core.evaluation.matching import Ties
from wtal_core.evaluation.protocols import check_thresholds, protocol_of
from wtal_core.segments import Segments

RANGES = 10  # of rank, each as long as a class has instances


@dataclass(frozen=True)
class Bin:
    """Instances in (low, high]: how many, what share is missed, normalised mAP on them alone."""

    characteristic: str
    size: str
    low: float  # -inf in the first bin
    high: float  # +inf in the last
    instances: int
    missed: float
    normalised_map: float

    @property
    def range(self) -> str:
        """As text: `all`, `≤ 3`, `3 to 6`, `> 18`."""
        if np.isinf(self.low):
            return "all" if np.isinf(self.high) else f"≤ {self.high:.3g}"
        return f"> {self.low:.3g}" if np.isinf(self.high) else f"{self.low:.3g} to {self.high:.3g}"


@dataclass(frozen=True)
class Diagnosis:
    """Values are shares in [0, 1], means over the thresholds.

    profile: for each range of rank, by type. impact: gain of mAP without a type. A share that does
    not exist (nothing in a range or bin) is NaN.
    """

    protocol: str
    tious: tuple[float, ...]
    bins_by: str
    map: Interval
    normalised_map: float
    classes: tuple[tuple[str, int, Interval], ...]  # name, instances, AP
    profile: tuple[dict[str, float], ...]
    impact: dict[str, float]
    bins: tuple[Bin, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, None where a value does not exist."""
        return {
            "protocol": self.protocol,
            "tious": list(self.tious),
            "bins_by": self.bins_by,
            "map": self.map.to_dict(),
            "normalised_map": _known(self.normalised_map),
            "classes": [
                {"label": name, "instances": count, **interval.to_dict("ap")}
                for name, count, interval in self.classes
            ],
            "false_positives": [
                {"range": f"{g + 1}G", **{name: _known(v) for name, v in shares.items()}}
                for g, shares in enumerate(self.profile)
            ],
            "impact": self.impact,
            "bins": [
                {
                    "characteristic": one.characteristic,
                    "unit": UNITS[one.characteristic],
                    "size": one.size,
                    "above": None if np.isinf(one.low) else one.low,
                    "up_to": None if np.isinf(one.high) else one.high,
                    "instances": one.instances,
                    "missed": _known(one.missed),
                    "normalised_map": _known(one.normalised_map),
                }
                for one in self.bins
            ],
        }


def diagnose(
    predictions: Segments,
    truth: Segments,
    durations: Mapping[str, float],
    tious: Sequence[float],
    protocol: str = "activitynet",
    ambiguous: Segments | None = None,
    ties: Ties = "stable",
    *,
    bins: Scheme = "quantiles",
    resamples: int = 1000,
    seed: int = 0,
) -> Diagnosis:
    """What kinds of errors there are and what they cost, under a protocol of the evaluator.

    durations: seconds of every video that was to be localized; it decides what is resampled, so
    videos without instances belong to it. A prediction that is spared (ambiguous) plays no part.
    """
    rules, tiou_K = protocol_of(protocol), check_thresholds(tious)
    ranked = rank_detections(predictions, truth, tious, protocol, ambiguous, ties)
    videos = sorted(set(truth.video.tolist()) | set(predictions.video.tolist()))
    types = classify(ranked, tiou_K, rules)
    missed_KG = find_missed(ranked)
    found: list[Bin] = []
    for one in characterise(ranked, videos, durations, rules, bins):
        shares, precisions = missed_share(missed_KG, one), sensitivity(ranked, one)
        for b, size in enumerate(one.sizes):
            count = int((one.bin_G == b).sum())
            low, high = one.edges[b : b + 2]
            values = float(shares[b]), float(precisions[b])
            found.append(Bin(one.name, size, low, high, count, *values))
    times_RV = bootstrap(videos, sorted(durations), resamples, seed)
    overall, by_class = class_intervals(ranked, times_RV, rules.interpolated)
    return Diagnosis(
        protocol,
        tuple(float(t) for t in tious),
        bins,
        overall,
        normalised_map(ranked),
        tuple(
            (one.label, len(one.actual), interval)
            for one, interval in zip(ranked, by_class, strict=True)
        ),
        tuple(
            dict(zip(TYPES, (float(v) for v in share_Y), strict=True))
            for share_Y in profile(types, ranked, RANGES)
        ),
        impact(types, ranked, rules.interpolated),
        tuple(found),
    )


def _known(value: float) -> float | None:
    return None if np.isnan(value) else value
