"""Gaussian soft non-maximum suppression of segments in time.

Letters: N segments of one video and class.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wtal_core.segments import Floats, Segments, tiou_NM

# From so many segments on the compiled way runs. Below, a class of a video takes numpy about a
# millisecond, and loading numba a fifth of a second.
MANY = 256
# Up to such a share of picks most scores never matter, and leaving them alone is quicker.
FEW = 0.25


def soft_nms(
    seg_N2: Floats, score_N: Floats, sigma: float, min_score: float = 0.0, top: int | None = None
) -> tuple[NDArray[np.intp], Floats]:
    """Keep segments best first, lowering what overlaps a kept one: score *= exp(-tIoU²/sigma).

    Bodla et al. 2017 [softNMS], in continuous time. Returns the kept indices and their lowered
    scores. Of equal scores the one that comes first in the input is kept first. Stops at `top`
    kept segments, which is exact because a pick depends on earlier ones only, or below `min_score`.
    """
    n_keep = len(score_N) if top is None else min(top, len(score_N))
    # A score below zero would rise, and the compiled way counts on falling ones.
    way = pick_compiled if len(score_N) >= MANY and min_score >= 0 else pick_plainly
    return way(seg_N2, score_N, sigma, min_score, n_keep)


def pick_plainly(
    seg_N2: Floats, score_N: Floats, sigma: float, min_score: float, n_keep: int
) -> tuple[NDArray[np.intp], Floats]:
    """`soft_nms` in numpy: for few segments, and what the compiled way is tested against."""
    left_N = np.array(score_N, dtype=np.float64)
    kept: list[int] = []
    kept_score: list[float] = []
    for _ in range(n_keep):
        best = int(np.argmax(left_N))  # the first of equals
        if left_N[best] < min_score:
            break
        kept.append(best)
        kept_score.append(float(left_N[best]))
        left_N *= np.exp(-(tiou_NM(seg_N2[best : best + 1], seg_N2)[0] ** 2) / sigma)
        left_N[best] = -np.inf
    return np.array(kept, dtype=np.intp), np.array(kept_score)


def pick_compiled(
    seg_N2: Floats, score_N: Floats, sigma: float, min_score: float, n_keep: int
) -> tuple[NDArray[np.intp], Floats]:
    """`soft_nms` in numba, `min_score` >= 0. Its exp may differ from numpy's in the last bit."""
    # loads numba: only who needs it waits for it
    from wtal_core.localize.nms_kernel import pick, pick_most

    start_N, end_N = np.array(seg_N2, dtype=np.float64).T.copy()
    left_N = np.array(score_N, dtype=np.float64)
    kept_K, score_K = np.empty(n_keep, dtype=np.intp), np.empty(n_keep)
    way = pick if n_keep <= FEW * len(left_N) else pick_most  # the same picks and scores
    count = way(start_N, end_N, left_N, float(sigma), float(min_score), kept_K, score_K)
    return kept_K[:count], score_K[:count]


def suppress(
    proposals: Segments, sigma: float, min_score: float = 0.0, top: int | None = None
) -> Segments:
    """Soft-NMS of the proposals of one video, class by class; best score first, at most `top`.

    Equal scores keep the order of the input.
    """
    parts: list[Segments] = []
    for label in dict.fromkeys(proposals.label.tolist()):
        one = proposals.take(proposals.label == label)
        kept, score = soft_nms(one.seg_N2, one.score, sigma, min_score, top)
        best = one.take(kept)
        parts.append(Segments(best.video, best.label, best.start_s, best.end_s, score))
    joined = Segments.join(parts)
    return joined.take(np.argsort(-joined.score, kind="stable")[:top])
