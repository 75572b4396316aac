"""Detection quality: average precision at temporal-IoU thresholds, by named protocol.

Letters: C classes, K thresholds, N predictions of one class, G its ground-truth segments,
Q pairs of a prediction and a ground-truth segment of the same video.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from wtal_core.segments import Floats, Segments, overlap_tiou

Bools = NDArray[np.bool_]
Indices = NDArray[np.intp]


@dataclass(frozen=True)
class Protocol:
    """What decides whether a prediction counts as right.

    strict: the overlap must exceed the threshold (else reaching it is enough).
    chooser: who picks first. `prediction`: predictions by falling score, each takes the free
    instance it overlaps most; `truth`: instances in file order, each takes the free prediction.
    interpolated: area under the precision envelope (else mean precision at the hits).
    """

    strict: bool
    chooser: Literal["prediction", "truth"]
    interpolated: bool


PROTOCOLS: dict[str, Protocol] = {
    # ActivityNet's server and every paper on THUMOS14 that reuses its script
    "activitynet": Protocol(strict=False, chooser="prediction", interpolated=True),
    # the THUMOS14 challenge's own development kit; not yet compared with published figures
    "thumos14": Protocol(strict=True, chooser="truth", interpolated=False),
}


@dataclass(frozen=True)
class DetectionResult:
    """Average precision per class and threshold.

    ap_CK: in [0, 1]. unknown_labels: labels of predictions that no instance carries; they are
    left out. unknown_videos: videos of predictions without any instance; their predictions
    count as false.
    """

    ap_CK: Floats
    classes: tuple[str, ...]
    tious: tuple[float, ...]
    unknown_labels: tuple[str, ...]
    unknown_videos: tuple[str, ...]

    def map(self) -> dict[float, float]:
        """Mean over the classes at each threshold."""
        return dict(zip(self.tious, (float(v) for v in self.ap_CK.mean(axis=0)), strict=True))

    def average(self, low: float, high: float, step: float) -> float:
        """Mean of `map()` over low, low + step, ... high; KeyError for one not evaluated."""
        wanted = np.round(np.arange(low, high + step / 2, step), 6)
        at = {round(tiou, 6): value for tiou, value in self.map().items()}
        return float(np.mean([at[float(tiou)] for tiou in wanted]))


def evaluate_detections(
    predictions: Segments,
    truth: Segments,
    tious: Sequence[float],
    protocol: str = "activitynet",
    ignored: Segments | None = None,
) -> DetectionResult:
    """AP of `predictions` against `truth`, for every class of `truth` and threshold of `tious`.

    Equal scores rank by video name, then by their order in `predictions`; equal overlaps by
    the order in the file. A class without predictions has AP 0. ignored: intervals of any
    class whose overlapping predictions do not count as false (THUMOS14's Ambiguous).
    Raises ValueError for an unknown protocol, no ground truth, or a threshold outside (0, 1].
    """
    ranked = rank_detections(predictions, truth, tious, protocol, ignored)
    interpolated = PROTOCOLS[protocol].interpolated
    ap_CK = np.stack(
        [average_precision(r.hit_KN, r.miss_KN, len(r.truth_G), interpolated) for r in ranked]
    )
    classes = sorted(set(truth.label.tolist()))
    return DetectionResult(
        ap_CK,
        tuple(classes),
        tuple(float(t) for t in tious),
        tuple(sorted(set(predictions.label.tolist()) - set(classes))),
        tuple(sorted(set(predictions.video.tolist()) - set(truth.video.tolist()))),
    )


@dataclass(frozen=True)
class Ranked:
    """Predictions of one class by rank: video of each, and whether it hits or misses at each
    threshold (neither where it is spared); videos of the class's instances.

    Videos are positions in the sorted names of all videos of predictions and truth.
    """

    video_N: Indices
    hit_KN: Bools
    miss_KN: Bools
    truth_G: Indices


def rank_detections(
    predictions: Segments,
    truth: Segments,
    tious: Sequence[float],
    protocol: str = "activitynet",
    ignored: Segments | None = None,
) -> list[Ranked]:
    """Of each class of `truth`, in sorted order, who hits; as `evaluate_detections`, before AP.

    Whether a prediction hits depends on its own video alone.
    """
    if protocol not in PROTOCOLS:
        raise ValueError(f"protocol is one of {', '.join(PROTOCOLS)}, got {protocol!r}")
    if len(truth) == 0:
        raise ValueError("nothing to evaluate against: no ground-truth segment")
    tiou_K = np.asarray(tious, dtype=np.float64)
    if tiou_K.size == 0 or not ((tiou_K > 0) & (tiou_K <= 1)).all():
        raise ValueError(f"thresholds lie in (0, 1], got {tious = }")
    classes = sorted(set(truth.label.tolist()))
    videos = sorted(set(truth.video.tolist()) | set(predictions.video.tolist()))
    spared_N = _overlaps_any(predictions, ignored or Segments.empty())
    found_C = _split(predictions, classes, videos)
    actual_C = _split(truth, classes, videos)
    ranked = []
    for found, actual in zip(found_C, actual_C, strict=True):
        order_N = np.lexsort((found.row_N, found.video_N, -found.score_N))
        found = found.take(order_N)
        hit_KN = _match(found, actual, tiou_K, PROTOCOLS[protocol])
        miss_KN = ~hit_KN & ~spared_N[found.row_N]
        ranked.append(Ranked(found.video_N, hit_KN, miss_KN, actual.video_N))
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


@dataclass(frozen=True)
class _Rows:
    """Segments of one class as numbers: row in the table they come from, video, times, score."""

    row_N: Indices
    video_N: Indices
    start_N: Floats
    end_N: Floats
    score_N: Floats

    def __len__(self) -> int:
        return len(self.row_N)

    def take(self, which: Indices) -> _Rows:
        return _Rows(
            self.row_N[which],
            self.video_N[which],
            self.start_N[which],
            self.end_N[which],
            self.score_N[which],
        )


def _split(segments: Segments, classes: Sequence[str], videos: Sequence[str]) -> list[_Rows]:
    """The segments of each class, in their order; labels outside `classes` fall away."""
    code = {name: i for i, name in enumerate(classes)}
    place = {name: i for i, name in enumerate(videos)}
    label_N = np.array([code.get(name, -1) for name in segments.label.tolist()], dtype=np.intp)
    video_N = np.array([place[name] for name in segments.video.tolist()], dtype=np.intp)
    everything = _Rows(
        np.arange(len(segments)), video_N, segments.start_s, segments.end_s, segments.score
    )
    return [everything.take(np.flatnonzero(label_N == c)) for c in range(len(classes))]


def _overlapping_pairs(a: _Rows, b: _Rows) -> tuple[Indices, Indices, Floats]:
    """Every pair (row of `a`, row of `b`) of the same video, with its temporal IoU: (Q,) each."""
    by_video_M = np.argsort(b.video_N, kind="stable")
    first_N = np.searchsorted(b.video_N, a.video_N, side="left", sorter=by_video_M)
    last_N = np.searchsorted(b.video_N, a.video_N, side="right", sorter=by_video_M)
    count_N = last_N - first_N
    a_Q = np.repeat(np.arange(len(a)), count_N)
    # position inside the block of its video: counts up from 0 for every row of `a`
    step_Q = np.arange(len(a_Q)) - np.repeat(np.cumsum(count_N) - count_N, count_N)
    b_Q = by_video_M[np.repeat(first_N, count_N) + step_Q]
    tiou_Q = overlap_tiou(a.start_N[a_Q], a.end_N[a_Q], b.start_N[b_Q], b.end_N[b_Q])
    return a_Q, b_Q, tiou_Q


def _match(found: _Rows, actual: _Rows, tiou_K: Floats, rules: Protocol) -> Bools:
    """(K, N) whether a ranked prediction gets an instance of its own, at each threshold."""
    found_Q, actual_Q, tiou_Q = _overlapping_pairs(found, actual)
    predicts = rules.chooser == "prediction"
    chooser_Q, chosen_Q = (found_Q, actual_Q) if predicts else (actual_Q, found_Q)
    order_Q = np.lexsort((chosen_Q, -tiou_Q, chooser_Q))
    chooser_Q, chosen_Q, tiou_Q = chooser_Q[order_Q], chosen_Q[order_Q], tiou_Q[order_Q]
    hit_KN = np.zeros((len(tiou_K), len(found)), dtype=bool)
    for k, threshold in enumerate(tiou_K):
        enough_Q = tiou_Q > threshold if rules.strict else tiou_Q >= threshold
        chooser, chosen = _choose_in_turn(chooser_Q[enough_Q], chosen_Q[enough_Q])
        hit_KN[k, chooser if predicts else chosen] = True
    return hit_KN


def _choose_in_turn(chooser_Q: Indices, chosen_Q: Indices) -> tuple[Indices, Indices]:
    """Who gets what when choosers pick in index order, each its first item that is still free.

    The pairs are sorted by chooser, then by falling preference. Taking turns would cost one
    Python step a chooser. All ask at once instead: an item keeps the earliest that asked, the
    others go on to their next item. Earlier choosers win every item they ask for, so both ways
    end in the same assignment.
    """
    choosers, next_pair, count = np.unique(chooser_Q, return_index=True, return_counts=True)
    end_pair = next_pair + count
    nobody = len(choosers)
    holder = np.full(int(chosen_Q.max()) + 1 if len(chosen_Q) else 0, nobody)
    asking = np.arange(len(choosers))
    while len(asking):
        wanted = chosen_Q[next_pair[asking]]
        before = holder[wanted]
        np.minimum.at(holder, wanted, asking)
        refused = asking[holder[wanted] != asking]
        displaced = np.unique(before[(before != nobody) & (holder[wanted] != before)])
        asking = np.concatenate([refused, displaced])
        next_pair[asking] += 1
        asking = asking[next_pair[asking] < end_pair[asking]]
    taken = np.flatnonzero(holder != nobody)
    return choosers[holder[taken]], taken


def _overlaps_any(predictions: Segments, ignored: Segments) -> Bools:
    """(N,) whether a prediction shares time with an ignored interval of its video."""
    touched_N = np.zeros(len(predictions), dtype=bool)
    for video, start, end in zip(ignored.video, ignored.start_s, ignored.end_s, strict=True):
        inside_N = (predictions.start_s < end) & (predictions.end_s > start)
        touched_N |= inside_N & (predictions.video == video)
    return touched_N
