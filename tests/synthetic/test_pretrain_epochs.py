"""Pre-training that stops and goes on: the same weights and curves, whatever the moment."""

import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.synthetic.test_pretrain import CLIP, I3D, coloured_pairs, moving_clips
from wtal_core.synthetic.pretrain_clip import pretrain_clip
from wtal_core.synthetic.pretrain_epochs import Curves, Learner, Watch, run_epochs
from wtal_core.synthetic.pretrain_i3d import pretrain_i3d

EPOCHS, STEPS, ITEMS = 4, 3, 5
State = tuple[dict[str, Tensor], dict[str, Any]]


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


class Stopped(Exception):
    """A kill."""


class Keeper:
    """Keeps each epoch's state as a disk would: a copy, and JSON with sorted keys."""

    def __init__(self) -> None:
        self.states: dict[int, State] = {}

    def __call__(self, epoch: int, tensors: Mapping[str, Tensor], meta: Mapping[str, Any]) -> None:
        copies = {name: tensor.clone() for name, tensor in tensors.items()}
        self.states[epoch] = copies, json.loads(json.dumps(meta, sort_keys=True, allow_nan=False))


def stop_after(number: int, steps: Iterable[None], title: str, total: int) -> Iterator[None]:
    """Follows `number` steps."""
    for done, step in enumerate(steps):
        if done == number:
            raise Stopped
        yield step


def make_learner() -> Learner:
    """A layer with dropout and BatchNorm, hence with everything that a state must hold."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        model = nn.Sequential(nn.Linear(7, 4), nn.BatchNorm1d(4), nn.Dropout(0.4), nn.Linear(4, 2))
    optimiser = torch.optim.AdamW(model.parameters(), 0.05, weight_decay=0.1)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 0.05, total_steps=EPOCHS * STEPS)
    return Learner(model, optimiser, schedule, torch.Generator().manual_seed(8))


def learn(watch: Watch) -> tuple[dict[str, Tensor], Curves]:
    """The weights and the curves of EPOCHS epochs."""
    learner = make_learner()

    def run_epoch() -> Iterator[dict[str, float]]:
        for _ in range(STEPS):
            loss = learner.model(torch.randn(6, 7, generator=learner.generator)).square().mean()
            learner.optimiser.zero_grad()
            loss.backward()
            learner.optimiser.step()
            learner.schedule.step()
            yield {"loss": float(loss.detach()), "one": 1}

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        curves = run_epochs(learner, run_epoch, EPOCHS, STEPS, ITEMS, watch)
    return learner.model.state_dict(), curves


def same(a: Mapping[str, Tensor], b: Mapping[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.fixture(scope="module")
def undisturbed() -> tuple[dict[str, Tensor], Curves, dict[int, State]]:
    """Weights, curves and the state after each epoch of a run from end to end."""
    keeper = Keeper()
    return *learn(Watch(on_epoch=keeper)), keeper.states


def test_watching_changes_nothing(undisturbed: Any) -> None:
    weights, curves, states = undisturbed
    plain, plain_curves = learn(Watch())
    assert same(weights, plain)
    assert curves == plain_curves
    assert sorted(states) == [1, 2, 3, 4]


def test_curves_are_sums_over_the_items_of_an_epoch(undisturbed: Any) -> None:
    _, curves, _ = undisturbed
    assert curves["one"] == [STEPS / ITEMS] * EPOCHS
    assert len(set(curves["loss"])) == EPOCHS


@pytest.mark.parametrize("done", [1, 2, 4])
def test_it_goes_on_after_any_epoch(
    undisturbed: Any, done: int, caplog: pytest.LogCaptureFixture
) -> None:
    weights, curves, states = undisturbed
    totals: list[int] = []

    def follow(steps: Iterable[None], _: str, total: int) -> Iterable[None]:
        totals.append(total)
        return steps

    keeper = Keeper()
    with caplog.at_level(logging.INFO):
        again, again_curves = learn(Watch("tiny", keeper, states[done], follow))
    assert same(again, weights)
    assert again_curves == curves
    assert totals == [(EPOCHS - done) * STEPS]
    assert sorted(keeper.states) == list(range(done + 1, EPOCHS + 1))
    assert f"tiny: goes on after epoch {done}" in caplog.messages


@pytest.mark.parametrize("steps", [STEPS, STEPS + 1, 3 * STEPS - 1])
def test_a_stop_within_an_epoch_costs_that_epoch(undisturbed: Any, steps: int) -> None:
    weights, curves, _ = undisturbed
    keeper = Keeper()
    with pytest.raises(Stopped):
        learn(Watch(on_epoch=keeper, follow=partial(stop_after, steps)))
    done = max(keeper.states)
    assert done == steps // STEPS
    again, again_curves = learn(Watch(resume=keeper.states[done]))
    assert same(again, weights)
    assert again_curves == curves


@pytest.mark.parametrize(
    "part", ["model/0.", "model/1.running", "optimiser/", "random/own", "random/global"]
)
def test_no_part_of_the_state_is_idle(undisturbed: Any, part: str) -> None:
    """With one part as it stood an epoch earlier, the run ends elsewhere."""
    weights, _, states = undisturbed
    (older, _), (tensors, meta) = states[1], states[2]
    assert any(name.startswith(part) for name in tensors)
    mixed = {name: (older if name.startswith(part) else tensors)[name] for name in tensors}
    again, _ = learn(Watch(resume=(mixed, meta)))
    assert not same(again, weights)


def test_the_schedule_is_part_of_the_state(undisturbed: Any) -> None:
    weights, _, states = undisturbed
    (_, older), (tensors, meta) = states[1], states[2]
    again, _ = learn(Watch(resume=(tensors, {**meta, "schedule": older["schedule"]})))
    assert not same(again, weights)
    # The rate of the next step; the schedule alone would set it a step late.
    again, _ = learn(Watch(resume=(tensors, {**meta, "groups": older["groups"]})))
    assert not same(again, weights)


def test_a_kept_state_is_used_and_left_alone(undisturbed: Any) -> None:
    """Going on from it twice gives the same: the optimiser steps on copies."""
    _, _, states = undisturbed
    before = {name: tensor.clone() for name, tensor in states[2][0].items()}
    learn(Watch(resume=states[2]))
    assert same(states[2][0], before)


@pytest.mark.parametrize("network", ["i3d", "clip"])
def test_an_encoder_goes_on(network: str) -> None:
    """With dropout, displacement and brightness, which draw from both generators."""
    run: Any
    if network == "i3d":
        clips, labels = moving_clips(3)
        run = partial(pretrain_i3d, clips, labels, replace(I3D, epochs=3, dropout=0.3), 3)
    else:
        images, captions = coloured_pairs()
        run = partial(pretrain_clip, images, captions, CLIP.config(), replace(CLIP, epochs=3), 2)
    weights, record = run()
    keeper = Keeper()
    torch.manual_seed(5)
    with pytest.raises(Stopped):
        run(Watch(on_epoch=keeper, follow=partial(stop_after, 5)))
    assert list(keeper.states) == [1]  # of 3 steps each
    torch.manual_seed(6)
    again, again_record = run(Watch(resume=keeper.states[1]))
    assert same(again, weights)
    assert again_record == record
    assert len(record["loss"]) == 3
