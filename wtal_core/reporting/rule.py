"""What Eq. (4) makes of any scores, without torch: the test split's labels on the pages."""

import math

import numpy as np
from numpy.typing import NDArray

from wtal_core.schema.pseudo_labels import PseudoLabelParams
from wtal_core.schema.thresholds import ThresholdParams

EDGE = 1e-6  # as in pseudo_labels: log-odds of 0 and 1 are infinite


def rule_labels(
    prob_TC: NDArray[np.float32],
    thresholds: ThresholdParams,
    labelling: PseudoLabelParams,
    *,
    distilled: bool,
) -> NDArray[np.int8]:
    """Labels (T, C) in {1, 0, -1} of one branch's probabilities, every class thought possible.

    Eq. (4) of [DVLP] with this project's recentring, as `pseudo_labels.distil` computes it for a
    teacher alone. A test video has no label to rule a class out by.
    """
    score_TC = np.asarray(prob_TC, dtype=np.float64)
    if distilled and labelling.recentre:
        with np.errstate(divide="ignore", over="ignore"):  # thresholds of 0 and 1 are allowed
            middle = (_logit(thresholds.delta_h) + _logit(thresholds.delta_l)) / 2
            score_TC = 1 / (1 + np.exp(-_logit(np.clip(score_TC, EDGE, 1 - EDGE)) - middle))
    if labelling.minmax:
        low_C, high_C = score_TC.min(axis=0), score_TC.max(axis=0)
        score_TC = (score_TC - low_C) / np.where(high_C > low_C, high_C - low_C, 1.0)
    found = np.full(score_TC.shape, -1, dtype=np.int8)
    found[score_TC > thresholds.delta_h] = 1
    found[score_TC < thresholds.delta_l] = 0
    return found


def raw_levels(
    thresholds: ThresholdParams, labelling: PseudoLabelParams, *, distilled: bool
) -> tuple[float, float] | None:
    """The probabilities where `rule_labels` changes its mind: foreground above, background below.

    The shift of the log-odds moves the thresholds back. None where each video and class has others
    (`minmax`), and where thresholds of 0 or 1 make the shift infinite.
    """
    high, low = thresholds.delta_h, thresholds.delta_l
    if labelling.minmax:
        return None
    if not (distilled and labelling.recentre):
        return high, low
    if low <= 0 or high >= 1:
        return None
    half = float(_logit(high) - _logit(low)) / 2
    return 1 / (1 + math.exp(-half)), 1 / (1 + math.exp(half))


def _logit(value: float | NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.log(value) - np.log1p(-np.asarray(value, dtype=np.float64)))
