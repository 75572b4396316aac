"""Recall@kx: how many instances the best few predictions of a video find.

Letters: K thresholds, X values of k, N predictions of one class, G its instances, Q pairs.
"""

from collections.abc import Sequence

import numpy as np

from wtal_core.evaluation.matching import Indices, Rows, overlapping_pairs
from wtal_core.segments import Floats


def recall_at_kx(ranked: Rows, actual: Rows, tiou_K: Floats, ks: Sequence[int]) -> Floats:
    """(K, X) share of a class's instances that a prediction reaches at each threshold, when in
    each video only the k times m best predictions count, m being the class's instances there.

    One prediction may reach several instances (ActionFormer's recall). `ranked`: best first.
    """
    place_N = _place_in_video(ranked.video_N)
    instances_V = np.bincount(actual.video_N, minlength=int(ranked.video_N.max(initial=-1)) + 1)
    found_Q, actual_Q, tiou_Q = overlapping_pairs(ranked, actual)
    recall_KX = np.zeros((len(tiou_K), len(ks)))
    for x, k in enumerate(ks):
        within_Q = place_N[found_Q] < k * instances_V[ranked.video_N[found_Q]]
        best_G = np.full(len(actual), -1.0)
        np.maximum.at(best_G, actual_Q[within_Q], tiou_Q[within_Q])
        recall_KX[:, x] = (best_G >= tiou_K[:, None]).mean(axis=1)
    return recall_KX


def _place_in_video(video_N: Indices) -> Indices:
    """(N,) how many earlier rows have the same video."""
    order_N = np.argsort(video_N, kind="stable")
    first_N = np.searchsorted(video_N, video_N[order_N], side="left", sorter=order_N)
    place_N = np.empty(len(video_N), dtype=np.intp)
    place_N[order_N] = np.arange(len(video_N)) - first_N
    return place_N
