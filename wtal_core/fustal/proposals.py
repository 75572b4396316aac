"""Proposals of one video from its class scores, as CoLA reads them off.

Letters: T snippets, C classes, J score bins (T times the upsampling), N proposals.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wtal_core.grid import SnippetGrid
from wtal_core.localize.proposals import (
    Indices,
    find_runs,
    score_outer_inner,
    select_classes,
    stretch,
    upsample_linear,
)
from wtal_core.schema.fustal_propose import FustalProposeParams
from wtal_core.schema.localize import LocalizeParams
from wtal_core.segments import Floats, Segments, tiou_NM


@dataclass(frozen=True)
class Proposals:
    """Of one video, best first."""

    segments: Segments
    density_N: Floats  # summed tIoU with all other runs of the video, before any was dropped


def propose_segments(
    score_TC: Floats,
    action_T: Floats,
    video_score_C: Floats,
    params: FustalProposeParams,
    grid: SnippetGrid,
    *,
    video: str,
    duration_s: float,
    classes: Sequence[str],
    labels: Sequence[str] = (),
) -> Proposals:
    """Proposals of a video, best first, inside [0, duration_s].

    score_TC: of each class; action_T: of action of any class; both of any scale, since they are
    stretched over the video. `labels` are those of a training video, which with `labels_only` are
    the classes that get proposals; else those whose video-level score reaches `class_floor`, or
    the best one. Runs above the levels of either sequence are scored by the class's outer-inner
    contrast [OIC] plus a share of its video-level score, then thinned out class by class.
    Differs: CoLA sets scores below a level of the class to 0 before it scores the runs of that
    level, so that little is left outside them; here all runs are scored alike. It drops runs of a
    single bin, and its tIoU adds a second to every length.
    Raises ValueError when shapes do not fit or a score is not a number.
    """
    score_TC, action_T, video_score_C = (
        np.asarray(x, dtype=np.float64) for x in (score_TC, action_T, video_score_C)
    )
    if score_TC.shape != (len(action_T), len(classes)) or video_score_C.shape != (len(classes),):
        raise ValueError(
            f"video {video!r}: got {score_TC.shape = }, {action_T.shape = }, "
            f"{video_score_C.shape = } for {len(classes)} classes"
        )
    if not all(np.isfinite(x).all() for x in (score_TC, action_T, video_score_C)):
        raise ValueError(f"video {video!r}: a score is not a number")
    action_J = stretch(upsample_linear(action_T, params.upsample))
    by_action = find_runs(
        action_J, np.linspace(params.action_first, params.action_last, params.action_levels)
    )
    class_levels = np.linspace(params.class_first, params.class_last, params.class_levels)
    parts, runs, kept = [Segments.empty()], [np.zeros((0, 2))], [np.zeros(0, dtype=np.intp)]
    for c in choose_classes(video_score_C, params, classes, labels):
        score_J = stretch(upsample_linear(score_TC[:, c], params.upsample))
        begin_N, end_N = _join(find_runs(score_J, class_levels), by_action)
        value_N = score_outer_inner(score_J, begin_N, end_N, params.oic_margin)
        value_N += params.oic_video_weight * video_score_C[c]
        start_N = np.maximum(grid.start_s(begin_N / params.upsample), 0.0)
        stop_N = np.minimum(grid.start_s(end_N / params.upsample), duration_s)
        there_N = start_N < stop_N
        seg_N2, value_N = np.stack([start_N, stop_N], axis=1)[there_N], value_N[there_N]
        best = suppress_above(seg_N2, value_N, params.nms_tiou)
        n, best_N2 = len(best), seg_N2[best]
        parts.append(
            Segments.build(
                [video] * n, [classes[c]] * n, best_N2[:, 0], best_N2[:, 1], value_N[best]
            )
        )
        kept.append(best + sum(len(one) for one in runs))
        runs.append(seg_N2)
    joined = Segments.join(parts)
    order = np.argsort(-joined.score, kind="stable")[: params.max_per_video]
    density_N = sum_overlap(np.concatenate(runs), np.concatenate(kept)[order])
    return Proposals(joined.take(order), density_N)


def sum_overlap(seg_M2: Floats, which_N: Indices) -> Floats:
    """(N,) summed tIoU of the segments `which_N` with all M others, whatever their class."""
    total_N = np.zeros(len(which_N))
    for row, i in enumerate(which_N):
        overlap_M = tiou_NM(seg_M2[i : i + 1], seg_M2)[0]
        overlap_M[i] = 0.0
        total_N[row] = overlap_M.sum()
    return total_N


def choose_classes(
    video_score_C: Floats,
    params: FustalProposeParams,
    classes: Sequence[str],
    labels: Sequence[str],
) -> list[int]:
    """Columns of the classes that a video gets proposals of.

    Differs: the released code goes by the score in training videos, too, though their labels are
    known; `labels_only: false` does as it does.
    """
    if labels and params.labels_only:
        return sorted({classes.index(name) for name in labels})
    by_score = LocalizeParams(class_floor=params.class_floor)
    return [int(c) for c in select_classes(video_score_C, by_score, theta_cls=0.0)]


def suppress_above(seg_N2: Floats, score_N: Floats, tiou: float) -> Indices:
    """Hard suppression: the kept indices, best first; nothing kept overlaps by more than `tiou`.

    Of equal scores the one that comes first in the input is kept first. One row of overlaps at a
    time: a restless hour has some 30 000 runs, whose square does not fit into memory.
    """
    free_N = np.ones(len(score_N), dtype=bool)
    kept = []
    for i in np.argsort(-score_N, kind="stable"):
        if free_N[i]:
            kept.append(i)
            free_N &= tiou_NM(seg_N2[i : i + 1], seg_N2)[0] <= tiou
    return np.array(kept, dtype=np.intp)


def _join(a: tuple[Indices, Indices], b: tuple[Indices, Indices]) -> tuple[Indices, Indices]:
    """Runs of both, each once, in order of their begins and ends."""
    runs_N2 = np.concatenate([np.stack(a, axis=1), np.stack(b, axis=1)])
    runs_N2 = np.unique(runs_N2, axis=0)
    return runs_N2[:, 0], runs_N2[:, 1]
