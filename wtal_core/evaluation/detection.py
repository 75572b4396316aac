"""Detection quality: average precision at temporal-IoU thresholds, by named protocol.

Letters: C classes, K thresholds, X values of k of recall@kx, N predictions of one class, G its
ground-truth segments.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wtal_core.evaluation.matching import Indices, Rows, Ties, match, rank, split
from wtal_core.evaluation.protocols import (
    Bools,
    check_thresholds,
    prepare,
    protocol_of,
    touches,
)
from wtal_core.evaluation.recall import recall_at_kx
from wtal_core.segments import Floats, Segments


@dataclass(frozen=True)
class DetectionResult:
    """Average precision per class and threshold.

    ap_CK: in [0, 1]. instances_C: what each class was measured on. unknown_labels: labels of
    predictions that no instance carries; they are left out. unknown_videos: videos of predictions
    without any instance; their predictions count as false. recall_CKX: recall@kx for the k of
    `recall_at`, which is empty in most protocols.
    """

    ap_CK: Floats
    classes: tuple[str, ...]
    tious: tuple[float, ...]
    unknown_labels: tuple[str, ...]
    unknown_videos: tuple[str, ...]
    instances_C: tuple[int, ...] = ()
    recall_CKX: Floats | None = None
    recall_at: tuple[int, ...] = ()

    def map(self) -> dict[float, float]:
        """Mean over the classes at each threshold."""
        return dict(zip(self.tious, (float(v) for v in self.ap_CK.mean(axis=0)), strict=True))

    def average(self, low: float, high: float, step: float) -> float:
        """Mean of `map()` over low, low + step, ... high; KeyError for one not evaluated."""
        wanted = np.round(np.arange(low, high + step / 2, step), 6)
        at = {round(tiou, 6): value for tiou, value in self.map().items()}
        return float(np.mean([at[float(tiou)] for tiou in wanted]))

    def recall(self) -> dict[int, dict[float, float]]:
        """Mean recall@kx over the classes: of each k, at each threshold."""
        if self.recall_CKX is None:
            return {}
        mean_KX = self.recall_CKX.mean(axis=0)
        return {
            k: {tiou: float(mean_KX[i, x]) for i, tiou in enumerate(self.tious)}
            for x, k in enumerate(self.recall_at)
        }


def evaluate_detections(
    predictions: Segments,
    truth: Segments,
    tious: Sequence[float],
    protocol: str = "activitynet",
    ambiguous: Segments | None = None,
    ties: Ties = "stable",
) -> DetectionResult:
    """AP of `predictions` against `truth`, for every class of `truth` and threshold of `tious`.

    Times are in seconds. Equal scores rank by video name, then by their order in `predictions`;
    equal overlaps by the order in the file; ties="official" ranks both as ActivityNet's code does
    on this machine. A class without predictions has AP 0. ambiguous: intervals of any class that
    the annotators were unsure of; the protocol decides what becomes of predictions there.
    Raises ValueError for an unknown protocol, no ground truth, a threshold outside (0, 1], or
    official ties under a protocol that is not built on ActivityNet's code.
    """
    ranked = rank_detections(predictions, truth, tious, protocol, ambiguous, ties)
    rules = protocol_of(protocol)
    ap_CK = np.stack(
        [average_precision(r.hit_KN, r.miss_KN, len(r.truth_G), rules.interpolated) for r in ranked]
    )
    classes = tuple(r.label for r in ranked)
    recall_CKX = None
    if rules.recall_at:
        tiou_K = check_thresholds(tious)
        recall_CKX = np.stack(
            [recall_at_kx(r.found, r.actual, tiou_K, rules.recall_at) for r in ranked]
        )
    return DetectionResult(
        ap_CK,
        classes,
        tuple(float(t) for t in tious),
        tuple(sorted(set(predictions.label.tolist()) - set(classes))),
        tuple(sorted(set(predictions.video.tolist()) - set(truth.video.tolist()))),
        tuple(len(r.truth_G) for r in ranked),
        recall_CKX,
        rules.recall_at,
    )


@dataclass(frozen=True)
class Ranked:
    """Predictions of one class by rank, and whether each hits or misses at each threshold
    (neither where it is spared); the class's instances.

    Videos are positions in the sorted names of all videos of predictions and truth. taken_KN:
    which of the instances a hit takes, -1 for none.
    """

    label: str
    found: Rows
    actual: Rows
    taken_KN: Indices
    miss_KN: Bools

    @property
    def hit_KN(self) -> Bools:
        """Whether each prediction has an instance of its own."""
        return self.taken_KN >= 0

    @property
    def video_N(self) -> Indices:
        """The video of each prediction."""
        return self.found.video_N

    @property
    def truth_G(self) -> Indices:
        """The video of each instance."""
        return self.actual.video_N


def rank_detections(
    predictions: Segments,
    truth: Segments,
    tious: Sequence[float],
    protocol: str = "activitynet",
    ambiguous: Segments | None = None,
    ties: Ties = "stable",
) -> list[Ranked]:
    """Of each class of `truth`, in sorted order, who hits; as `evaluate_detections`, before AP.

    Whether a prediction hits depends on its own video alone.
    """
    rules = protocol_of(protocol)
    tiou_K = check_thresholds(tious)
    if ties not in ("stable", "official"):
        raise ValueError(f"ties are stable or official, got {ties!r}")
    if ties == "official" and rules.chooser == "truth":
        raise ValueError(f"official ties are those of ActivityNet's code, {protocol} has its own")
    # before anything is dropped: what was predicted or annotated has a place
    videos = sorted(set(truth.video.tolist()) | set(predictions.video.tolist()))
    unsure = ambiguous if ambiguous is not None else Segments.empty()
    predictions, truth = prepare(predictions, truth, unsure, rules)
    if len(truth) == 0:
        raise ValueError("nothing to evaluate against: no ground-truth segment")
    classes = sorted(set(truth.label.tolist()))
    spared_N = np.zeros(len(predictions), dtype=bool)
    if rules.ambiguous == "spared":
        spared_N = touches(predictions, unsure)
    ranked = []
    for label, found, actual in zip(
        classes, split(predictions, classes, videos), split(truth, classes, videos), strict=True
    ):
        found = rank(found, ties)
        taken_KN = match(found, actual, tiou_K, rules, ties)
        miss_KN = (taken_KN < 0) & ~spared_N[found.row_N]
        ranked.append(Ranked(label, found, actual, taken_KN, miss_KN))
    return ranked


def average_precision(hit_KN: Bools, miss_KN: Bools, n_truth: int, interpolated: bool) -> Floats:
    """(K,) AP of predictions in rank order, of which some hit, some miss and the rest are spared.

    interpolated: the area under the precision envelope over recall (every recall step, VOC from
    2010 on); else the mean over the instances of the precision at their hit.
    """
    hits_KN = np.cumsum(hit_KN, axis=1)
    seen_KN = hits_KN + np.cumsum(miss_KN, axis=1)
    precision_KN = hits_KN / np.maximum(seen_KN, 1)
    if interpolated:
        precision_KN = np.maximum.accumulate(precision_KN[:, ::-1], axis=1)[:, ::-1]
    # recall rises by 1 / n_truth at a hit and nowhere else
    return np.sum(precision_KN * hit_KN, axis=1) / n_truth
