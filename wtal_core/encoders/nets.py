"""A network ready for use: from pictures to features, by the backend that was chosen.

The same bytes come out whatever the size of a caller's batch: on a processor the network always
sees inputs of one shape, which follows from the pictures' size alone (kernels may add in another
order for another shape), and each operation works in one thread, since work is spread over videos.
Shapes: N clips or images, B of them at once, D columns.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache

import torch
from torch import nn

from wtal_core.encoders.backends import Backend, Machine, has_openvino, processor_has_bf16, require
from wtal_core.encoders.openvino_net import OpenvinoNet

Forward = Callable[[torch.Tensor], torch.Tensor]
REFERENCE = Backend("torch", "fp32")
_DTYPE = {"fp32": torch.float32, "bf16": torch.bfloat16}


@cache
def find_machine() -> Machine:
    """This machine."""
    if torch.cuda.is_available():
        bf16 = torch.cuda.get_device_capability() >= (8, 0)  # earlier ones emulate it
        return Machine(bf16=bf16, openvino=has_openvino(), cuda=True)
    return Machine(bf16=processor_has_bf16(), openvino=has_openvino())


class Net:
    """Features (N, D) float32 of any number of inputs, computed `rows` at a time.

    A last batch that is not full is filled up with zeros, whose features are thrown away.
    """

    def __init__(self, forward: Forward, rows: int, device: str, dim: int) -> None:
        self.forward, self.rows, self.device, self.dim = forward, rows, device, dim

    @torch.inference_mode()
    def __call__(self, x_N: torch.Tensor) -> torch.Tensor:
        """Features on the processor of inputs on the processor, one shape of input for all N."""
        return torch.cat([self._batch(x_B) for x_B in x_N.split(self.rows)])

    def whole(self, batch: int) -> int:
        """The least number >= `batch` that is encoded without filling up."""
        return -(-batch // self.rows) * self.rows

    def _batch(self, x_B: torch.Tensor) -> torch.Tensor:
        here = len(x_B)
        if here < self.rows:
            x_B = torch.cat([x_B, x_B.new_zeros(self.rows - here, *x_B.shape[1:])])
        return self.forward(x_B.to(self.device))[:here].cpu()


def find_device(backend: Backend) -> str:
    """Where the backend computes. Raises WtalError where the machine lacks what it needs."""
    machine = find_machine()
    require(backend, machine)
    return "cuda" if machine.cuda and backend.backend != "openvino" else "cpu"


def torch_dtype(backend: Backend) -> torch.dtype:
    """Of the network in torch; OpenVINO rounds by itself."""
    return torch.float32 if backend.backend == "openvino" else _DTYPE[backend.precision]


def run_by(backend: Backend, network: nn.Module, example: torch.Tensor, streams: int) -> Forward:
    """The network by the backend for inputs of the example's shape, compiled where it has to be."""
    device = find_device(backend)
    if backend.backend == "torch":
        return network.to(device)
    with quiet():
        if backend.backend == "openvino":
            return OpenvinoNet(network, example, backend.precision, streams)
        compiled: Forward = torch.compile(network.to(device), dynamic=False)
        with torch.inference_mode():
            compiled(example.to(device))
        return compiled


@contextmanager
def quiet() -> Iterator[None]:
    """torch.compile and OpenVINO call parts of torch that are on their way out: not our caller's
    business.
    """
    with warnings.catch_warnings():
        for kind in (DeprecationWarning, FutureWarning):
            warnings.simplefilter("ignore", kind)
        yield
