"""The running mean of weights."""

import torch
from torch import nn

from wtal_core.fustal.ema import copy_model, follow_weights


def linear(weight: float) -> nn.Linear:
    model = nn.Linear(1, 1, bias=False)
    nn.init.constant_(model.weight, weight)
    return model


def test_two_steps_by_hand() -> None:
    """.75 * 2 + .25 * 6 = 3, then .75 * 3 + .25 * 11 = 5."""
    model = linear(2.0)
    average = copy_model(model)
    nn.init.constant_(model.weight, 6.0)
    follow_weights(average, model, 0.75)
    assert average.weight.item() == 3.0
    nn.init.constant_(model.weight, 11.0)
    follow_weights(average, model, 0.75)
    assert average.weight.item() == 5.0
    assert model.weight.item() == 11.0


def test_a_copy_is_apart_and_does_not_learn_by_itself() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.Dropout(0.5))
    model.train()
    average = copy_model(model)
    assert not average.training
    assert model.training
    follow_weights(average, model, 0.9)
    assert all(
        torch.equal(a, b) for a, b in zip(average.parameters(), model.parameters(), strict=True)
    )
    assert not {p.data_ptr() for p in average.parameters()} & {
        p.data_ptr() for p in model.parameters()
    }


def test_no_decay_is_the_model_itself() -> None:
    model, average = linear(4.0), linear(1.0)
    follow_weights(average, model, 0.0)
    assert average.weight.item() == 4.0
