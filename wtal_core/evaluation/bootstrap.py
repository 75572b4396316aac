"""Metrics of resampled test splits: how far a number depends on which videos there happen to be.

A resample draws as many videos as there are, with repetition. Matching predictions with instances
concerns one video at a time, so it is done once; a resample only counts videos differently.
Letters: R resamples, V videos, N predictions of one class, K thresholds, C classes.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from wtal_core.evaluation.detection import PROTOCOLS, Ranked, rank_detections
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
) -> Floats:
    """(R, K) mAP where video `videos[v]` counts `times_RV[:, v]` times.

    A class without an instance in a resample is left out of its mean. Equal to evaluating a test
    split that holds the videos so often, as far as no two predictions of a class tie in score.
    Raises ValueError for a video of predictions or truth that is not in `videos`.
    """
    known = sorted(set(truth.video.tolist()) | set(predictions.video.tolist()))
    if missing := set(known) - set(videos):
        raise ValueError(f"no counts are given for the videos {sorted(missing)}")
    place = {name: v for v, name in enumerate(videos)}
    times_RV = times_RV[:, [place[name] for name in known]]
    interpolated = PROTOCOLS[protocol].interpolated
    ap_CRK = np.stack(
        [
            weighted_precision(ranked, times_RV, interpolated)
            for ranked in rank_detections(predictions, truth, tious, protocol)
        ]
    )
    return np.nanmean(ap_CRK, axis=0)


def weighted_precision(ranked: Ranked, times_RV: Counts, interpolated: bool) -> Floats:
    """(R, K) average precision of one class; NaN where a resample has no instance of it."""
    times_RN = times_RV[:, ranked.video_N]
    instances_R = times_RV[:, ranked.truth_G].sum(axis=1)
    ap_RK = np.full((len(times_RV), len(ranked.hit_KN)), np.nan)
    for k, (hit_N, miss_N) in enumerate(zip(ranked.hit_KN, ranked.miss_KN, strict=True)):
        gained_RN = times_RN * hit_N
        hits_RN = np.cumsum(gained_RN, axis=1)
        seen_RN = hits_RN + np.cumsum(times_RN * miss_N, axis=1)
        precision_RN = hits_RN / np.maximum(seen_RN, 1)
        if interpolated:
            precision_RN = np.maximum.accumulate(precision_RN[:, ::-1], axis=1)[:, ::-1]
        area_R = (precision_RN * gained_RN).sum(axis=1)
        np.divide(area_R, instances_R, out=ap_RK[:, k], where=instances_R > 0)
    return ap_RK


def resample_iou(
    labels: Sequence[NDArray[np.int8]],
    truth: Sequence[NDArray[np.bool_]],
    uncertain: Literal["ignore", "background"],
    times_RV: Counts,
) -> tuple[Floats, Floats]:
    """(R,) foreground mIoU and (R,) background IoU of `pseudo_label_iou`, per resample."""
    shared_VC, union_VC = count_overlaps(labels, truth, uncertain)
    iou_RC = divide_counts(times_RV @ shared_VC, times_RV @ union_VC)
    return np.nanmean(iou_RC[:, :-1], axis=1), iou_RC[:, -1]
