"""The GPU path of TV-L1 where there is no GPU: torch's kernels, and Triton's in its interpreter."""

import importlib.util
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch

from tests.video import tvl1_torch
from wtal_core.schema.video import FlowParams
from wtal_core.video.tvl1.batch_solver import BatchSolver

HAS_TRITON = importlib.util.find_spec("triton") is not None
GPU = torch.cuda.is_available() and os.environ.get("TRITON_INTERPRET") != "1"
if HAS_TRITON and not GPU:
    os.environ["TRITON_INTERPRET"] = "1"  # read when Triton is imported: a process does either
NEEDS_TRITON = pytest.mark.skipif(not HAS_TRITON, reason="no Triton: pip install triton")
NEEDS_GPU = pytest.mark.skipif(not GPU, reason="no CUDA device")
NEEDS_INTERPRETER = pytest.mark.skipif(GPU, reason="kernels run on the GPU instead")


@contextmanager
def one_thread() -> Iterator[None]:
    """In torch: these tensors are small, and threads that wait for each other take the cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def solve(kernels: Any, pairs: Any, params: FlowParams, device: str = "cpu") -> np.ndarray:
    """Flow (N, H, W, 2) of pairs of (H, W) pictures in one batch."""
    prev, next_ = (torch.from_numpy(np.stack(side)).to(device) for side in zip(*pairs, strict=True))
    with one_thread():
        found = BatchSolver(params, kernels).solve(prev, next_)
    return np.asarray(found.cpu().numpy())


def reference(pairs: Any, params: FlowParams) -> np.ndarray:
    """As `solve`, in plain torch on the CPU."""
    return solve(tvl1_torch, pairs, params)
