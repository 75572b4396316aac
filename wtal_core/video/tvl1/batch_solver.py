"""TV-L1 of many pairs of pictures at once on one device: solver.py's steps in the same order.

Every pair stops by itself: a round, a warp goes on for those whose flow still changes and leaves
the others alone, so that a pair's flow is the same in any batch. What is to be stopped is decided
on the device; the host looks now and then whether anyone still runs.
"""

from typing import Protocol

import numpy as np
import torch

from wtal_core.schema.video import FlowParams
from wtal_core.video.tvl1.batch_levels import (
    DONE,
    LEFT,
    RUNNING,
    U_SIDE,
    BatchLevel,
    make_level,
)
from wtal_core.video.tvl1.levels import sizes

# The host waits for the device after so many iterations: more of them would often find nobody
# running, fewer would leave the device without work while the host asks.
_LOOK_EVERY = 5


class BatchKernels(Protocol):
    """The arithmetic that takes the time; numba_kernels.py has the equations."""

    def warp(self, level: BatchLevel) -> None:
        """`linear` of every pair around its flow."""

    def median(self, level: BatchLevel, side: int) -> None:
        """Median of side x side pixels of u, to the other side; of running pairs."""

    def sweep(self, level: BatchLevel, taut: float, theta: float, reach: float) -> None:
        """An iteration of u and p, to the other side, and `change`; of running pairs."""

    def settle(self, level: BatchLevel, most: int, limit: torch.Tensor) -> None:
        """After a sweep: swap sides, sum `change` and say who runs on; of running pairs."""


class BatchSolver:
    """From pictures to flow, with kernels that fit the device of the pictures."""

    def __init__(self, params: FlowParams, kernels: BatchKernels) -> None:
        self.params, self.kernels = params, kernels

    def solve(self, prev: torch.Tensor, next_: torch.Tensor) -> torch.Tensor:
        """Two (N, H, W) uint8 -> (N, H, W, 2) float32 pixels, x then y, on the same device."""
        params = self.params
        step = 1 / params.scale_step
        shapes = sizes(prev.shape[1], prev.shape[2], params.scales, params.scale_step)
        pyramid = [(prev.float(), next_.float())]
        for height, width in shapes[1:]:
            first, second = (resize(at, height, width, step, step) for at in pyramid[-1])
            pyramid.append((first, second))
        flow = torch.zeros((len(prev), 2, *shapes[-1]), device=prev.device)
        while pyramid:
            first, second = pyramid.pop()
            if flow.shape[2:] != first.shape[1:]:
                height, width = first.shape[1:]
                steps = flow.shape[2] / height, flow.shape[3] / width
                flow = resize(flow, height, width, *steps, gain=step)
            flow = self._solve_level(make_level(first, second, flow))
        return flow.permute(0, 2, 3, 1).contiguous() + 0.0  # no zero is negative

    def _solve_level(self, level: BatchLevel) -> torch.Tensor:
        params = self.params
        limit = torch.tensor(
            params.epsilon**2 * level.height * level.width,
            dtype=torch.float64, device=level.prev.device,
        )  # fmt: skip
        for _ in range(params.warps):
            self.kernels.warp(level)
            level.errors.fill_(torch.inf)
            for _ in range(params.outer_iterations):
                if not _begin_round(level, limit):
                    break
                if params.median_filter > 1:
                    self.kernels.median(level, params.median_filter)
                    level.state[U_SIDE] ^= level.state[RUNNING]
                self._iterate(level, limit)
        return level.flow()

    def _iterate(self, level: BatchLevel, limit: torch.Tensor) -> None:
        params = self.params
        taut = float(np.float32(params.time_step / params.tightness))
        theta = float(np.float32(params.tightness))
        reach = float(np.float32(params.attachment * params.tightness))
        for number in range(1, params.inner_iterations + 1):
            self.kernels.sweep(level, taut, theta, reach)
            self.kernels.settle(level, params.inner_iterations, limit)
            if number % _LOOK_EVERY == 0 and not bool(level.state[RUNNING].any()):
                break


def _begin_round(level: BatchLevel, limit: torch.Tensor) -> bool:
    """Those whose last change was above the limit run again; whether there is one."""
    running = level.errors[0] > limit
    level.errors.masked_fill_(running, torch.inf)
    level.state[RUNNING] = running
    level.state[DONE] = 0
    level.state[LEFT] = 1
    return bool(running.any())


def resize(
    source: torch.Tensor, height: int, width: int, step_y: float, step_x: float, gain: float = 1.0
) -> torch.Tensor:
    """numba_kernels.resize of the last two axes, to (.., height, width)."""
    top, bottom, share_y = _cells(height, step_y, source.shape[-2], source.device)
    left, right, share_x = _cells(width, step_x, source.shape[-1], source.device)

    def across(rows: torch.Tensor) -> torch.Tensor:
        here = rows.index_select(-1, left)
        return here + share_x * (rows.index_select(-1, right) - here)

    # Columns first, as there; of each row of the source once.
    wide = across(source)
    upper = wide.index_select(-2, top)
    return gain * (upper + share_y[:, None] * (wide.index_select(-2, bottom) - upper))


def _cells(
    count: int, step: float, length: int, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """For each of `count` pixels: the source pixel at or before it, the next, the share of that."""
    at = np.clip((np.arange(count) + 0.5) * step - 0.5, 0, length - 1)
    first = at.astype(np.int64)
    share = (at - first).astype(np.float32)
    after = np.minimum(first + 1, length - 1)
    return (
        torch.from_numpy(first).to(device),
        torch.from_numpy(after).to(device),
        torch.from_numpy(share).to(device),
    )
