"""Metrics of resampled test splits: how far a number depends on which videos there happen to be.

A resample draws as many videos as there are, with repetition. Matching predictions with instances
concerns one video at a time, so it is done once; a resample only counts videos differently.
Letters: R resamples, V videos, N predictions of one class, H hits among them, K thresholds,
C classes.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from wtal_core.evaluation.detection import Ranked, rank_detections
from wtal_core.evaluation.matching import Indices, Ties
from wtal_core.evaluation.protocols import Bools, protocol_of
from wtal_core.evaluation.pseudo import count_overlaps, divide_counts
from wtal_core.segments import Floats, Segments

Counts = NDArray[np.int64]


def draw_videos(videos: int, resamples: int, seed: int) -> Counts:
    """(R, V) how often each resample holds each video; rows sum to V."""
    rng = np.random.default_rng(seed)
    return rng.multinomial(videos, np.full(videos, 1 / videos), size=resamples)


def resample_map(
    predictions: Segments,
    truth: Segments,
    tious: Sequence[float],
    videos: Sequence[str],
    times_RV: Counts,
    protocol: str = "activitynet",
    ambiguous: Segments | None = None,
    ties: Ties = "stable",
) -> Floats:
    """(R, K) mAP where video `videos[v]` counts `times_RV[:, v]` times.

    A class without an instance in a resample is left out of its mean; NaN if that is every class.
    Equal, but for rounding, to evaluating a test split that holds each video under so many names,
    as far as no two predictions of a class tie in score: a prediction's copies then rank one
    behind the other. Raises ValueError for a video of predictions or truth that is not in `videos`.
    """
    known = sorted(set(truth.video.tolist()) | set(predictions.video.tolist()))
    if missing := set(known) - set(videos):
        raise ValueError(f"no counts are given for the videos {sorted(missing)}")
    place = {name: v for v, name in enumerate(videos)}
    times_RV = times_RV[:, [place[name] for name in known]]
    interpolated = protocol_of(protocol).interpolated
    ap_CRK = np.stack(
        [
            weighted_precision(ranked, times_RV, interpolated)
            for ranked in rank_detections(predictions, truth, tious, protocol, ambiguous, ties)
        ]
    )
    return _mean_known(ap_CRK, axis=0)


def weighted_precision(ranked: Ranked, times_RV: Counts, interpolated: bool) -> Floats:
    """(R, K) average precision of one class; NaN where a resample has no instance of it.

    Only hits (H of them) add to the area, and between two hits precision falls, so it is enough to
    know, at each hit, what a resample holds up to there.
    """
    weight_RV: Floats = times_RV.astype(
        np.float64
    )  # products of floats are fast; counts stay exact
    instances_R = weight_RV[:, ranked.truth_G].sum(axis=1)
    ap_RK = np.full((len(weight_RV), len(ranked.hit_KN)), np.nan)
    for k, (hit_N, miss_N) in enumerate(zip(ranked.hit_KN, ranked.miss_KN, strict=True)):
        times_RH: Floats = weight_RV[:, ranked.video_N[hit_N]]
        hits_RH = np.cumsum(times_RH, axis=1)
        misses_RH = weight_RV @ _count_before(ranked.video_N, hit_N, miss_N, weight_RV.shape[1])
        if interpolated:
            # Copies of a hit follow each other; under the envelope the last one's counts for all.
            precision_RH = hits_RH / np.maximum(hits_RH + misses_RH, 1)
            precision_RH = np.maximum.accumulate(precision_RH[:, ::-1], axis=1)[:, ::-1]
            area_R = (precision_RH * times_RH).sum(axis=1)
        else:
            area_R = (times_RH - misses_RH * _sum_inverses(hits_RH, misses_RH, times_RH)).sum(
                axis=1
            )
        np.divide(area_R, instances_R, out=ap_RK[:, k], where=instances_R > 0)
    return ap_RK


def _count_before(video_N: Indices, hit_N: Bools, miss_N: Bools, videos: int) -> Floats:
    """(V, H) misses of each video that rank before each hit."""
    hits_before_N = np.cumsum(hit_N)
    count_VH = np.zeros((videos, int(hit_N.sum()) + 1))
    np.add.at(count_VH, (video_N[miss_N], hits_before_N[miss_N]), 1)
    return np.cumsum(count_VH, axis=1)[:, :-1]


def _sum_inverses(hits_RH: Floats, misses_RH: Floats, times_RH: Floats) -> Floats:
    """(R, H) the sum of 1 / n over the ranks n that a hit's copies take.

    The j-th of m copies has precision (h + j) / n = 1 - misses / n, with h hits before them and
    n = h + j + misses; so m - misses * (this sum) is the precision of all m.
    """
    last_RH = (hits_RH + misses_RH).astype(np.intp)
    ranks = np.arange(1, last_RH.max(initial=0) + 1)
    harmonic = np.concatenate([[0.0], np.cumsum(1 / ranks)])
    total_RH: Floats = harmonic[last_RH] - harmonic[last_RH - times_RH.astype(np.intp)]
    return total_RH


def resample_iou(
    labels: Sequence[NDArray[np.int8]],
    truth: Sequence[NDArray[np.bool_]],
    uncertain: Literal["ignore", "background"],
    times_RV: Counts,
) -> tuple[Floats, Floats]:
    """(R,) foreground mIoU and (R,) background IoU of `pseudo_label_iou`, per resample.

    NaN where a resample has nothing to count.
    """
    shared_VC, union_VC = count_overlaps(labels, truth, uncertain)
    iou_RC = divide_counts(times_RV @ shared_VC, times_RV @ union_VC)
    return _mean_known(iou_RC[:, :-1], axis=1), iou_RC[:, -1]


def _mean_known(values: Floats, axis: int) -> Floats:
    """Mean over what is not NaN; NaN, without a warning, where all is."""
    known = ~np.isnan(values)
    total, count = np.where(known, values, 0).sum(axis=axis), known.sum(axis=axis)
    return divide_counts(total, count.astype(np.float64))
