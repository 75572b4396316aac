"""What of a training run is kept: the tensors that learn, and the optimiser's memory of them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

OPTIMISER = "optimiser/"


def learning(model: nn.Module) -> list[nn.Parameter]:
    """The parameters that learn."""
    return [p for p in model.parameters() if p.requires_grad]


def trainable_state(model: nn.Module) -> dict[str, Tensor]:
    """Name -> tensor of the parameters that learn; frozen ones belong to whoever made them."""
    return {n: p.detach() for n, p in model.named_parameters() if p.requires_grad}


def load_trainable(model: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Put back what `trainable_state` took; names and shapes must be exactly the model's."""
    there = {n: p for n, p in model.named_parameters() if p.requires_grad}
    wrong = sorted(set(there) ^ set(tensors))
    wrong += sorted(n for n in set(there) & set(tensors) if there[n].shape != tensors[n].shape)
    if wrong:
        raise ValueError(
            f"weights of another model: {len(wrong)} names or shapes differ, such as {wrong[0]!r}"
        )
    with torch.no_grad():
        for name, parameter in there.items():
            parameter.copy_(tensors[name])


def optimiser_state(model: nn.Module, optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The optimiser's tensors, named `optimiser/<key>/<parameter>`."""
    return {
        f"{OPTIMISER}{key}/{name}": value.detach()
        for name, parameter in model.named_parameters()
        for key, value in optimiser.state.get(parameter, {}).items()
    }


def load_optimiser(
    model: nn.Module, optimiser: torch.optim.Optimizer, tensors: Mapping[str, Tensor]
) -> None:
    """Put back what `optimiser_state` took."""
    parameters = dict(model.named_parameters())
    for full, value in tensors.items():
        if full.startswith(OPTIMISER):
            key, name = full.removeprefix(OPTIMISER).split("/", 1)
            place = parameters[name]
            # Adam counts its steps on the CPU and keeps its moments beside the parameter.
            kept = value.clone() if value.ndim == 0 else value.clone().to(place.device)
            optimiser.state[place][key] = kept


@contextmanager
def seeded(seed: int, part: int = 0) -> Iterator[None]:
    """Torch's global generator (initialisation, dropout) seeded for a block, then put back.

    `part` gives independent streams of one seed.
    """
    with torch.random.fork_rng():
        torch.manual_seed(mix(seed, part))
        yield


def mix(seed: int, part: int) -> int:
    """Another seed for each pair of small non-negative numbers."""
    return (seed * 1_000_003 + part * 7_919 + 17) % 2**63
