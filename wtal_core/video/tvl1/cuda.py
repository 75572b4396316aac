"""TV-L1 on a GPU: batches of pairs that fit into its memory, and a film's flow through them."""

import logging
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache

import numpy as np
import torch

from wtal_core.build_folder import build_folder
from wtal_core.errors import WtalError
from wtal_core.schema.video import FlowParams
from wtal_core.video.tvl1.batch_levels import bytes_per_pair
from wtal_core.video.tvl1.batch_solver import BatchKernels, BatchSolver

log = logging.getLogger(__name__)
DEVICE = "cuda"
# Of device memory for a batch: some 180 pairs at 340 x 256, so that a kernel's work outlasts the
# time that it takes to start one. Less where less is free: processes share the device.
MEMORY = 2 * 2**30
SHARE = 8  # of what is free, a batch takes one part in so many
MOST_PAIRS = 512  # of the smallest pictures; more would not make them faster
Pair = tuple[np.ndarray, np.ndarray]


def solve(prev: np.ndarray, next_: np.ndarray, params: FlowParams) -> np.ndarray:
    """Two (N, H, W) uint8 -> (N, H, W, 2) float32 pixels, as engine.solve of each pair.

    A pair's bytes do not depend on the others. Raises WtalError where the memory is full.
    """
    return np.asarray(_solve(prev, next_, params).cpu().numpy())


def iter_fields(pairs: Iterable[Pair], params: FlowParams) -> Iterator[np.ndarray]:
    """flow.quantise of each pair's flow, (H, W, 2) uint8, in order.

    While the device works on a batch, the next one is read; so up to three are in memory. All
    pictures have one size, at least 16 pixels a side; ValueError for others.
    """
    with ThreadPoolExecutor(1) as worker:
        ahead: Future[np.ndarray] | None = None
        for batch in _batches(pairs):
            following = worker.submit(_fields, batch, params)
            if ahead is not None:
                yield from ahead.result()
            ahead = following
        if ahead is not None:
            yield from ahead.result()


def pairs_at_once(height: int, width: int) -> int:
    """Pairs of (H, W) pictures in a batch, by the memory that they need and that is free."""
    return int(np.clip(_memory() // bytes_per_pair(height, width), 1, MOST_PAIRS))


@cache
def load_kernels() -> BatchKernels:
    """Triton's, compiled as each is used first, and kept for other processes."""
    os.environ.setdefault("TRITON_CACHE_DIR", str(build_folder() / "triton"))
    from wtal_core.video.tvl1 import triton_kernels

    log.info("TV-L1 runs in Triton on %s", torch.cuda.get_device_name())
    return triton_kernels


def _batches(pairs: Iterable[Pair]) -> Iterator[list[Pair]]:
    batch: list[Pair] = []
    most = 0
    for pair in pairs:
        most = most or pairs_at_once(*pair[0].shape)
        batch.append(pair)
        if len(batch) == most:
            yield batch
            batch = []
    if batch:
        yield batch


def _fields(batch: list[Pair], params: FlowParams) -> np.ndarray:
    prev, next_ = (np.stack(pictures) for pictures in zip(*batch, strict=True))
    return np.asarray(quantise(_solve(prev, next_, params), params.bound).cpu().numpy())


def quantise(flow: torch.Tensor, bound: float) -> torch.Tensor:
    """What flow.quantise does, on the device, so that a quarter of the bytes leave it."""
    if not bool(torch.isfinite(flow).all()):
        raise ValueError("flow holds values that are not finite")
    scaled = (flow.clamp(-bound, bound).double() + bound) * (255 / (2 * bound))
    return torch.floor(scaled + 0.5).to(torch.uint8)


def _solve(prev: np.ndarray, next_: np.ndarray, params: FlowParams) -> torch.Tensor:
    try:
        return BatchSolver(params, load_kernels()).solve(upload(prev), upload(next_))
    except torch.cuda.OutOfMemoryError:
        raise WtalError(
            f"flow.backend cuda: the GPU's memory does not hold {len(prev)} pairs of "
            f"{prev.shape[2]}x{prev.shape[1]} pixels; end what else uses it (see nvidia-smi), or "
            "set flow.backend to numba"
        ) from None


def upload(pictures: np.ndarray) -> torch.Tensor:
    """To the device."""
    return torch.from_numpy(pictures).to(DEVICE)


def _memory() -> int:
    """Bytes that a batch may take."""
    if DEVICE != "cuda":
        return MEMORY
    # What this process keeps for its next batch counts as free.
    kept = torch.cuda.memory_reserved() - torch.cuda.memory_allocated()
    return min(MEMORY, (torch.cuda.mem_get_info()[0] + kept) // SHARE)
