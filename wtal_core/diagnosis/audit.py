"""An audit: k videos are annotated by hand, and stand for all of them.

Letters: K thresholds, R resamples.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from wtal_core.diagnosis.intervals import (
    Interval,
    class_intervals,
    halve,
    student_widening,
)
from wtal_core.evaluation.detection import rank_detections
from wtal_core.evaluation.matching import Ties
from wtal_core.evaluation.protocols import protocol_of
from wtal_core.segments import Segments

FEW = 20  # videos below which the interval may be too narrow more often than it says
LEAST = 6  # videos below which it is too wide to say anything: 1 degree of freedom


def draw_sample(predictions: Segments, videos: Sequence[str], k: int, seed: int) -> list[str]:
    """k of the videos, every one with the same probability, spread over the predicted classes.

    The videos are put in order of the label of their best prediction (those without come first),
    within a label at random, and every (N / k)-th is taken from a random start (systematic
    sampling). Each video is drawn with probability k / N, so the mean over the sample needs no
    weights, and a label that is predicted in a share of the videos gets this share of the sample,
    up to one video. Raises ValueError unless 1 <= k <= N.
    """
    if not 1 <= k <= len(videos):
        raise ValueError(f"an audit draws 1 to {len(videos)} videos, got {k}")
    rng = np.random.default_rng(seed)
    best: dict[str, str] = {}
    for i in np.argsort(-predictions.score, kind="stable").tolist():
        best.setdefault(str(predictions.video[i]), str(predictions.label[i]))
    names = sorted(videos)
    shuffled = [names[i] for i in rng.permutation(len(names))]
    ordered = sorted(shuffled, key=lambda name: best.get(name, ""))
    step = len(ordered) / k
    places = np.floor(rng.uniform(0, step) + step * np.arange(k)).astype(int)
    return sorted(ordered[min(place, len(ordered) - 1)] for place in places.tolist())


@dataclass(frozen=True)
class Estimate:
    """What an audit of `audited` out of `videos` videos says; AP and mAP are means over the
    thresholds.

    absent: classes that are predicted but have no instance in the audited videos; the estimate
    says nothing of them.
    """

    map: Interval
    by_tiou: dict[float, Interval]
    classes: tuple[tuple[str, int, Interval], ...]  # name, instances, AP
    audited: int
    videos: int
    absent: tuple[str, ...]

    @property
    def few(self) -> bool:
        """Whether there are so few videos that the interval promises too much."""
        return self.audited < FEW


def estimate(
    predictions: Segments,
    truth: Segments,
    durations: Mapping[str, float],
    videos: int,
    tious: Sequence[float],
    protocol: str = "activitynet",
    ties: Ties = "stable",
    *,
    resamples: int = 2000,
    seed: int = 0,
) -> Estimate:
    """mAP of all `videos` videos from those of `durations`, whose instances are `truth`.

    The value is the mAP on the audited videos. The interval comes from random halves of these; the
    more of all videos they are, the less is left to chance, so it is narrowed by sqrt(1 - k / N)
    (the finite population correction) and has no width once all are audited. How far halves differ
    is known the less the smaller they are, so the interval is widened by Student's quantile with
    k // 2 - 1 degrees of freedom. k - 1, as for a mean over the sample, is not enough: AP is no
    mean, and a class's AP rests on few of the videos. It assumes that every video had the same
    chance to be drawn, that the annotations are right and complete, and that classes without an
    instance in the sample are neither better nor worse than the others.
    A test audits a toy split of 48 videos 45 times: the interval holds the mAP of all of them in at
    least 39 of these, whether 6, 12 or 24 videos are drawn. Where nearly every video is right it
    cannot know of the errors that it did not draw, and holds the truth less often.
    Predictions of other videos are left out. Raises ValueError as the evaluator does.
    """
    rules = protocol_of(protocol)
    audited = sorted(durations)
    known_N = np.isin(predictions.video, np.array(audited, dtype=np.str_))
    own = predictions.take(known_N)
    named = sorted(set(truth.video.tolist()) | set(own.video.tolist()))
    shrink = float(np.sqrt(1 - len(audited) / videos))
    shrink *= student_widening(max(1, len(audited) // 2 - 1))
    times_RV = halve(named, audited, resamples, seed)

    def measure(at: Sequence[float]) -> tuple[Interval, list[tuple[str, int, Interval]]]:
        ranked = rank_detections(own, truth, at, protocol, ties=ties)
        overall, by_class = class_intervals(ranked, times_RV, rules.interpolated, shrink)
        return overall, [
            (one.label, len(one.actual), interval)
            for one, interval in zip(ranked, by_class, strict=True)
        ]

    overall, classes = measure(tious)
    seen = {name for name, _, _ in classes}
    return Estimate(
        overall,
        {float(t): measure([t])[0] for t in tious},
        tuple(classes),
        len(audited),
        videos,
        tuple(sorted(set(predictions.label.tolist()) - seen)),
    )
