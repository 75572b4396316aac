"""Thresholds for data sets with few classes."""

from math import ceil

# Of the way from chance (1 / C) to certainty (1), as the paper's 0.1 and 0.3 lie with the
# 20 classes of THUMOS14.
_LOW, _HIGH = (0.1 - 1 / 20) / (1 - 1 / 20), (0.3 - 1 / 20) / (1 - 1 / 20)


def advise_thresholds(classes: int, delta_l: float) -> tuple[float, float] | None:
    """(delta_h, delta_l) that fit so many classes; None where the present delta_l already does.

    A score is a softmax over classes, so it is 1 / C where a branch knows nothing: unless that
    lies below `delta_l`, nothing of such a video would ever be background.
    """
    if classes < 2 or 1 / classes < delta_l:
        return None
    chance = 1 / classes
    return _up(chance + _HIGH * (1 - chance)), _up(chance + _LOW * (1 - chance))


def _up(value: float) -> float:
    return ceil(100 * value - 1e-9) / 100
