"""From two grey pictures to a flow field: pyramid, warps, stopping rule.

The equations are those of Zach, Pock and Bischof 2007 and of Wedel et al. 2009, the order of
the steps is that of OpenCV's DualTVL1OpticalFlow, whose results are the reference:

for each level, coarsest first: p = 0; `warps` times: linearise around u; up to `outer_iterations`
times: median filter of u, then up to `inner_iterations` iterations, until the mean squared change
of u in an iteration is at most epsilon^2. A finer level starts from the flow, resized, over
`scale_step`.
"""

from typing import Any

import numpy as np

from wtal_core.schema.video import FlowParams
from wtal_core.video.tvl1.levels import Level, make_levels

# Iterations that share a pass over the memory at most; of rounds of iterations on real clips one in
# 50 runs past its end by some.
BLOCK = 4


class Solver:
    """Reusable memory for pictures of one size. Not to be shared between threads."""

    def __init__(self, size: tuple[int, int], params: FlowParams, kernels: Any) -> None:
        """`size` is (H, W), `kernels` an engine.Kernels."""
        self.params, self.kernels = params, kernels
        self.levels = make_levels(*size, params.scales, params.scale_step, BLOCK)

    def solve(self, prev: np.ndarray, next_: np.ndarray) -> np.ndarray:
        """Two (H, W) uint8 pictures -> (H, W, 2) float32 pixels, x then y."""
        finest = self.levels[0]
        finest.prev[:, : finest.width] = prev
        finest.next_[:, : finest.width] = next_
        step = 1 / self.params.scale_step
        for finer, level in zip(self.levels, self.levels[1:], strict=False):
            self._resize(finer, level, "prev", step, step, 1.0)
            self._resize(finer, level, "next_", step, step, 1.0)
        coarsest = self.levels[-1]
        coarsest.u1.fill(0)
        coarsest.u2.fill(0)
        for number in reversed(range(len(self.levels))):
            level = self.levels[number]
            self._solve_level(level)
            if number:
                finer = self.levels[number - 1]
                steps = level.height / finer.height, level.width / finer.width
                for name in ("u1", "u2"):
                    self._resize(level, finer, name, *steps, step)
                    field = getattr(finer, name)
                    field[:, finer.width] = field[:, finer.width - 1]
        flow = np.stack([finest.u1[:, : finest.width], finest.u2[:, : finest.width]], axis=-1)
        flow += np.float32(0)  # no zero is negative
        return flow

    def _resize(
        self, source: Level, target: Level, name: str, step_y: float, step_x: float, gain: float
    ) -> None:
        self.kernels.resize(
            getattr(source, name), source.height, source.width,
            getattr(target, name), target.height, target.width,
            step_y, step_x, np.float32(gain),
        )  # fmt: skip

    def _solve_level(self, level: Level) -> None:
        """From a first guess in u1, u2 to the flow there."""
        at, params, kernels = level, self.params, self.kernels
        width = level.width
        limit = params.epsilon**2 * level.height * width
        taut = np.float32(params.time_step / params.tightness)
        theta = np.float32(params.tightness)
        reach = np.float32(params.attachment * params.tightness)
        kernels.build_texture(at.next_, width, at.texture)
        at.p.fill(0)
        for _ in range(params.warps):
            kernels.warp(
                at.texture, at.prev, width, at.u1, at.u2, at.gx, at.gy, at.ginv, at.rho,
                at.cell, at.scratch,
            )  # fmt: skip
            for _ in range(params.outer_iterations):
                if params.median_filter > 1:
                    for field in (at.u1, at.u2):
                        self._filter(field, level)
                _, error = kernels.iterate(
                    at.u1, at.u2, width, at.p, at.gx, at.gy, at.ginv, at.rho, at.change,
                    params.inner_iterations, limit, taut, theta, reach,
                )  # fmt: skip
                if error <= limit:
                    break

    def _filter(self, field: np.ndarray, level: Level) -> None:
        self.kernels.median(
            field, level.width, self.params.median_filter, level.scratch, level.filtered
        )
        field[:, : level.width] = level.filtered[:, : level.width]
        field[:, level.width] = field[:, level.width - 1]
