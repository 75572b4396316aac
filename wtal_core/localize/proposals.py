"""Proposals: runs of snippets whose class score exceeds a level, in seconds.

Letters: T snippets of one video, C classes, J score bins (T times the upsampling), H levels,
N proposals.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from wtal_core.grid import SnippetGrid
from wtal_core.schema.localize import LocalizeParams
from wtal_core.segments import Floats, Segments

Indices = NDArray[np.intp]


def propose(
    score_TC: Floats,
    video_score_C: Floats,
    params: LocalizeParams,
    grid: SnippetGrid,
    *,
    video: str,
    duration_s: float,
    classes: Sequence[str],
    theta_cls: float,
    theta_loc: float,
) -> Segments:
    """Scored proposals of one video, best first, inside [0, duration_s].

    score_TC: class probabilities per snippet; video_score_C: per video. Proposals of several
    levels often share their maximum; of equals the one that stands out most from its
    surroundings (outer-inner contrast) comes first, then the earlier, then the shorter.
    Raises ValueError when shapes do not fit or a score is not a number.
    """
    score_TC = np.asarray(score_TC, dtype=np.float64)
    video_score_C = np.asarray(video_score_C, dtype=np.float64)
    if score_TC.ndim != 2 or video_score_C.shape != score_TC.shape[1:]:
        raise ValueError(f"video {video!r}: got {score_TC.shape = }, {video_score_C.shape = }")
    if len(classes) != len(video_score_C):
        raise ValueError(f"video {video!r}: {len(classes)} names for {len(video_score_C)} classes")
    if not (np.isfinite(score_TC).all() and np.isfinite(video_score_C).all()):
        raise ValueError(f"video {video!r}: a class score is not a number")

    parts = [Segments.empty()]
    for c in select_classes(video_score_C, params, theta_cls):
        score_J = upsample_linear(score_TC[:, c], params.upsample)
        begin_N, end_N = find_runs(*_levels(score_J, params, theta_loc))
        contrast_N = score_outer_inner(score_J, begin_N, end_N, params.oic_margin)
        contrast_N += params.oic_video_weight * video_score_C[c]
        value_N = score_maximum(score_J, begin_N, end_N) if params.score == "max" else contrast_N
        start_N = np.maximum(grid.start_s(begin_N / params.upsample), 0.0)
        stop_N = np.minimum(grid.start_s(end_N / params.upsample), duration_s)
        order_N = np.lexsort((stop_N, start_N, -contrast_N, -value_N))
        order_N = order_N[start_N[order_N] < stop_N[order_N]]
        n = len(order_N)
        parts.append(
            Segments.build(
                [video] * n, [classes[c]] * n, start_N[order_N], stop_N[order_N], value_N[order_N]
            )
        )
    joined = Segments.join(parts)
    return joined.take(np.argsort(-joined.score, kind="stable"))


def select_classes(video_score_C: Floats, params: LocalizeParams, theta_cls: float) -> Indices:
    """Indices of the classes that a video shows; the best one when none passes.

    `threshold`: score >= class_floor, as most weakly supervised work does. `paper`:
    score >= θ_cls * best score, the reading under which θ_cls = .85 can keep two classes of
    a softmax (method A14).
    """
    floor = {
        "threshold": params.class_floor,
        "paper": theta_cls * float(video_score_C.max()),
    }[params.class_selection]
    chosen = np.flatnonzero(video_score_C >= floor)
    return chosen if len(chosen) else np.array([int(np.argmax(video_score_C))])


def stretch(score_J: Floats) -> Floats:
    """Scores shifted and scaled to [0, 1] over time; a constant sequence becomes 0."""
    low, high = float(score_J.min()), float(score_J.max())
    return (score_J - low) / (high - low) if high > low else np.zeros_like(score_J)


def upsample_linear(score_T: Floats, factor: int) -> Floats:
    """(T * factor) scores, linear between the snippets' centres, constant beyond the outer two."""
    if factor == 1:
        return score_T
    centre_J = (np.arange(len(score_T) * factor) + 0.5) / factor - 0.5
    return np.interp(centre_J, np.arange(len(score_T)), score_T)


def find_runs(score_J: Floats, level_H: Floats) -> tuple[Indices, Indices]:
    """(N,) begin and end (exclusive) of all runs of bins with a score above one of the levels.

    A run that several levels share is given once.
    """
    above_HJ = score_J[None, :] > level_H[:, None]
    walls_H1 = np.zeros((len(level_H), 1), dtype=bool)
    step_HJ = np.diff(np.concatenate([walls_H1, above_HJ, walls_H1], axis=1).astype(np.int8))
    # the n-th rise and the n-th fall, read row by row, belong to the same run
    runs_N2 = np.stack([np.nonzero(step_HJ == 1)[1], np.nonzero(step_HJ == -1)[1]], axis=1)
    runs_N2 = np.unique(runs_N2, axis=0)
    return runs_N2[:, 0], runs_N2[:, 1]


def score_maximum(score_J: Floats, begin_N: Indices, end_N: Indices) -> Floats:
    """(N,) largest score inside each run: the paper's score of a proposal."""
    if not len(begin_N):
        return np.zeros(0)
    # reduceat takes begins and ends in turn, and every second answer; an end may lie one past
    bounds = np.stack([begin_N, end_N], axis=1).ravel()
    padded_J = np.append(score_J, -np.inf)
    return np.maximum.reduceat(padded_J, bounds)[::2]


def score_outer_inner(score_J: Floats, begin_N: Indices, end_N: Indices, margin: float) -> Floats:
    """(N,) mean score inside minus mean score just outside: outer-inner contrast [OIC].

    The outside is `margin` of the run's length on each side, at least one bin, cut at the ends
    of the video; it counts as 0 where nothing is left.
    """
    total_J = np.concatenate([[0.0], np.cumsum(score_J)])
    length_N = end_N - begin_N
    edge_N = np.maximum(1, np.rint(margin * length_N)).astype(np.intp)
    left_N = np.maximum(begin_N - edge_N, 0)
    right_N = np.minimum(end_N + edge_N, len(score_J))
    inner_N = total_J[end_N] - total_J[begin_N]
    outer_N = total_J[right_N] - total_J[left_N] - inner_N
    return inner_N / length_N - outer_N / np.maximum(right_N - left_N - length_N, 1)


def _levels(score_J: Floats, params: LocalizeParams, theta_loc: float) -> tuple[Floats, Floats]:
    """The sequence to be cut, and the levels: `paper` one on the raw score, `multi` several."""
    if params.proposals == "paper":
        return score_J, np.array([theta_loc])
    return stretch(score_J), np.array(params.proposal_thresholds)
