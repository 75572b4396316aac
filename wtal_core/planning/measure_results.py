"""How fast this machine localizes and evaluates; scores and ground truth are made up."""

from collections.abc import Sequence

import numpy as np

from wtal_core.evaluation.detection import evaluate_detections
from wtal_core.grid import SnippetGrid
from wtal_core.localize.nms import suppress
from wtal_core.localize.proposals import propose
from wtal_core.pictures import Row, draw_timeline
from wtal_core.planning.measure_method import timed
from wtal_core.schema.evaluation import EvaluationParams
from wtal_core.schema.localize import LocalizeParams
from wtal_core.schema.thresholds import ThresholdParams
from wtal_core.segments import Segments

_INSTANCES = 15  # of a made-up test video
_VIDEOS = 24  # at most so many are evaluated
_SHOWN = 2  # classes that a made-up video shows
_GRID = SnippetGrid(25.0, 16, 16)


def measure_localizing(
    length: int, classes: int, params: LocalizeParams, thresholds: ThresholdParams
) -> tuple[float, Segments]:
    """Seconds a video of `length` snippets; what was found in it."""
    generator = np.random.default_rng(0)
    noise_TC = generator.normal(size=(length + 4, classes)).cumsum(0)
    score_TC = 1 / (1 + np.exp(noise_TC[4:] - noise_TC[:-4]))  # rises and falls within seconds
    video_C = np.where(np.arange(classes) < _SHOWN, 1.0, 0.0)
    names = [f"class {c}" for c in range(classes)]
    kept: list[Segments] = []

    def work() -> None:
        found = propose(
            score_TC,
            video_C,
            params,
            _GRID,
            video="video",
            duration_s=_GRID.extent_s(length),
            classes=names,
            theta_cls=thresholds.theta_cls,
            theta_loc=thresholds.theta_loc,
        )
        kept.append(suppress(found, params.nms_sigma, params.min_score, params.max_per_video))

    work()
    return timed(work), kept[-1]


def measure_evaluating(one: Segments, videos: int, facts: EvaluationParams) -> float:
    """Seconds a test video, when each has predictions like `one`."""
    count = max(1, min(videos, _VIDEOS))
    names = [f"video {n}" for n in range(count)]
    predictions = Segments.join([_renamed(one, name) for name in names])
    truth = Segments.join([_instances(one, name) for name in names])
    tious: Sequence[float] = facts.tious
    return timed(lambda: evaluate_detections(predictions, truth, tious, facts.protocol)) / count


def measure_picture(length: int) -> float:
    """Seconds of one picture of the summary."""
    score_TS = np.random.default_rng(0).random((length, 1))
    rows = [Row(title, score_TS, Segments.empty()) for title in ("one", "two", "three")]
    end_s = _GRID.extent_s(length)
    return timed(lambda: draw_timeline("", end_s, _GRID, ["class"], Segments.empty(), rows))


def _renamed(segments: Segments, video: str) -> Segments:
    return Segments.build(
        [video] * len(segments),
        segments.label.tolist(),
        segments.start_s,
        segments.end_s,
        segments.score,
    )


def _instances(predictions: Segments, video: str) -> Segments:
    """Some of the predictions, as if they were what really happens."""
    chosen = predictions.take(np.linspace(0, len(predictions) - 1, _INSTANCES).astype(np.intp))
    return _renamed(chosen, video)
