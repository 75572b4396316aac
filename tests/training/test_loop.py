"""The loop: learns, repeats itself, goes on after a stop, refuses NaN."""

import dataclasses
import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from wtal_core.branches.output import BranchOutput
from wtal_core.errors import WtalError
from wtal_core.schema.losses import LossParams
from wtal_core.schema.training import StepParams, WarmUpParams
from wtal_core.training.batches import Batch, Sample
from wtal_core.training.loop import Row, make_objective, scheduled_lr, train
from wtal_core.training.state import fingerprint, mix, optimiser_state, seeded
from wtal_core.training.weights import load_trainable, trainable_state

PARAMS = StepParams(epochs=4, min_steps=3, batch=2, crop=6, lr=0.01)
OBJECTIVE = make_objective(LossParams(topk_ratio=3), cls=1.0, kd=1.0, fb=0.05)
State = tuple[int, dict[str, Tensor], dict[str, Any]]


class Tiny(nn.Module):
    """A branch of one layer with dropout and a frozen scale."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(5, 3)
        self.dropout = nn.Dropout(0.3)
        self.frozen = nn.Parameter(torch.ones(3), requires_grad=False)

    def forward(self, feat_BTD: Tensor, mask_BT: Tensor) -> BranchOutput:
        cas_BTC = self.layer(self.dropout(feat_BTD)) * self.frozen
        return BranchOutput(cas_BTC, cas_BTC.softmax(-1), feat_BTD, mask_BT)


def build() -> Tiny:
    with seeded(0):
        return Tiny()


def samples() -> list[Sample]:
    generator = torch.Generator().manual_seed(2)
    found = []
    for n in range(5):
        label_C = nn.functional.one_hot(torch.tensor(n % 3), 3).float()
        target_TC = (torch.rand(7 + n, 3, generator=generator) < 0.5) & (label_C > 0)
        feat_TD = torch.randn(7 + n, 5, generator=generator)
        found.append(Sample(f"v{n}", feat_TD, label_C, target_TC.to(torch.int8)))
    return found


def run(params: StepParams = PARAMS, **more: Any) -> tuple[Tiny, list[Row]]:
    model = build()
    return model, train(model, OBJECTIVE, samples(), params, seed=9, **more)


def copied(epoch: int, tensors: Mapping[str, Tensor], meta: Mapping[str, Any]) -> State:
    return (
        epoch,
        {k: v.clone() for k, v in tensors.items()},
        json.loads(json.dumps(meta, sort_keys=True)),
    )


def test_the_loss_falls_and_the_curve_tells_it() -> None:
    model, rows = run(dataclasses.replace(PARAMS, epochs=60, lr=0.1))
    assert [row["epoch"] for row in rows] == list(range(1, 61))
    assert set(rows[0]) == {"epoch", "lr", "total", "cls", "kd", "fb"}
    # Crops and dropout move single epochs.
    first, last = (sum(row["total"] for row in part) for part in (rows[:10], rows[-10:]))
    assert last < 0.95 * first
    assert not model.training


def test_the_curve_is_the_mean_over_steps() -> None:
    values = iter(range(1, 13))

    def objective(
        output: BranchOutput, batch: Batch, generator: torch.Generator
    ) -> tuple[Tensor, Mapping[str, Tensor]]:
        return output.cas_BTC.sum() * 0 + next(values), {}

    rows = train(build(), objective, samples(), PARAMS, seed=1)
    # Five videos in batches of two: three steps an epoch.
    assert [row["total"] for row in rows] == [2, 5, 8, 11]


def test_same_seed_same_weights_whatever_the_global_generator() -> None:
    torch.manual_seed(1)
    first, rows = run()
    torch.manual_seed(2)
    before = torch.get_rng_state()
    second, again = run()
    assert torch.equal(torch.get_rng_state(), before)
    assert rows == again
    assert torch.equal(first.layer.weight, second.layer.weight)
    third = build()
    train(third, OBJECTIVE, samples(), PARAMS, seed=10)
    assert not torch.equal(first.layer.weight, third.layer.weight)


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
@pytest.mark.parametrize("optimiser", ["adam", "adamw"])
@pytest.mark.parametrize("stop", [1, 3, 4])
def test_a_resumed_run_ends_in_the_same_bytes(schedule: str, optimiser: str, stop: int) -> None:
    params = dataclasses.replace(PARAMS, lr_schedule=schedule, optimiser=optimiser)  # type: ignore[arg-type]
    kept: list[State] = []
    whole, rows = run(params, on_epoch=lambda *state: kept.append(copied(*state)))
    assert [epoch for epoch, _, _ in kept] == [1, 2, 3, 4]
    _, tensors, meta = kept[stop - 1]
    rest, again = run(params, resume=(tensors, meta))
    assert again == rows
    assert [list(row) for row in again] == [list(row) for row in rows]
    assert torch.equal(whole.layer.weight, rest.layer.weight)
    assert torch.equal(whole.layer.bias, rest.layer.bias)


def test_the_state_holds_what_learns_and_no_more() -> None:
    kept: list[State] = []
    run(on_epoch=lambda *state: kept.append(copied(*state)))
    names = set(kept[0][1])
    assert {n for n in names if not n.startswith("optimiser/")} == {"layer.weight", "layer.bias"}
    assert "optimiser/exp_avg/layer.weight" in names
    assert not any("frozen" in n for n in names)


def test_frozen_parameters_stay() -> None:
    model, _ = run()
    assert torch.equal(model.frozen, torch.ones(3))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_stops_before_the_weights(value: float) -> None:
    model = build()
    bad = samples()
    bad[3] = dataclasses.replace(bad[3], feat_TD=torch.full((10, 5), value))
    kept: list[int] = []
    with pytest.raises(WtalError, match=r"epoch 1.*not finite.*v3.*lower lr"):
        train(model, OBJECTIVE, bad, PARAMS, seed=1, on_epoch=lambda epoch, *_: kept.append(epoch))
    assert not kept
    assert torch.isfinite(model.layer.weight).all()


def test_no_videos() -> None:
    with pytest.raises(WtalError, match="b_step: there is no training video"):
        train(build(), OBJECTIVE, [], PARAMS, seed=1, title="b_step")


def test_follow_sees_every_step() -> None:
    seen: list[tuple[str, int, int]] = []

    def follow(steps: Iterable[None], title: str, total: int) -> Iterable[None]:
        yield from steps
        seen.append((title, total, len(list(steps))))

    run(follow=follow, title="warm_up")
    assert seen == [("warm_up", 12, 0)]


def test_gradient_clipping_bounds_the_step() -> None:
    """A norm of 1e-4 leaves Adam's step alone but scales the moments that it keeps."""
    kept: list[State] = []
    params = dataclasses.replace(PARAMS, grad_clip=1e-4, weight_decay=0.0, epochs=1)
    run(params, on_epoch=lambda *state: kept.append(copied(*state)))
    assert 0 < float(kept[0][1]["optimiser/exp_avg/layer.weight"].norm()) <= 1e-4


def test_cosine_by_hand() -> None:
    params = StepParams(lr=0.2, lr_schedule="cosine")
    assert scheduled_lr(params, 0, 8) == pytest.approx(0.2)
    assert scheduled_lr(params, 2, 8) == pytest.approx(0.1 * (1 + math.sqrt(0.5)))
    assert scheduled_lr(params, 4, 8) == pytest.approx(0.1)
    assert scheduled_lr(StepParams(lr=0.2), 4, 8) == 0.2


def test_warm_up_is_a_step_with_the_video_loss_alone() -> None:
    step = WarmUpParams(lr=0.5).step()
    assert (step.lr, step.epochs, step.cls_weight, step.reinit) == (0.5, 10, 1.0, False)


def test_weights_of_another_model_are_refused() -> None:
    tensors = trainable_state(build())
    with pytest.raises(WtalError, match=r"1 names or shapes differ, such as 'layer.bias'"):
        load_trainable(build(), {"layer.weight": tensors["layer.weight"]})
    with pytest.raises(WtalError, match=r"layer.weight"):
        load_trainable(build(), {**tensors, "layer.weight": torch.zeros(3, 6)})


def test_an_unused_optimiser_has_no_state() -> None:
    model = build()
    assert optimiser_state(model, torch.optim.Adam(model.parameters())) == {}


def test_seeds_of_parts_differ() -> None:
    assert len({mix(seed, part) for seed in range(20) for part in range(60)}) == 1200


def test_fingerprint_sees_weights_videos_and_labels() -> None:
    one = samples()
    renamed = [dataclasses.replace(one[0], name="x"), *one[1:]]
    warmer = [dataclasses.replace(one[0], feat_TD=one[0].feat_TD + 1), *one[1:]]
    unlabelled = [dataclasses.replace(s, target_TC=None) for s in one]
    other = build()
    nn.init.zeros_(other.layer.bias)
    found = [fingerprint(build(), s) for s in (one, renamed, warmer, unlabelled)]
    assert len({*found, fingerprint(other, one)}) == 5
    assert fingerprint(build(), samples()) == found[0]


def test_gathers_add_up_in_the_same_order_whatever_the_threads_do() -> None:
    """Many snippets share a row of a table, as in VLP's positions and prompts."""
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        found = set()
        for _ in range(8):
            with seeded(3):
                table = torch.randn(70, 64, requires_grad=True)
                row = torch.randint(70, (16, 80))
                (table[row] * torch.randn(16, 80, 64)).sum().backward()
            assert table.grad is not None
            found.add(table.grad.numpy().tobytes())
    finally:
        torch.set_num_threads(threads)
    assert len(found) == 1
