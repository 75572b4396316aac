"""One video's tracks as the JSON that its page draws.

Letters: T snippets, C classes (of all runs together).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wtal_core.reporting.material import Curve, RunMaterial, RunVideo, Strip, VideoFacts
from wtal_core.reporting.names import shown
from wtal_core.segments import Segments

FAINT = 0.05  # a class that nobody names and no curve ever lifts so far is left out
STEPS = 1000  # scores are sent in thousandths: half a pixel of a tall curve
SIGNS = {1: "1", 0: "0", -1: "?"}
GIVEN = {1: "F", 0: "B", -1: "U"}  # of labels that a person set


def build_tracks(
    facts: VideoFacts, runs: Sequence[RunMaterial], classes: Sequence[str]
) -> dict[str, Any]:
    """Everything under the player. Classes are numbers: places in `classes`."""
    column = {name: c for c, name in enumerate(classes)}
    said = [run.videos.get(facts.id) for run in runs]
    kept = list_classes(facts, runs, said, classes)
    told = [_run(run, video, column, kept) for run, video in zip(runs, said, strict=True) if video]
    if len(told) > 1 and told[0]["strips"] == told[1]["strips"]:
        # two rounds of one run share every round's labels
        told[1] |= {"strips": [], "shared": True}
    return {
        "id": shown(facts.id),
        "duration": round(facts.duration_s, 3),
        "classes": [shown(name) for name in classes],
        "labels": [column[name] for name in facts.labels],
        "truth": None if facts.truth is None else _segments(facts.truth, column),
        "ambiguous": [[s, e] for _, s, e in _segments(facts.ambiguous, {"": 0})],
        "trained": facts.subset == "train",
        "chosen": choose_class(facts, said, column),
        "runs": told,
    }


def choose_class(facts: VideoFacts, said: Sequence[RunVideo | None], column: dict[str, int]) -> int:
    """The class whose curves are shown first: a true one, else a label, else the best predicted."""
    if facts.truth is not None and len(facts.truth):
        return column[str(facts.truth.label[0])]
    if facts.labels:
        return column[facts.labels[0]]
    for video in said:
        if video and len(video.predictions):
            best = int(np.argmax(video.predictions.score))
            return column[str(video.predictions.label[best])]
    return 0


def list_classes(
    facts: VideoFacts,
    runs: Sequence[RunMaterial],
    said: Sequence[RunVideo | None],
    classes: Sequence[str],
) -> set[str]:
    """The classes whose scores are sent: with hundreds of classes, most are silent in a video."""
    found = {*facts.labels, *classes[:1]}
    if facts.truth is not None:
        found |= set(facts.truth.label.tolist())
    for run, video in zip(runs, said, strict=True):
        if video is None:
            continue
        found |= set(video.predictions.label.tolist())
        for curve in video.curves:
            found |= {run.classes[c] for c in np.flatnonzero(curve.score_TC.max(axis=0) >= FAINT)}
        for strip in video.strips:
            found |= {run.classes[c] for c in np.flatnonzero((strip.label_TC != 0).any(axis=0))}
    return found


def label_signs(label_T: NDArray[np.int8], given_T: NDArray[np.bool_] | None = None) -> str:
    """A sign per snippet: `1` foreground, `0` background, `?` uncertain; F, B, U set by hand."""
    if given_T is None:
        return "".join(SIGNS[int(value)] for value in label_T)
    rows = zip(label_T, given_T, strict=True)
    return "".join((GIVEN if given else SIGNS)[int(value)] for value, given in rows)


def _run(
    run: RunMaterial, video: RunVideo, column: dict[str, int], kept: set[str]
) -> dict[str, Any]:
    place_C = [column[name] if name in kept else None for name in run.classes]
    grid = video.grid
    order_N = np.argsort(-video.predictions.score, kind="stable")
    predictions = video.predictions.take(order_N)
    return {
        "name": shown(run.name),
        "start": round(float(grid.start_s(0.0)), 6),
        "step": round(grid.stride / grid.fps, 6),
        "fps": grid.fps,
        "predictions": [
            [*row, round(float(score), 4)]
            for row, score in zip(_segments(predictions, column), predictions.score, strict=True)
        ],
        "curves": [_curve(curve, place_C, len(column)) for curve in video.curves],
        "strips": [_strip(strip, place_C, len(column)) for strip in video.strips],
    }


def _segments(segments: Segments, column: dict[str, int]) -> list[list[Any]]:
    return [
        [column[str(label)], round(float(start), 3), round(float(end), 3)]
        for label, start, end in zip(segments.label, segments.start_s, segments.end_s, strict=True)
    ]


def _curve(curve: Curve, place_C: list[int | None], classes: int) -> dict[str, Any]:
    values: list[list[int] | None] = [None] * classes
    steps_TC = np.rint(np.clip(curve.score_TC, 0, 1) * STEPS).astype(int)
    for c, place in enumerate(place_C):
        if place is not None:
            values[place] = steps_TC[:, c].tolist()
    levels = None if curve.levels is None else [round(level, 4) for level in curve.levels]
    return {"key": curve.key, "title": curve.title, "levels": levels, "values": values}


def _strip(strip: Strip, place_C: list[int | None], classes: int) -> dict[str, Any]:
    values: list[str | None] = [None] * classes
    for c, place in enumerate(place_C):
        if place is not None:
            given_T = None if strip.given_TC is None else strip.given_TC[:, c]
            values[place] = label_signs(strip.label_TC[:, c], given_T)
    return {"key": strip.key, "title": strip.title, "values": values}
