"""What is wrong with the predictions that miss: five types of false positives.

The types are those of Alwassel et al., Diagnosing Error in Temporal Action Detectors (ECCV 2018).
Letters: K thresholds, N predictions of one class, R ranges of rank, Q pairs, Y types.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from wtal_core.evaluation.detection import Ranked, average_precision
from wtal_core.evaluation.matching import Indices, Rows, overlapping_pairs
from wtal_core.evaluation.protocols import Protocol
from wtal_core.segments import Floats

# In this order they are numbered; the last four need the overlap alone, the first two the matching.
TYPES = (
    "true positive",
    "double detection",
    "wrong label",
    "localisation",
    "confusion",
    "background",
)
FALSE = TYPES[1:]
SPARED = -1  # neither right nor wrong: in an ambiguous interval
FLOOR = 0.1  # an overlap below it is none


def classify(ranked: Sequence[Ranked], tiou_K: Floats, rules: Protocol) -> list[NDArray[np.int8]]:
    """Of each class the (K, N) types of its predictions, as numbers into `TYPES` (or `SPARED`).

    What a miss is follows from the instance of its video, of any label, that it overlaps most:
    at the threshold or above, that instance is taken already (double detection) or has another
    label (wrong label); from `FLOOR` on, the times are not good enough (localisation), or times
    and label (confusion); below, it lies on background. Of equal overlaps the one with the
    prediction's own label counts.
    """
    everything = join_rows([one.actual for one in ranked])
    label_G = np.repeat(np.arange(len(ranked)), [len(one.actual) for one in ranked])
    found = []
    for c, one in enumerate(ranked):
        best_N, own_N = _best(one.found, everything, label_G == c)
        near_N = best_N > FLOOR if rules.strict else best_N >= FLOOR
        type_KN = np.empty(one.miss_KN.shape, dtype=np.int8)
        for k, threshold in enumerate(tiou_K):
            enough_N = best_N > threshold if rules.strict else best_N >= threshold
            type_KN[k] = np.select(
                [enough_N & own_N, enough_N, near_N & own_N, near_N], [1, 2, 3, 4], default=5
            )
        type_KN[one.hit_KN] = 0
        type_KN[~one.hit_KN & ~one.miss_KN] = SPARED
        found.append(type_KN)
    return found


def profile(types: Sequence[NDArray[np.int8]], ranked: Sequence[Ranked], ranges: int) -> Floats:
    """(R, Y) share of each type among the predictions of a range of rank, mean over thresholds.

    A class with G instances puts its best G predictions into the first range, the next G into the
    second, and so on: a perfect detector has nothing but true positives in the first and nothing
    in the others. NaN where no class has so many predictions. Spared predictions are no part of it.
    """
    thresholds = len(types[0])
    share_KRY = np.full((thresholds, ranges, len(TYPES)), np.nan)
    for k in range(thresholds):
        count_RY = np.zeros((ranges, len(TYPES)))
        for type_KN, one in zip(types, ranked, strict=True):
            type_N = type_KN[k][type_KN[k] != SPARED]
            range_N = np.arange(len(type_N)) // len(one.actual)
            shown_N = range_N < ranges
            np.add.at(count_RY, (range_N[shown_N], type_N[shown_N]), 1)
        total_R1 = count_RY.sum(axis=1, keepdims=True)
        np.divide(count_RY, total_R1, out=share_KRY[k], where=total_R1 > 0)
    known_KRY = ~np.isnan(share_KRY)
    count_RY = known_KRY.sum(axis=0)
    mean_RY = np.full(count_RY.shape, np.nan)
    total_RY = np.where(known_KRY, share_KRY, 0).sum(axis=0)
    return np.divide(total_RY, count_RY, out=mean_RY, where=count_RY > 0)


def impact(
    types: Sequence[NDArray[np.int8]], ranked: Sequence[Ranked], interpolated: bool
) -> dict[str, float]:
    """By how much mAP (mean over thresholds) rises when all false positives of a type go.

    A miss takes no instance, so the other predictions hit as before.
    """
    gain = {}
    for number, name in enumerate(FALSE, start=1):
        gains = [
            average_precision(
                one.hit_KN, one.miss_KN & (type_KN != number), len(one.actual), interpolated
            )
            - average_precision(one.hit_KN, one.miss_KN, len(one.actual), interpolated)
            for type_KN, one in zip(types, ranked, strict=True)
        ]
        gain[name] = float(np.mean(gains))
    return gain


def join_rows(parts: Sequence[Rows]) -> Rows:
    """All rows, one part behind the other."""
    return Rows(
        np.concatenate([part.row_N for part in parts]),
        np.concatenate([part.video_N for part in parts]),
        np.concatenate([part.start_N for part in parts]),
        np.concatenate([part.end_N for part in parts]),
        np.concatenate([part.score_N for part in parts]),
    )


def _best(found: Rows, actual: Rows, own_G: NDArray[np.bool_]) -> tuple[Floats, NDArray[np.bool_]]:
    """(N,) the greatest overlap of each prediction, 0 for none, and whether it is of its label."""
    found_Q, actual_Q, tiou_Q = overlapping_pairs(found, actual)
    own_Q = own_G[actual_Q]
    order_Q: Indices = np.lexsort((own_Q, tiou_Q, found_Q))
    # the last pair of a prediction is its best; later writes win
    best_N, own_N = np.zeros(len(found)), np.zeros(len(found), dtype=bool)
    last_Q = order_Q[np.append(np.diff(found_Q[order_Q]) != 0, True)] if len(order_Q) else order_Q
    best_N[found_Q[last_Q]] = tiou_Q[last_Q]
    own_N[found_Q[last_Q]] = own_Q[last_Q]
    return best_N, own_N
