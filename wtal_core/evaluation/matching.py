"""Who takes whom: predictions and instances of one class, paired video by video.

Letters: K thresholds, N predictions of one class, G its instances, Q pairs of a prediction and an
instance of the same video.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from wtal_core.evaluation.protocols import Protocol
from wtal_core.segments import Floats, Segments, overlap_tiou

Indices = NDArray[np.intp]
Ties = Literal["stable", "official"]


@dataclass(frozen=True)
class Rows:
    """Segments of one class as numbers: row in the table they come from, video, times, score."""

    row_N: Indices
    video_N: Indices
    start_N: Floats
    end_N: Floats
    score_N: Floats

    def __len__(self) -> int:
        return len(self.row_N)

    def take(self, which: Indices) -> Rows:
        """The rows at these places, in their order."""
        return Rows(
            self.row_N[which],
            self.video_N[which],
            self.start_N[which],
            self.end_N[which],
            self.score_N[which],
        )


def split(segments: Segments, classes: Sequence[str], videos: Sequence[str]) -> list[Rows]:
    """The segments of each class, in their order; labels outside `classes` fall away."""
    code = {name: i for i, name in enumerate(classes)}
    place = {name: i for i, name in enumerate(videos)}
    label_N = np.array([code.get(name, -1) for name in segments.label.tolist()], dtype=np.intp)
    video_N = np.array([place[name] for name in segments.video.tolist()], dtype=np.intp)
    everything = Rows(
        np.arange(len(segments)), video_N, segments.start_s, segments.end_s, segments.score
    )
    by_class = np.argsort(label_N, kind="stable")
    border = np.searchsorted(label_N, np.arange(len(classes) + 1), sorter=by_class)
    return [everything.take(by_class[a:b]) for a, b in itertools.pairwise(border)]


def rank(found: Rows, ties: Ties) -> Rows:
    """The predictions of a class by falling score.

    stable: equal scores by video, then by their order in the file, whatever the machine.
    official: as ActivityNet's code, which reverses `numpy.argsort` of the scores. That sort is not
    stable, so the order of equal scores depends on numpy's version and on the processor.
    """
    if ties == "official":
        return found.take(np.argsort(found.score_N)[::-1])
    return found.take(np.lexsort((found.row_N, found.video_N, -found.score_N)))


def overlapping_pairs(a: Rows, b: Rows) -> tuple[Indices, Indices, Floats]:
    """Every pair (row of `a`, row of `b`) of the same video, with its temporal IoU: (Q,) each.

    By rising row of `a`; for each, the rows of `b` in their order.
    """
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


def match(found: Rows, actual: Rows, tiou_K: Floats, rules: Protocol, ties: Ties) -> Indices:
    """(K, N) the instance that a ranked prediction gets for its own at each threshold; -1: none."""
    found_Q, actual_Q, tiou_Q = overlapping_pairs(found, actual)
    predicts = rules.chooser == "prediction"
    tied_Q = _official_order(found_Q, tiou_Q) if ties == "official" else None
    enough_Q = tiou_Q > tiou_K.min() if rules.strict else tiou_Q >= tiou_K.min()
    found_Q, actual_Q, tiou_Q = found_Q[enough_Q], actual_Q[enough_Q], tiou_Q[enough_Q]
    chooser_Q, chosen_Q = (found_Q, actual_Q) if predicts else (actual_Q, found_Q)
    second_Q = chosen_Q if tied_Q is None else tied_Q[enough_Q]
    order_Q = np.lexsort((second_Q, -tiou_Q, chooser_Q))
    chooser_Q, chosen_Q, tiou_Q = chooser_Q[order_Q], chosen_Q[order_Q], tiou_Q[order_Q]
    taken_KN = np.full((len(tiou_K), len(found)), -1, dtype=np.intp)
    for k, threshold in enumerate(tiou_K):
        enough_Q = tiou_Q > threshold if rules.strict else tiou_Q >= threshold
        chooser, chosen = _choose_in_turn(chooser_Q[enough_Q], chosen_Q[enough_Q])
        taken_KN[k, chooser if predicts else chosen] = chosen if predicts else chooser
    return taken_KN


def _official_order(found_Q: Indices, tiou_Q: Floats) -> Indices:
    """(Q,) place of each pair among those of its prediction, as ActivityNet's code sorts them.

    It matters for equal overlaps alone, so only predictions that have such are sorted anew: the
    overlaps with all instances of the video, by numpy's unstable sort, reversed.
    """
    place_Q = np.zeros(len(found_Q), dtype=np.intp)
    order_Q = np.lexsort((tiou_Q, found_Q))
    same_Q = np.zeros(len(found_Q), dtype=bool)
    same_Q[1:] = (np.diff(found_Q[order_Q]) == 0) & (np.diff(tiou_Q[order_Q]) == 0)
    tied_Q = order_Q[same_Q & (tiou_Q[order_Q] > 0)]
    for prediction in np.unique(found_Q[tied_Q]).tolist():
        first, last = np.searchsorted(found_Q, [prediction, prediction + 1])
        place_Q[first + np.argsort(tiou_Q[first:last])[::-1]] = np.arange(last - first)
    return place_Q


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
