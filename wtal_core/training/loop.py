"""The one training loop."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from wtal_core.branches.output import BranchOutput
from wtal_core.errors import WtalError
from wtal_core.losses.total import LossInputs, total_loss
from wtal_core.schema.losses import LossParams
from wtal_core.schema.training import StepParams
from wtal_core.training.batches import Batch, Sample, count_steps, draw_batches
from wtal_core.training.progress import Progress
from wtal_core.training.scoring import find_device
from wtal_core.training.state import (
    OPTIMISER,
    load_optimiser,
    load_trainable,
    mix,
    optimiser_state,
    seeded,
    trainable_state,
)

Row = dict[str, float]  # epoch, lr, total and one column per loss term: means over the epoch
OPTIMISERS = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}


class Objective(Protocol):
    """What is minimised: a total, and its terms for the curves."""

    def __call__(
        self, output: BranchOutput, batch: Batch, generator: torch.Generator
    ) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Scalars of one step."""


EpochHook = Callable[[int, dict[str, Tensor], dict[str, Any]], None]


def make_objective(params: LossParams, cls: float, kd: float, fb: float) -> Objective:
    """The weighted sum of `losses.total` as an objective of the loop."""
    weights = {"cls": cls, "kd": kd, "fb": fb}

    def objective(
        output: BranchOutput, batch: Batch, generator: torch.Generator
    ) -> tuple[Tensor, Mapping[str, Tensor]]:
        seen = LossInputs(
            output.cas_BTC,
            output.prob_BTC,
            output.feat_BTD,
            output.mask_BT,
            batch.label_BC,
            batch.target_BTC,
            batch.weight_BTC,
        )
        return total_loss(seen, weights, params, generator)

    return objective


def train(
    model: nn.Module,
    objective: Objective,
    samples: Sequence[Sample],
    params: StepParams,
    seed: int,
    on_epoch: EpochHook | None = None,
    resume: tuple[Mapping[str, Tensor], Mapping[str, Any]] | None = None,
    title: str = "train",
) -> list[Row]:
    """Train `model` in place; the loss curve, one row per epoch.

    After each epoch `on_epoch(epoch, tensors, meta)` gets all that `resume=(tensors, meta)` needs
    to go on from there. The randomness of an epoch depends on (seed, epoch) alone, so a resumed
    run ends in the same bytes. The model stays on its device.
    Raises WtalError when a loss is NaN or infinite; the model keeps the weights of before.
    """
    if not samples:
        raise WtalError(f"{title}: there is no training video; look at the train split's features")
    learning = [p for p in model.parameters() if p.requires_grad]
    optimiser = OPTIMISERS[params.optimiser](
        learning, lr=params.lr, weight_decay=params.weight_decay
    )
    rows: list[Row] = []
    if resume is not None:
        tensors, meta = resume
        load_trainable(model, {n: t for n, t in tensors.items() if not n.startswith(OPTIMISER)})
        load_optimiser(model, optimiser, tensors)
        rows = [dict(row) for row in meta["rows"]]
    steps = count_steps(len(samples), params.batch, params.min_steps)
    with Progress(title, params.epochs * steps, done=len(rows) * steps) as progress:
        for epoch in range(len(rows) + 1, params.epochs + 1):
            with seeded(seed, epoch):
                row = _run_epoch(
                    model, objective, samples, params, optimiser, epoch, seed, title, progress
                )
            rows.append(row)
            if on_epoch is not None:
                tensors = trainable_state(model) | optimiser_state(model, optimiser)
                on_epoch(epoch, tensors, {"rows": rows})
    model.eval()
    return rows


def _run_epoch(
    model: nn.Module,
    objective: Objective,
    samples: Sequence[Sample],
    params: StepParams,
    optimiser: torch.optim.Optimizer,
    epoch: int,
    seed: int,
    title: str,
    progress: Progress,
) -> Row:
    model.train()
    generator = torch.Generator().manual_seed(mix(seed, epoch))
    steps = count_steps(len(samples), params.batch, params.min_steps)
    sums: dict[str, float] = {}
    drawn = draw_batches(
        samples, params.batch, params.crop, params.min_steps, generator, find_device(model)
    )
    for step, batch in enumerate(drawn):
        lr = scheduled_lr(params, (epoch - 1) * steps + step, params.epochs * steps)
        for group in optimiser.param_groups:
            group["lr"] = lr
        total, terms = objective(model(batch.feat_BTD, batch.mask_BT), batch, generator)
        values = {name: float(term.detach()) for name, term in {"total": total, **terms}.items()}
        _check_finite(values, f"{title}, epoch {epoch}, step {step + 1}, lr {lr:g}", batch.names)
        optimiser.zero_grad(set_to_none=True)
        total.backward()
        if params.grad_clip:
            nn.utils.clip_grad_norm_(
                [p for p in model.parameters() if p.requires_grad], params.grad_clip
            )
        optimiser.step()
        sums = {name: sums.get(name, 0.0) + value for name, value in values.items()}
        progress.advance(values["total"])
    return {"epoch": epoch, "lr": lr} | {name: value / steps for name, value in sums.items()}


def scheduled_lr(params: StepParams, step: int, steps: int) -> float:
    """Learning rate of a step (0-based) among `steps`; the cosine falls to zero after the last."""
    if params.lr_schedule == "constant":
        return params.lr
    return params.lr * (1 + math.cos(math.pi * step / steps)) / 2


def _check_finite(values: Mapping[str, float], where: str, names: Sequence[str]) -> None:
    bad = [f"{name} = {value}" for name, value in values.items() if not math.isfinite(value)]
    if bad:
        shown = ", ".join(names[:4]) + (", ..." if len(names) > 4 else "")
        raise WtalError(
            f"{where}: the loss is not finite ({', '.join(bad)}) on the videos {shown}; lower "
            "the learning rate, set grad_clip, or check the features for NaN; nothing was written"
        )
