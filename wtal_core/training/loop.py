"""The one training loop."""

import logging
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from wtal_core.branches.output import BranchOutput
from wtal_core.errors import WtalError
from wtal_core.losses.total import TERMS, LossInputs, total_loss
from wtal_core.schema.losses import LossParams
from wtal_core.schema.training import StepParams
from wtal_core.training.batches import Batch, Sample, count_steps, draw_batches
from wtal_core.training.precision import run_branch
from wtal_core.training.scoring import find_device
from wtal_core.training.state import OPTIMISER, load_optimiser, mix, optimiser_state, seeded
from wtal_core.training.weights import learning, load_trainable, trainable_state

log = logging.getLogger(__name__)

Row = dict[str, float]  # epoch, lr, total and each loss term, as means over the epoch
OPTIMISERS = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}


class Objective(Protocol):
    """What is minimised: a total, and its terms for the curves."""

    def __call__(
        self, output: BranchOutput, batch: Batch, generator: torch.Generator
    ) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Scalars of one step."""


# A branch's own video-level loss: output, label_BC, generator to a scalar, mean over videos.
OwnLoss = Callable[[BranchOutput, Tensor, torch.Generator], Tensor]
EpochHook = Callable[[int, dict[str, Tensor], dict[str, Any]], None]
Follow = Callable[[Iterable[None], str, int], Iterable[None]]


def make_objective(
    params: LossParams, cls: float, kd: float, fb: float, own: OwnLoss | None = None
) -> Objective:
    """The weighted sum of `losses.total` as an objective of the loop; `own` replaces Eq. (1)."""
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
            None if own is None else partial(own, output, batch.label_BC),
        )
        return total_loss(seen, weights, params, generator)

    return objective


def train(
    model: nn.Module,
    objective: Objective,
    samples: Sequence[Sample],
    params: StepParams,
    seed: int,
    *,
    on_epoch: EpochHook | None = None,
    resume: tuple[Mapping[str, Tensor], Mapping[str, Any]] | None = None,
    follow: Follow | None = None,
    title: str = "train",
) -> list[Row]:
    """Train `model` in place, on the device where it is; the loss curve, one row per epoch.

    After each epoch `on_epoch(epoch, tensors, meta)` gets all that `resume=(tensors, meta)` needs
    to go on from there. The randomness of an epoch depends on (seed, epoch) alone, so a resumed
    run ends in the same bytes. `follow(steps, title, total)` passes the steps on and may show
    how many are done. Raises WtalError when a loss is NaN or infinite, before the weights are.
    """
    if not samples:
        raise WtalError(f"{title}: there is no training video; look at the train split's features")
    optimiser = OPTIMISERS[params.optimiser](
        learning(model), lr=params.lr, weight_decay=params.weight_decay
    )
    rows: list[Row] = []
    if resume is not None:
        tensors, meta = resume
        load_trainable(model, {n: t for n, t in tensors.items() if not n.startswith(OPTIMISER)})
        load_optimiser(model, optimiser, tensors)
        rows = [dict(zip(meta["columns"], row, strict=True)) for row in meta["rows"]]
        log.info("%s: goes on after epoch %d", title, len(rows))
    per_epoch = count_steps(len(samples), params.batch, params.min_steps)

    def steps() -> Iterator[None]:
        for epoch in range(len(rows) + 1, params.epochs + 1):
            sums: dict[str, float] = {}
            for values in _run_epoch(model, objective, samples, params, optimiser, epoch, seed):
                sums = {name: sums.get(name, 0.0) + value for name, value in values.items()}
                yield
            rows.append({"epoch": epoch} | {k: v / per_epoch for k, v in sums.items()})
            if on_epoch is not None:
                state = trainable_state(model) | optimiser_state(model, optimiser)
                # Lists, since a JSON file may sort the keys of a mapping.
                table = {"columns": list(rows[0]), "rows": [list(row.values()) for row in rows]}
                on_epoch(epoch, state, table)

    total = (params.epochs - len(rows)) * per_epoch
    for _ in follow(steps(), title, total) if follow else steps():
        pass
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
) -> Iterator[Row]:
    """The learning rate and the losses of each optimiser step, as it is taken."""
    model.train()
    generator = torch.Generator().manual_seed(mix(seed, epoch))
    steps = count_steps(len(samples), params.batch, params.min_steps)
    drawn = draw_batches(
        samples, params.batch, params.crop, params.min_steps, generator, find_device(model)
    )
    with seeded(seed, epoch):
        for step, batch in enumerate(drawn):
            lr = scheduled_lr(params, (epoch - 1) * steps + step, params.epochs * steps)
            for group in optimiser.param_groups:
                group["lr"] = lr
            output = run_branch(model, batch.feat_BTD, batch.mask_BT, params.precision)
            total, terms = objective(output, batch, generator)
            named = {"total": total, **terms}
            # One transfer, since each makes a GPU wait.
            values = dict(zip(named, torch.stack(list(named.values())).tolist(), strict=True))
            _check_finite(values, f"epoch {epoch}, step {step + 1}, lr {lr:g}", batch.names)
            optimiser.zero_grad(set_to_none=True)
            total.backward()
            if params.grad_clip:
                nn.utils.clip_grad_norm_(learning(model), params.grad_clip)
            optimiser.step()
            yield {"lr": lr} | values


def scheduled_lr(params: StepParams, step: int, steps: int) -> float:
    """Learning rate of a step (0-based) among `steps`; the cosine falls to zero after the last."""
    if params.lr_schedule == "constant":
        return params.lr
    return params.lr * (1 + math.cos(math.pi * step / steps)) / 2


def name_columns(weights: Mapping[str, float]) -> list[str]:
    """The columns of a loss curve under these weights of the terms."""
    return ["epoch", "lr", "total", *(name for name in TERMS if weights[name] != 0)]


def _check_finite(values: Mapping[str, float], where: str, names: Sequence[str]) -> None:
    bad = [f"{name} = {value}" for name, value in values.items() if not math.isfinite(value)]
    if bad:
        shown = ", ".join(names[:4]) + (", ..." if len(names) > 4 else "")
        raise WtalError(
            f"training, {where}: the loss is not finite ({', '.join(bad)}) on the videos {shown}; "
            "lower lr, set grad_clip, or look for NaN in the features; nothing was written"
        )
