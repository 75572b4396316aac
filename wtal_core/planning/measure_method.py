"""How fast this machine trains and applies the two branches, on random features of the real size.

The steps are those of `training.loop`, with the data set's columns and classes and the parameters'
networks; a small and a larger batch give the line between them.
"""

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
_TINY_SHARE = 0.15  # of the budget, for the small batch
_MOST_STEPS = 6


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
    small_s, small_memory = _measure(trial, 1, SMALL, _TINY_SHARE * budget_s)
    few = min(2, videos)
    few_s, few_memory = _measure(trial, few, length, 0.0)
    room = (1 - 2 * _TINY_SHARE) * budget_s / 2  # for each of two steps
    many = min(videos, max(few, int(few * room / few_s)))
    if many > few:
        few, (few_s, few_memory) = many, _measure(trial, many, length, room)
    units = few * length
    if units < 2 * SMALL:  # two points so close make no line; what was measured is the real size
        return StepCost(Linear(few_s, 0.0), None if few_memory is None else Linear(few_memory, 0.0))
    memory = None
    if small_memory is not None and few_memory is not None:
        memory = fit_line((SMALL, small_memory), (units, few_memory))
    return StepCost(fit_line((SMALL, small_s), (units, few_s)), memory)


def measure_scoring(model: nn.Module, columns: int, length: int, budget_s: float) -> float:
    """Seconds a snippet of a video of `length` snippets."""
    feat = [torch.randn(length, columns)]
    score_videos(model, feat)
    begin, videos = time.perf_counter(), 0
    while not videos or time.perf_counter() - begin < budget_s:
        score_videos(model, feat)
        videos += 1
    return (time.perf_counter() - begin) / (videos * length)


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
    return watch.mean(), memory.bytes()


class _Stopwatch:
    """Ends a training after its second step, or later while there is time; the first warms up."""

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
            if len(self.seconds) > 1 and now - begin > self.budget_s:
                return

    def mean(self) -> float:
        """Of all but the first."""
        return float(np.mean(self.seconds[1:]))


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
