"""Quality of ternary snippet labels: foreground and background IoU against the ground truth.

Letters: T snippets of one video, C classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from wtal_core.grid import SnippetGrid
from wtal_core.segments import Floats, Segments

UNCERTAIN = -1


@dataclass(frozen=True)
class PseudoQuality:
    """IoU over all snippets of a dataset; NaN for a class that occurs neither here nor there.

    fg_iou_C: per action class; bg_iou: of the snippets without any action.
    """

    fg_iou_C: Floats
    bg_iou: float

    @property
    def fg_miou(self) -> float:
        """Mean foreground IoU over the classes that occur; NaN if none does."""
        known = self.fg_iou_C[~np.isnan(self.fg_iou_C)]
        return float(known.mean()) if len(known) else float("nan")


def pseudo_label_iou(
    labels: Sequence[NDArray[np.int8]],
    truth: Sequence[NDArray[np.bool_]],
    uncertain: Literal["ignore", "background"] = "ignore",
) -> PseudoQuality:
    """IoU of labels (T, C) in {1, 0, -1} with masks (T, C), pooled over the videos.

    The paper's Table 3 does not say what becomes of uncertain snippets (-1); only leaving them
    out fits its figures (method A19). `ignore` leaves out a pair (t, c) that is -1, and, for the
    background, a snippet that is foreground for no class and uncertain for one; `background`
    counts -1 as 0. Raises ValueError when labels and masks do not fit together.
    """
    shared_NC, union_NC = count_overlaps(labels, truth, uncertain)
    iou_C = divide_counts(shared_NC.sum(axis=0), union_NC.sum(axis=0))
    return PseudoQuality(iou_C[:-1], float(iou_C[-1]))


def count_overlaps(
    labels: Sequence[NDArray[np.int8]],
    truth: Sequence[NDArray[np.bool_]],
    uncertain: Literal["ignore", "background"] = "ignore",
) -> tuple[Floats, Floats]:
    """Snippets in the intersection and in the union, (N, C + 1) of N videos each.

    The last column is the background. Arguments and errors as `pseudo_label_iou`.
    """
    if len(labels) != len(truth) or not labels:
        raise ValueError(f"one mask per video is needed, got {len(labels)} and {len(truth)}")
    for i, (label_TC, mask_TC) in enumerate(zip(labels, truth, strict=True)):
        if label_TC.ndim != 2 or label_TC.shape != mask_TC.shape:
            raise ValueError(f"video {i}: got {label_TC.shape = } and {mask_TC.shape = }")
    shared, union = [], []
    for label_TC, mask_TC in zip(labels, truth, strict=True):
        if uncertain == "background":
            label_TC = np.where(label_TC == UNCERTAIN, 0, label_TC)
        counted_TC = label_TC != UNCERTAIN
        is_fg_TC, is_action_TC = label_TC == 1, mask_TC.astype(bool)
        # The background as one more column: no class is foreground, no class acts.
        any_fg_T1 = is_fg_TC.any(axis=1, keepdims=True)
        found_TC = np.hstack([is_fg_TC, ~any_fg_T1])
        actual_TC = np.hstack([is_action_TC, ~is_action_TC.any(axis=1, keepdims=True)])
        counted_TC = np.hstack([counted_TC, any_fg_T1 | counted_TC.all(axis=1, keepdims=True)])
        shared.append((found_TC & actual_TC & counted_TC).sum(axis=0))
        union.append(((found_TC | actual_TC) & counted_TC).sum(axis=0))
    return np.array(shared, dtype=np.float64), np.array(union, dtype=np.float64)


def divide_counts(shared: Floats, union: Floats) -> Floats:
    """Intersection over union; NaN where nothing was counted."""
    return np.divide(shared, union, out=np.full(shared.shape, np.nan), where=union > 0)


def segments_to_mask(
    segments: Segments, grid: SnippetGrid, n_snippets: int, classes: Sequence[str]
) -> NDArray[np.bool_]:
    """(T, C) whether the centre of a snippet lies in a segment of class c, for one video.

    Raises ValueError for segments of several videos or a label outside `classes`.
    """
    if len(set(segments.video.tolist())) > 1:
        raise ValueError(f"segments of one video are needed, got {set(segments.video.tolist())}")
    column = {name: c for c, name in enumerate(classes)}
    unknown = sorted(set(segments.label.tolist()) - set(column))
    if unknown:
        raise ValueError(f"labels {unknown} are none of the {len(column)} classes")
    centre_T = grid.centre_s(np.arange(n_snippets))
    mask_TC = np.zeros((n_snippets, len(column)), dtype=bool)
    for label, start, end in zip(segments.label, segments.start_s, segments.end_s, strict=True):
        mask_TC[:, column[str(label)]] |= (start <= centre_T) & (centre_T < end)
    return mask_TC
