"""What the pages show, as plain values: nothing in here knows files or markup.

Letters: T snippets of one video, C classes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wtal_core.grid import SnippetGrid
from wtal_core.segments import Segments


@dataclass(frozen=True)
class Curve:
    """Class scores of one source. key: cbp, vlp or final, which decides its colour.

    levels: the scores above which it says foreground and below which it says background, where
    they are the same for all videos and classes.
    """

    key: str
    title: str
    score_TC: NDArray[np.float32]  # in [0, 1]
    levels: tuple[float, float] | None = None


@dataclass(frozen=True)
class Strip:
    """Ternary labels of one source: 1 foreground, 0 background, -1 uncertain. key: cbp or vlp.

    given_TC: true where a person set the label; None where nobody did, or none knows where.
    """

    key: str
    title: str
    label_TC: NDArray[np.int8]
    given_TC: NDArray[np.bool_] | None = None


@dataclass(frozen=True)
class RunVideo:
    """What one run says of one video; the columns are the run's own classes."""

    grid: SnippetGrid
    predictions: Segments
    curves: tuple[Curve, ...] = ()
    strips: tuple[Strip, ...] = ()


@dataclass(frozen=True)
class VideoFacts:
    """What is known of a video without any run.

    labels: the video-level ones, of the training split alone; truth: None where nobody has
    annotated; ambiguous: intervals that the annotators were unsure of.
    """

    id: str
    subset: str
    duration_s: float
    labels: tuple[str, ...] = ()
    truth: Segments | None = None
    ambiguous: Segments = field(default_factory=Segments.empty)


@dataclass(frozen=True)
class RunMaterial:
    """One run.

    name: as a user would write it, without folders; rounds: metrics of each round, r0 first;
    diagnosis: of `wtal diagnose` as plain values; stats: of `wtal stats`; pictures: file name to
    PNG; params: dotted key to (value, where it was set); fresh: the videos are new ones, which
    the run's data set does not have; corrected: training videos with labels set by hand.
    """

    name: str
    round: str
    classes: tuple[str, ...]
    synthetic: bool
    protocol: str
    videos: dict[str, RunVideo]
    facts: dict[str, VideoFacts]
    rounds: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    diagnosis: dict[str, Any] | None = None
    stats: dict[str, Any] | None = None
    pictures: dict[str, bytes] = field(default_factory=dict)
    params: dict[str, tuple[str, str]] = field(default_factory=dict)
    fresh: bool = False
    corrected: int = 0


@dataclass(frozen=True)
class Media:
    """What a page can show of a video.

    src: address relative to the folder of the video pages, "" without a picture that moves;
    note: why there is none, or what it is; thumb: whether there is a thumbnail; size: width and
    height of the picture, 0 where unknown.
    """

    src: str = ""
    note: str = ""
    thumb: bool = False
    size: tuple[int, int] = (0, 0)


def joined_classes(runs: list[RunMaterial]) -> tuple[str, ...]:
    """All classes in the order of their first mention: runs', labels', ground truth's."""
    found: dict[str, None] = {}
    for run in runs:
        found |= dict.fromkeys(run.classes)
    for run in runs:
        for video in run.facts.values():
            found |= dict.fromkeys(video.labels)
            if video.truth is not None:
                found |= dict.fromkeys(video.truth.label.tolist())
        for seen in run.videos.values():
            found |= dict.fromkeys(seen.predictions.label.tolist())
    return tuple(found)
