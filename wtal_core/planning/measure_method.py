"""How fast this machine trains and applies the two branches, on random features of the real size.

The steps are those of `training.loop`, with the data set's columns and classes and the parameters'
networks; a tiny and a large batch give the line between them.
"""

import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from math import ceil

import numpy as np
import torch
from torch import nn

from wtal_core.planning.memory import Growth
from wtal_core.planning.rates import Linear, StepCost, fit_line
from wtal_core.planning.workload import StepWork
from wtal_core.schema.losses import LossParams
from wtal_core.schema.training import StepParams
from wtal_core.training.batches import Sample
from wtal_core.training.loop import OwnLoss, make_objective, train
from wtal_core.training.scoring import score_videos

SMALL = 8  # snippets of the one video of the small batch
# Repetitions that count. The fastest decides: one thread that waits for a core stops all of a
# step's threads, and on a shared machine a step then takes up to twenty times as long.
LEAST = 2
_ENOUGH = 8  # videos
_TINY_SHARE = 0.1  # of the budget, for each of the two small batches
_STEP_SHARE = 0.2  # for one step of the larger batch
_MOST_STEPS = 24
_MANY = 4  # videos of a call that scores several


@dataclass(frozen=True)
class Trial:
    """A branch and what it is to learn."""

    model: nn.Module
    columns: int  # of a snippet's features, as the branch sees them
    classes: int
    step: StepParams
    loss: LossParams
    weights: dict[str, float]  # cls, kd, fb
    own: OwnLoss | None = None
    base: int | None = None  # bytes in use before there was a branch


def measure_step(trial: Trial, work: StepWork, budget_s: float) -> StepCost:
    """Seconds and memory of a step by the snippets of its batch; a skipped stage costs nothing.

    The larger batch has videos of the mean padded length, since attention over a whole video
    grows with its square, and as many of them as the budget has room for.
    """
    if not work.steps:
        return StepCost(Linear(0.0, 0.0), None)
    videos = max(1, round(work.videos))
    length = max(1, round(work.mean / videos))
    few = min(2, videos)
    small_s, small_memory = _measure(trial, 1, SMALL, _TINY_SHARE * budget_s)
    few_s, few_memory = _measure(trial, few, length, _TINY_SHARE * budget_s)
    # The more of the real batch is measured, the less what disturbs a step is multiplied: some of
    # it, however long that takes.
    many = min(videos, max(_ENOUGH, int(few * _STEP_SHARE * budget_s / few_s)))
    many_s, many_memory = few_s, few_memory
    if many > few:
        many_s, many_memory = _measure(trial, many, length, 2 * _STEP_SHARE * budget_s)
    units, memory = many * length, None
    if units < 2 * SMALL:  # two points so close make no line; what was measured is the real size
        memory = None if many_memory is None else Linear(many_memory, 0.0)
        return StepCost(Linear(many_s, 0.0), memory)
    if small_memory is not None and few_memory is not None and many_memory is not None:
        # What the first batches allocate once and for all is in two larger ones alike.
        near = (few * length, few_memory) if many > few else (SMALL, small_memory)
        memory = fit_line(near, (units, many_memory))
    return StepCost(fit_line((SMALL, small_s), (units, many_s)), memory)


def measure_scoring(model: nn.Module, columns: int, length: int, budget_s: float) -> float:
    """Seconds a snippet of a video of `length` snippets, one among many.

    What a call does once (VLP's text) is in both counts of videos and cancels out.
    """
    feat = [torch.randn(length, columns)]
    score_videos(model, feat)
    end, best = time.perf_counter() + budget_s, [math.inf, math.inf]
    rounds = 0
    while rounds < LEAST or time.perf_counter() < end:
        for which, videos in enumerate((1, _MANY)):
            took = timed(lambda count=videos: score_videos(model, feat * count))  # type: ignore[misc]
            best[which] = min(best[which], took)
        rounds += 1
    more = fit_line((1, best[0]), (_MANY, best[1])).slope
    return (more or best[1] / _MANY) / length


def mean_length(lengths: Iterable[int]) -> int:
    """Of a typical snippet's video: long videos hold more of them."""
    array = np.array(list(lengths), dtype=float)
    return ceil(float((array**2).sum() / array.sum()))


def count_bytes(model: nn.Module) -> int:
    """Of the weights that learn, which are what a checkpoint holds."""
    learning = [p for p in model.parameters() if p.requires_grad]
    buffers = [b for name, b in model.named_buffers() if not name.startswith("text.")]
    return sum(t.numel() * t.element_size() for t in [*learning, *buffers])


def _measure(trial: Trial, videos: int, length: int, budget_s: float) -> tuple[float, int | None]:
    """Seconds of a step with a batch of so many videos, and bytes at the peak."""
    memory = Growth(trial.base)
    watch = _Stopwatch(budget_s)
    train(
        trial.model,
        make_objective(trial.loss, **trial.weights, own=trial.own),
        _samples(trial, videos, length),
        replace(trial.step, epochs=1, min_steps=_MOST_STEPS, batch=videos, crop=length),
        seed=0,
        follow=watch.follow,
    )
    return watch.best(), memory.bytes()


class _Stopwatch:
    """Ends a training after LEAST steps and one to warm up, or later while there is time."""

    def __init__(self, budget_s: float) -> None:
        self.budget_s = budget_s
        self.seconds: list[float] = []

    def follow(self, steps: Iterable[None], title: str, total: int) -> Iterator[None]:
        begin = last = time.perf_counter()
        for step in steps:
            now = time.perf_counter()
            self.seconds.append(now - last)
            last = now
            yield step
            if len(self.seconds) > LEAST and now - begin > self.budget_s:
                return

    def best(self) -> float:
        """Of all but the first."""
        return min(self.seconds[1:])


def _samples(trial: Trial, videos: int, length: int) -> list[Sample]:
    generator = torch.Generator().manual_seed(0)
    found = []
    for number in range(videos):
        label_C = torch.zeros(trial.classes)
        label_C[number % trial.classes] = 1
        target_TC = torch.zeros(length, trial.classes, dtype=torch.int8)
        target_TC[: length // 3] = label_C.to(torch.int8)
        target_TC[2 * length // 3 :] = -1
        feat_TD = torch.randn(length, trial.columns, generator=generator).half()
        found.append(Sample(str(number), feat_TD, label_C, target_TC))
    return found


def timed(work: Callable[[], object]) -> float:
    """Seconds of a call."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin
