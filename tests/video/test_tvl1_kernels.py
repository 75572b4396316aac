"""Each step of our TV-L1 against the equations, on every path."""

import threading
import time
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import pytest

from tests.video import tvl1_reference as slow
from tests.video.tvl1_paths import PATHS, kernels_of
from wtal_core.video.tvl1.engine import Kernels
from wtal_core.video.tvl1.levels import LEFT, RIM, Level, make_levels, sizes

TAU, THETA, LAMBDA = 0.25, 0.3, 0.15
WEIGHTS = (np.float32(TAU / THETA), np.float32(THETA), np.float32(LAMBDA * THETA))


@pytest.fixture(params=PATHS, scope="module")
def kernels(request: pytest.FixtureRequest) -> Kernels:
    return kernels_of(request.param)


@dataclass
class Problem:
    """A level with random contents, and the same for the slow reference."""

    level: Level
    state: slow.State
    grad: np.ndarray
    rest: np.ndarray

    def arguments(self) -> tuple[Any, ...]:
        at = self.level
        return at.u1, at.u2, at.width, at.p, at.gx, at.gy, at.ginv, at.rho, at.change

    def flow(self) -> np.ndarray:
        return np.stack([self.level.u1, self.level.u2])[:, :, : self.level.width]

    def duals(self) -> np.ndarray:
        p = self.level.p[:, 1:, LEFT : LEFT + self.level.width]
        return p.reshape(2, 2, *p.shape[1:])


def make_problem(height: int, width: int, seed: int = 0) -> Problem:
    """Random gradients, some of them none, some rho out of reach."""
    rng = np.random.default_rng(seed)
    (level,) = make_levels(height, width, 1, 0.8, block=8)
    grad = rng.normal(size=(2, height, width)).astype(np.float32)
    grad[:, rng.random((height, width)) < 0.2] = 0
    rest = rng.normal(scale=0.1, size=(height, width)).astype(np.float32)
    u = rng.normal(size=(2, height, width)).astype(np.float32)
    for array, value in (
        (level.gx, grad[0]), (level.gy, grad[1]), (level.rho, rest), (level.u1, u[0]),
        (level.u2, u[1]),
    ):  # fmt: skip
        array[:, :width] = value
    square = (grad**2).sum(axis=0)
    level.ginv[:, :width] = np.divide(1, square, out=np.zeros_like(square), where=square > 0)
    for field in (level.u1, level.u2):
        field[:, width] = field[:, width - 1]
    state = slow.State(u.astype(float), np.zeros((2, 2, height, width)))
    return Problem(level, state, grad.astype(float), rest.astype(float))


@pytest.mark.parametrize(("height", "width"), [(1, 1), (2, 5), (7, 16), (9, 37)])
def test_iterations_are_those_of_the_equations(kernels: Kernels, height: int, width: int) -> None:
    problem = make_problem(height, width)
    for _ in range(4):
        count, error = kernels.iterate(*problem.arguments(), 1, 0.0, *WEIGHTS)
        expected = slow.iterate(problem.state, problem.grad, problem.rest, TAU, THETA, LAMBDA)
        assert count == 1
        np.testing.assert_allclose(error, expected, rtol=1e-4)
        np.testing.assert_allclose(problem.flow(), problem.state.u, atol=2e-5)
        np.testing.assert_allclose(problem.duals(), problem.state.p, atol=2e-5)


@pytest.mark.parametrize("count", [2, 3, 8])
def test_a_sweep_of_many_iterations_is_as_many_sweeps_of_one(kernels: Kernels, count: int) -> None:
    """To the byte, also where there are more iterations than rows."""
    for height, width in ((5, 19), (31, 64)):
        apart, together = make_problem(height, width), make_problem(height, width)
        changes = []
        for _ in range(count):
            kernels.sweep(*apart.arguments(), 1, *WEIGHTS)
            changes.append(apart.level.change[0, :width].copy())
        kernels.sweep(*together.arguments(), count, *WEIGHTS)
        assert together.flow().tobytes() == apart.flow().tobytes()
        assert together.duals().tobytes() == apart.duals().tobytes()
        np.testing.assert_array_equal(together.level.change[:count, :width], changes)


def test_iterations_stop_at_the_first_small_change(kernels: Kernels) -> None:
    """Found within blocks, but as if each iteration were looked at by itself."""
    lone = make_problem(23, 41)
    errors = [kernels.iterate(*lone.arguments(), 1, 0.0, *WEIGHTS)[1] for _ in range(90)]
    lowest = np.minimum.accumulate(errors)
    last = next(n for n in range(20, 90) if errors[n] < lowest[n - 1])
    problem = make_problem(23, 41)
    limit = (errors[last] + lowest[last - 1]) / 2
    count, error = kernels.iterate(*problem.arguments(), 90, limit, *WEIGHTS)
    assert (count, error) == (last + 1, errors[last])
    problem = make_problem(23, 41)
    assert kernels.iterate(*problem.arguments(), 17, 0.0, *WEIGHTS) == (17, errors[16])
    assert kernels.iterate(*problem.arguments(), 0, 0.0, *WEIGHTS)[0] == 0


def test_other_threads_run_meanwhile(kernels: Kernels) -> None:
    """Python's lock is given up within a call, or two threads would be no faster than one."""
    problem = make_problem(300, 400)
    call = threading.Thread(
        target=kernels.iterate, args=(*problem.arguments(), 2000, 0.0, *WEIGHTS)
    )
    call.start()
    ticks = 0
    while call.is_alive():
        time.sleep(0.001)
        ticks += 1
    assert ticks > 10


@pytest.mark.parametrize(("height", "width"), [(17, 23), (16, 48)])
def test_resize_is_bilinear_at_pixel_centres(kernels: Kernels, height: int, width: int) -> None:
    source = np.random.default_rng(1).normal(size=(height, width + 3)).astype(np.float32)
    for to_height, to_width in ((13, 18), (29, 31)):
        target = np.full((to_height, to_width + 5), 7, np.float32)
        step_y, step_x = height / to_height, width / to_width
        kernels.resize(
            source, height, width, target, to_height, to_width, step_y, step_x, np.float32(1.5)
        )
        rows = [(y + 0.5) * step_y - 0.5 for y in range(to_height)]
        columns = [(x + 0.5) * step_x - 0.5 for x in range(to_width)]
        expected = [[1.5 * slow.bilinear(source[:, :width], y, x) for x in columns] for y in rows]
        np.testing.assert_allclose(target[:, :to_width], expected, atol=1e-5)
        assert (target[:, to_width:] == 7).all()
        theirs = cv2.resize(source[:, :width], (to_width, to_height))
        np.testing.assert_allclose(target[:, :to_width], 1.5 * theirs, atol=1e-5)


@pytest.mark.parametrize("side", [3, 5])
@pytest.mark.parametrize(("height", "width"), [(1, 1), (2, 3), (6, 17), (11, 50)])
def test_median_of_every_window(kernels: Kernels, side: int, height: int, width: int) -> None:
    rng = np.random.default_rng(2)
    stride = width + LEFT
    for values in (
        rng.normal(size=(height, stride)),
        rng.integers(0, 4, (height, stride)),  # ties
    ):
        source = values.astype(np.float32)
        target, scratch = np.zeros_like(source), np.zeros((11, stride), np.float32)
        kernels.median(source, width, side, scratch, target)
        padded = np.pad(source[:, :width], side // 2, mode="edge")
        windows = np.lib.stride_tricks.sliding_window_view(padded, (side, side))
        np.testing.assert_array_equal(target[:, :width], np.median(windows, axis=(2, 3)))


def test_warp_linearises_around_the_displaced_point(kernels: Kernels) -> None:
    height, width = 11, 18
    (level,) = make_levels(height, width, 1, 0.8, block=8)
    rng = np.random.default_rng(3)
    first, second = rng.uniform(0, 255, (2, height, width)).astype(np.float32)
    u = rng.normal(scale=3, size=(2, height, width)).astype(np.float32)
    u[0, 0, :4] = (-1e30, 1e30, -40, 60)  # far outside
    u[:, 5, 7] = (-2.0, 1.0)  # a pixel's centre
    level.prev[:, :width], level.next_[:, :width] = first, second
    level.u1[:, :width], level.u2[:, :width] = u
    kernels.build_texture(level.next_, width, level.texture)
    kernels.warp(
        level.texture, level.prev, width, level.u1, level.u2, level.gx, level.gy, level.ginv,
        level.rho, level.cell, level.scratch,
    )  # fmt: skip
    dx, dy = slow.derivatives(second.astype(float))
    for y, x in np.ndindex(height, width):
        at = y + float(u[1, y, x]), x + float(u[0, y, x])
        if abs(at[1]) > 1e9:
            assert level.gx[y, x] == level.gy[y, x] == level.ginv[y, x] == 0
            continue
        i, ix, iy = (slow.bicubic(image, *at) for image in (second, dx, dy))
        assert level.gx[y, x] == pytest.approx(ix, abs=2e-3)
        assert level.gy[y, x] == pytest.approx(iy, abs=2e-3)
        rest = i - ix * u[0, y, x] - iy * u[1, y, x] - first[y, x]
        assert level.rho[y, x] == pytest.approx(rest, abs=2e-2)
        square = float(level.gx[y, x]) ** 2 + float(level.gy[y, x]) ** 2
        assert level.ginv[y, x] == pytest.approx(1 / square if square > 1e-6 else 0, rel=1e-5)
    assert level.rho[5, 7] == pytest.approx(
        second[6, 5] + 2 * dx[6, 5] - dy[6, 5] - first[5, 7], abs=1e-3
    )
    assert (level.texture[:RIM] == 0).all()


def test_sizes_of_the_pyramid_by_hand() -> None:
    # 256 -> 204.8 -> 164 -> 131.2 -> 104.8; 340 -> 272 -> 217.6 -> 174.4 -> 139.2
    assert sizes(256, 340, 5, 0.8) == [(256, 340), (205, 272), (164, 218), (131, 174), (105, 139)]
    assert sizes(30, 40, 5, 0.5) == [(30, 40)]  # 15 is too short
    assert sizes(5, 7, 5, 0.8) == [(5, 7)]
    assert sizes(37, 39, 9, 0.5) == [(37, 39), (18, 20)]  # 18.5 and 19.5, to the even number
