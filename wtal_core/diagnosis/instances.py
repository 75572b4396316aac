"""Which instances are missed, and how precision depends on what instances are like.

Letters: K thresholds, N predictions of one class, G instances, B bins, C classes.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from wtal_core.diagnosis.characteristics import Characteristic
from wtal_core.evaluation.detection import Bools, Ranked
from wtal_core.segments import Floats

LEAST = 0.05  # normalised precision below which a prediction finds nothing


def normalised_precision(
    hit_KN: Bools, miss_KN: Bools, instances: int, mean_instances: float
) -> Floats:
    """(K, N) precision after each rank, as if the class had as many instances as the mean class.

    R n / (R n + F), with recall R, false positives F and n = `mean_instances`. Classes and bins of
    different size can be compared by it: precision itself falls with the number of instances.
    """
    right_KN = np.cumsum(hit_KN, axis=1) / instances * mean_instances
    all_KN = right_KN + np.cumsum(miss_KN, axis=1)
    return np.divide(right_KN, all_KN, out=np.zeros_like(right_KN), where=all_KN > 0)


def find_missed(ranked: Sequence[Ranked]) -> Bools:
    """(K, G) whether an instance is missed, class by class in the order of `ranked`.

    Found is what a prediction takes while the normalised precision of its class is above `LEAST`:
    among hundreds of predictions of a video, one will lie on any instance.
    """
    mean = mean_instances(ranked)
    parts = []
    for one in ranked:
        found_KG = np.zeros((len(one.taken_KN), len(one.actual)), dtype=bool)
        if len(one.found):
            precision_KN = normalised_precision(one.hit_KN, one.miss_KN, len(one.actual), mean)
            k, n = np.nonzero(one.hit_KN & (precision_KN > LEAST))
            found_KG[k, one.taken_KN[k, n]] = True
        parts.append(~found_KG)
    return np.concatenate(parts, axis=1)


def missed_share(missed_KG: Bools, of: Characteristic) -> Floats:
    """(B,) share of each bin's instances that are missed, mean over thresholds; NaN for none."""
    missed_G = missed_KG.mean(axis=0)
    return np.array(
        [
            missed_G[of.bin_G == b].mean() if (of.bin_G == b).any() else np.nan
            for b in range(len(of.sizes))
        ]
    )


def normalised_map(ranked: Sequence[Ranked], kept_G: Bools | None = None) -> float:
    """Normalised mAP, mean over thresholds and over the classes that have a kept instance.

    kept_G: the instances that count. Predictions that take another one are left out; all misses
    stay. Interpolated, whatever the protocol. NaN where nothing is kept.
    """
    mean = mean_instances(ranked)
    values: list[float] = []
    first = 0
    for one in ranked:
        last = first + len(one.actual)
        kept: NDArray[np.bool_] = (
            np.ones(len(one.actual), dtype=bool) if kept_G is None else kept_G[first:last]
        )
        first = last
        if not kept.any():
            continue
        hit_KN = one.hit_KN & kept[one.taken_KN]  # -1, for none, picks one that hit_KN leaves out
        precision_KN = normalised_precision(hit_KN, one.miss_KN, int(kept.sum()), mean)
        envelope_KN = np.maximum.accumulate(precision_KN[:, ::-1], axis=1)[:, ::-1]
        values.append(float((envelope_KN * hit_KN).sum(axis=1).mean() / kept.sum()))
    return float(np.mean(values)) if values else float("nan")


def sensitivity(ranked: Sequence[Ranked], of: Characteristic) -> Floats:
    """(B,) normalised mAP on each bin's instances alone."""
    return np.array([normalised_map(ranked, of.bin_G == b) for b in range(len(of.sizes))])


def mean_instances(ranked: Sequence[Ranked]) -> float:
    """Instances of the mean class."""
    return float(np.mean([len(one.actual) for one in ranked]))
