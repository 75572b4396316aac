"""What can be said of predictions and scores without any ground-truth segment.

Letters: N videos, T snippets, C classes, M all snippets of all videos.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, log

import numpy as np
from numpy.typing import NDArray

from wtal_core.segments import Floats, Segments

LEVELS = (0.1, 0.3, 0.5, 0.7)  # of the score, from which on a segment counts


@dataclass(frozen=True)
class Coverage:
    """Segments of at least this score: how many, how long, how much of the videos they cover."""

    level: float
    segments: int
    per_video: float  # median
    videos_without: int
    time_share: float  # of all videos' time under at least one segment of any class
    length_s: float  # median; NaN without segments


@dataclass(frozen=True)
class Agreement:
    """Two branches on one class, over all snippets of a split.

    iou: of what each calls foreground, NaN if neither does; only_first, only_second: share of the
    union that only one claims; correlation: Spearman's, NaN where one says the same throughout.
    """

    label: str
    iou: float
    only_first: float
    only_second: float
    correlation: float


def cover(predictions: Segments, durations: Mapping[str, float], level: float) -> Coverage:
    """The segments from one score on. durations: seconds of every video of the split."""
    kept = predictions.take(predictions.score >= level)
    count_N = np.array([(kept.video == video).sum() for video in durations])
    covered_s = sum(union_s(kept.take(kept.video == video)) for video in durations)
    length_N = kept.end_s - kept.start_s
    return Coverage(
        level,
        len(kept),
        float(np.median(count_N)),
        int((count_N == 0).sum()),
        covered_s / sum(durations.values()),
        float(np.median(length_N)) if len(kept) else float("nan"),
    )


def union_s(segments: Segments) -> float:
    """Seconds under at least one of the segments, all of one video."""
    order = np.argsort(segments.start_s, kind="stable")
    start, end = segments.start_s[order], segments.end_s[order]
    # up to where everything before is covered
    before = np.concatenate([[-np.inf], np.maximum.accumulate(end)[:-1]]) if len(end) else end
    return float(np.maximum(end - np.maximum(start, before), 0).sum())


def pool_top(score_TC: Floats, ratio: int) -> Floats:
    """(C,) mean of each class's max(1, T // ratio) best snippets: a video-level score."""
    k = max(1, len(score_TC) // ratio)
    best_kC: Floats = np.sort(score_TC, axis=0)[-k:]
    return best_kC.mean(axis=0)


def label_precision(score_NC: Floats, label_NC: NDArray[np.float32]) -> Floats:
    """(C,) AP of ranking videos by their score for a class against their video-level labels.

    Mean precision at the videos that have the class; of equal scores, those without rank first,
    so that a constant score earns nothing. NaN for a class that no video has.
    """
    ap_C = np.full(score_NC.shape[1], np.nan)
    for c in range(score_NC.shape[1]):
        order_N = np.lexsort((label_NC[:, c], -score_NC[:, c]))
        has_N = label_NC[order_N, c] > 0
        if has_N.any():
            precision_N = np.cumsum(has_N) / np.arange(1, len(has_N) + 1)
            ap_C[c] = precision_N[has_N].mean()
    return ap_C


def foreground_level(high: float, low: float, recentred: bool) -> float:
    """The raw score above which Eq. (4) sees foreground.

    A distilled branch's log-odds are first moved by (logit high + logit low) / 2, so that even odds
    lie midway between the thresholds; here the threshold is moved instead.
    """
    if not recentred:
        return high
    if low <= 0 or high >= 1:
        return 1.0  # the odds move by infinity, and nothing is above a threshold any more
    odds = (log(high / (1 - high)) - log(low / (1 - low))) / 2
    return 1 / (1 + exp(-odds))


def agree(
    first: Sequence[Floats],
    second: Sequence[Floats],
    levels: tuple[float, float],
    classes: Sequence[str],
) -> list[Agreement]:
    """Of each class, how far two branches see the same; (T, C) scores of each video.

    levels: from where on each branch's score is foreground. All classes of all videos count, since
    nobody says which class a video has.
    """
    first_MC, second_MC = np.concatenate(first), np.concatenate(second)
    found = []
    for c, label in enumerate(classes):
        one_M, two_M = first_MC[:, c] > levels[0], second_MC[:, c] > levels[1]
        union = int((one_M | two_M).sum())
        both, only_one, only_two = (
            float(part.sum() / union) if union else float("nan")
            for part in (one_M & two_M, one_M & ~two_M, ~one_M & two_M)
        )
        correlation = rank_correlation(first_MC[:, c], second_MC[:, c])
        found.append(Agreement(label, both, only_one, only_two, correlation))
    return found


def rank_correlation(a_M: Floats, b_M: Floats) -> float:
    """Spearman's: the correlation of ranks, equal values sharing their mean rank; NaN if one is
    constant.
    """
    a_M, b_M = mean_ranks(a_M), mean_ranks(b_M)
    a_M, b_M = a_M - a_M.mean(), b_M - b_M.mean()
    size = float(np.sqrt((a_M**2).sum() * (b_M**2).sum()))
    return float((a_M * b_M).sum() / size) if size > 0 else float("nan")


def mean_ranks(value_M: Floats) -> Floats:
    """(M,) ranks from 1; equal values share the mean of theirs."""
    _, place_M, count = np.unique(value_M, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    rank: Floats = last - (count - 1) / 2
    return rank[place_M]
