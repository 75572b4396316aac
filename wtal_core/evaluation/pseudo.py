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
    if len(labels) != len(truth) or not labels:
        raise ValueError(f"one mask per video is needed, got {len(labels)} and {len(truth)}")
    for i, (label_TC, mask_TC) in enumerate(zip(labels, truth, strict=True)):
        if label_TC.ndim != 2 or label_TC.shape != mask_TC.shape:
            raise ValueError(f"video {i}: got {label_TC.shape = } and {mask_TC.shape = }")
    # the snippets of all videos behind one another: still one row per snippet
    label_TC = np.concatenate(list(labels))
    mask_TC = np.concatenate([mask.astype(bool) for mask in truth])
    if uncertain == "background":
        label_TC = np.where(label_TC == UNCERTAIN, 0, label_TC)
    counted_TC = label_TC != UNCERTAIN
    fg_iou_C = _iou(label_TC == 1, mask_TC, counted_TC)

    is_fg_T1 = (label_TC == 1).any(axis=1, keepdims=True)
    is_action_T1 = mask_TC.any(axis=1, keepdims=True)
    counted_T1 = is_fg_T1 | counted_TC.all(axis=1, keepdims=True)
    bg_iou = _iou(np.logical_not(is_fg_T1), np.logical_not(is_action_T1), counted_T1)
    return PseudoQuality(fg_iou_C, float(bg_iou[0]))


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


def _iou(
    found_TC: NDArray[np.bool_], actual_TC: NDArray[np.bool_], counted_TC: NDArray[np.bool_]
) -> Floats:
    """(C,) intersection over union of the counted entries of each column."""
    shared_C = (found_TC & actual_TC & counted_TC).sum(axis=0)
    union_C = ((found_TC | actual_TC) & counted_TC).sum(axis=0)
    blank_C = np.full(len(union_C), np.nan)
    return np.divide(shared_C, union_C, out=blank_C, where=union_C > 0)
