"""Branches from and to the tensors of a checkpoint: what learns is kept, what is frozen is not."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from wtal_core.errors import WtalError


def learning(model: nn.Module) -> list[nn.Parameter]:
    """The parameters that learn."""
    return [p for p in model.parameters() if p.requires_grad]


def trainable_state(model: nn.Module) -> dict[str, Tensor]:
    """Name -> tensor of the parameters that learn; frozen ones belong to whoever made them."""
    return {n: p.detach() for n, p in model.named_parameters() if p.requires_grad}


def load_trainable(model: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Put back what `trainable_state` took; raises WtalError unless names and shapes are equal."""
    there = trainable_state(model)
    wrong = sorted(set(there) ^ set(tensors))
    wrong += sorted(n for n in set(there) & set(tensors) if there[n].shape != tensors[n].shape)
    if wrong:
        raise WtalError(
            f"the weights are of another model: {len(wrong)} names or shapes differ, such as "
            f"{wrong[0]!r}; use the parameters they were trained with, or train again"
        )
    with torch.no_grad():
        for name, kept in there.items():
            kept.copy_(tensors[name])
