"""Pre-training epoch by epoch: what a killed run needs to end as if it had never stopped."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

log = logging.getLogger(__name__)
_MODEL, _OPTIMISER, _GENERATOR, _GLOBAL = "model/", "optimiser/", "random/own", "random/global"

Curves = dict[str, list[float]]  # one value per epoch
EpochHook = Callable[[int, dict[str, Tensor], dict[str, Any]], None]
Follow = Callable[[Iterable[None], str, int], Iterable[None]]


@dataclass(frozen=True)
class Watch:
    """How a run is followed and kept; by default it is neither.

    After each epoch `on_epoch(epoch, tensors, meta)` gets all that `resume=(tensors, meta)` needs
    to go on from there. `follow(steps, title, total)` passes the optimiser's steps on and may show
    how many are done.
    """

    title: str = "pre-training"
    on_epoch: EpochHook | None = None
    resume: tuple[Mapping[str, Tensor], Mapping[str, Any]] | None = None
    follow: Follow | None = None


@dataclass(frozen=True)
class Learner:
    """All that changes while a network learns, besides torch's global generator."""

    model: nn.Module
    optimiser: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LRScheduler
    generator: torch.Generator  # order and disturbance of the pictures; dropout takes the global

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Tensors and JSON values, for `load`."""
        learnt = self.optimiser.state_dict()
        moments = {
            f"{_OPTIMISER}{index}/{key}": value
            for index, values in learnt["state"].items()
            for key, value in values.items()
        }
        tensors = {f"{_MODEL}{name}": value for name, value in self.model.state_dict().items()}
        random = {_GENERATOR: self.generator.get_state(), _GLOBAL: torch.get_rng_state()}
        meta = {"groups": learnt["param_groups"], "schedule": self.schedule.state_dict()}
        return tensors | moments | random, meta

    def load(self, tensors: Mapping[str, Tensor], meta: Mapping[str, Any]) -> None:
        """Put back what `state` took, into a learner made in the same way."""
        moments: dict[int, dict[str, Tensor]] = {}
        weights: dict[str, Tensor] = {}
        for name, value in tensors.items():
            if name.startswith(_MODEL):
                weights[name.removeprefix(_MODEL)] = value
            elif name.startswith(_OPTIMISER):
                index, key = name.removeprefix(_OPTIMISER).split("/")
                # The optimiser would take the tensor itself and change it in its steps.
                moments.setdefault(int(index), {})[key] = value.clone()
        self.model.load_state_dict(weights, strict=True)
        self.optimiser.load_state_dict({"state": moments, "param_groups": meta["groups"]})
        self.schedule.load_state_dict(dict(meta["schedule"]))
        self.generator.set_state(tensors[_GENERATOR])
        torch.set_rng_state(tensors[_GLOBAL])


def run_epochs(
    learner: Learner,
    run_epoch: Callable[[], Iterator[Mapping[str, float]]],
    epochs: int,
    steps: int,
    items: int,
    watch: Watch,
) -> Curves:
    """Run `epochs` epochs of `steps` optimiser steps, or those of them that `watch` has not seen.

    `run_epoch` takes one epoch's steps and yields after each its sums over the batch; the curves
    are their sums over the epoch, divided by the number of `items` in it.
    """
    curves: Curves = {}
    done = 0
    if watch.resume is not None:
        tensors, meta = watch.resume
        learner.load(tensors, meta)
        curves = {name: list(values) for name, values in meta["curves"].items()}
        done = len(next(iter(curves.values())))
        log.info("%s: goes on after epoch %d", watch.title, done)

    def every_step() -> Iterator[None]:
        for epoch in range(done + 1, epochs + 1):
            sums: dict[str, float] = {}
            for values in run_epoch():
                sums = {name: sums.get(name, 0.0) + value for name, value in values.items()}
                yield
            for name, value in sums.items():
                curves.setdefault(name, []).append(value / items)
            if watch.on_epoch is not None:
                tensors, meta = learner.state()
                watch.on_epoch(epoch, tensors, {**meta, "curves": curves})

    total = (epochs - done) * steps
    for _ in watch.follow(every_step(), watch.title, total) if watch.follow else every_step():
        pass
    last = ", ".join(f"{name} {values[-1]:.3f}" for name, values in curves.items())
    log.info("%s: %s in the last epoch", watch.title, last)
    return curves
