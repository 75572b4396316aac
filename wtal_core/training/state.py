"""What makes a training run go on as if it had never stopped: optimiser, seeds, fingerprint."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from wtal_core.training.batches import Sample
from wtal_core.training.weights import trainable_state

OPTIMISER = "optimiser/"


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

    `part` gives independent streams of one seed. On the CPU operations are deterministic, too:
    with several threads the backward of a gather would else add up in no fixed order.
    """
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(before or not torch.cuda.is_available())
    try:
        with torch.random.fork_rng():
            torch.manual_seed(mix(seed, part))
            yield
    finally:
        torch.use_deterministic_algorithms(before)


def mix(seed: int, part: int) -> int:
    """Another seed for each pair of small non-negative numbers."""
    return (seed * 1_000_003 + part * 7_919 + 17) % 2**63


def fingerprint(model: nn.Module, samples: Sequence[Sample]) -> str:
    """Hash of all that a run starts from but its parameters: first weights, videos, labels."""
    digest = hashlib.sha256()
    tensors: list[Tensor | None] = list(trainable_state(model).values())
    for sample in samples:
        digest.update(sample.name.encode())
        tensors += [sample.feat_TD, sample.label_C, sample.target_TC, sample.weight_TC]
    for tensor in tensors:
        plain = None if tensor is None else tensor.detach().cpu().contiguous()
        digest.update(b"none" if plain is None else f"{plain.dtype}{tuple(plain.shape)}".encode())
        digest.update(b"" if plain is None else plain.view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
