"""The exponential moving average of a model's weights."""

import copy
from typing import TypeVar

import torch
from torch import nn

from wtal_core.training.weights import trainable_state

M = TypeVar("M", bound=nn.Module)


def copy_model(model: M) -> M:
    """A model of its own with the same weights, none of which learns by gradients."""
    twin = copy.deepcopy(model)
    twin.eval()
    return twin


@torch.no_grad()
def follow_weights(average: nn.Module, model: nn.Module, decay: float) -> None:
    """One step of the running mean: average = decay * average + (1 - decay) * model."""
    there = trainable_state(model)
    for name, kept in trainable_state(average).items():
        kept.lerp_(there[name], 1 - decay)
