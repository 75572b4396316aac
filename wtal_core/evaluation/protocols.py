"""Evaluation protocols by name: what counts as right, and what is done to the segments before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from wtal_core.segments import Segments

Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Protocol:
    """How predictions are compared with instances.

    strict: the overlap must exceed the threshold (else reaching it is enough).
    chooser: who picks first. `prediction`: predictions by falling score, each takes the free
    instance it overlaps most; `truth`: instances in file order, each takes the free prediction.
    interpolated: area under the precision envelope (else mean precision at the hits).
    ambiguous: intervals that annotators were unsure of. `unused`: they play no part; `spared`: a
    prediction that overlaps one is no miss, but may hit; `dropped`: it goes before the matching.
    grid: instances are rounded to whole snippets of 16 frames at 25 frames per second.
    clean: duplicate instances and those shorter than `TOLERANCE_S` go.
    recall_at: recall@kx is measured for these k.
    """

    strict: bool = False
    chooser: Literal["prediction", "truth"] = "prediction"
    interpolated: bool = True
    ambiguous: Literal["unused", "spared", "dropped"] = "unused"
    grid: bool = False
    clean: bool = False
    recall_at: tuple[int, ...] = ()

    @property
    def needs_seconds(self) -> bool:
        """Whether fractions of a video's duration would not do: a length in seconds matters."""
        return self.grid or self.clean


TOLERANCE_S = 1e-3  # of `clean`

PROTOCOLS: dict[str, Protocol] = {
    # ActivityNet's own code, in seconds; UM, CoLA, BaS-Net, ASM-Loc and AutoLoc use it on THUMOS14
    "activitynet": Protocol(),
    # the THUMOS14 challenge's own code; gives S-CNN's published figures to the last bit
    "thumos14": Protocol(strict=True, chooser="truth", interpolated=False, ambiguous="spared"),
    # ActivityNet's code on the W-TALC package: CO2-Net, DELU, P-MIL, PVLR
    "wtalc-grid": Protocol(ambiguous="dropped", grid=True),
    # fully supervised detectors: ActionFormer, TriDet, OpenTAD
    "tad": Protocol(clean=True, recall_at=(1, 5)),
}


def protocol_of(name: str) -> Protocol:
    """The protocol of a name; ValueError, listing the names, for another."""
    if name not in PROTOCOLS:
        raise ValueError(f"protocol is one of {', '.join(PROTOCOLS)}, got {name!r}")
    return PROTOCOLS[name]


def prepare(
    predictions: Segments, truth: Segments, ambiguous: Segments, rules: Protocol
) -> tuple[Segments, Segments]:
    """Predictions and instances as the protocol compares them, from seconds."""
    if rules.grid:
        predictions = _in_snippets(predictions)
        truth, ambiguous = _to_grid(truth), _to_grid(ambiguous)
    if rules.ambiguous == "dropped":
        # whole snippets are compared, so a prediction counts from the one in which it begins
        whole = _rescaled(predictions, np.floor(predictions.start_s), np.floor(predictions.end_s))
        predictions = predictions.take(~touches(whole, ambiguous))
    if rules.clean:
        truth = drop_duplicates(truth)
    return predictions, truth


def touches(segments: Segments, ambiguous: Segments) -> Bools:
    """(N,) whether a segment shares time with an ambiguous interval of its video."""
    touched_N = np.zeros(len(segments), dtype=bool)
    for video in sorted(set(ambiguous.video.tolist())):
        rows = np.flatnonzero(segments.video == video)
        own = ambiguous.take(ambiguous.video == video)
        first_NM = np.maximum(segments.start_s[rows, None], own.start_s)
        last_NM = np.minimum(segments.end_s[rows, None], own.end_s)
        touched_N[rows] = (first_NM < last_NM).any(axis=1)
    return touched_N


def drop_duplicates(truth: Segments) -> Segments:
    """Instances in their order, without the ones shorter than 1 ms, and without those whose video,
    label and, within 1 ms, both ends are those of an earlier one that is kept.
    """
    kept: dict[tuple[str, str], list[int]] = {}
    for i in np.flatnonzero(truth.end_s - truth.start_s >= TOLERANCE_S).tolist():
        earlier = kept.setdefault((str(truth.video[i]), str(truth.label[i])), [])
        ends = np.stack([truth.start_s[earlier], truth.end_s[earlier]])
        gap_N = np.abs(ends - [[truth.start_s[i]], [truth.end_s[i]]]).max(axis=0, initial=0.0)
        if not (gap_N <= TOLERANCE_S).any():
            earlier.append(i)
    return truth.take(np.array(sorted(i for group in kept.values() for i in group), dtype=np.intp))


def _in_snippets(segments: Segments) -> Segments:
    """Seconds to snippets, neither rounded to whole ones nor off by a bit where they are whole."""
    start, end = (segments.start_s * 25 / 16).round(9), (segments.end_s * 25 / 16).round(9)
    return _rescaled(segments, start, end)


def _to_grid(segments: Segments) -> Segments:
    """Seconds to whole snippets; a half goes to the even one, as Python's `round` does it."""
    return _rescaled(
        segments, np.rint(segments.start_s * 25 / 16), np.rint(segments.end_s * 25 / 16)
    )


def _rescaled(
    segments: Segments, start_N: NDArray[np.float64], end_N: NDArray[np.float64]
) -> Segments:
    return Segments(segments.video, segments.label, start_N, end_N, segments.score)


def check_thresholds(tious: Sequence[float]) -> NDArray[np.float64]:
    """(K,) the thresholds; ValueError for none, or for one outside (0, 1]."""
    tiou_K = np.asarray(tious, dtype=np.float64)
    if tiou_K.size == 0 or not ((tiou_K > 0) & (tiou_K <= 1)).all():
        raise ValueError(f"thresholds lie in (0, 1], got {tious = }")
    return tiou_K
