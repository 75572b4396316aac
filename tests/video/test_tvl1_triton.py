"""Each Triton kernel of TV-L1 against plain torch: on a GPU, or else in Triton's interpreter.

To the byte in the interpreter, within a tolerance on a GPU: `pytest -m gpu tests/video` there.
"""

import subprocess
import sys
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.video import tvl1_torch
from tests.video.test_flow import texture
from tests.video.tvl1_device import (
    NEEDS_GPU,
    NEEDS_INTERPRETER,
    NEEDS_TRITON,
    reference,
    solve,
)
from wtal_core.schema.video import FlowParams
from wtal_core.video.flow import compute_flow
from wtal_core.video.tvl1.batch_levels import (
    DONE,
    LEFT,
    P_SIDE,
    RUNNING,
    U_SIDE,
    BatchLevel,
    make_level,
)

pytestmark = NEEDS_TRITON
TAUT, THETA, REACH = 0.25 / 0.3, 0.3, 0.15 * 0.3
SIZES = [(16, 17), (9, 37), (19, 70)]  # one tile, two above each other, six


@dataclass(frozen=True)
class Place:
    """Where Triton's kernels run."""

    kernels: Any
    device: str

    def check(self, found: torch.Tensor, expected: torch.Tensor) -> None:
        if self.device == "cpu":
            np.testing.assert_array_equal(found.numpy(), expected.numpy())
        else:
            np.testing.assert_allclose(found.cpu().numpy(), expected.numpy(), atol=1e-5, rtol=1e-5)


@pytest.fixture(
    scope="module",
    params=[
        pytest.param("cpu", marks=NEEDS_INTERPRETER),
        pytest.param("cuda", marks=[pytest.mark.gpu, NEEDS_GPU]),
    ],
)
def place(request: pytest.FixtureRequest) -> Place:
    from wtal_core.video.tvl1 import triton_kernels

    return Place(triton_kernels, request.param)


def make_levels(place: Place, height: int, width: int) -> tuple[BatchLevel, BatchLevel]:
    """Three pairs with random contents on random sides, the middle one at rest; and a copy.

    The first is for Triton, the second for torch.
    """
    torch.manual_seed(height)
    pictures = 255 * torch.rand(2, 3, height, width)
    level = make_level(pictures[0], pictures[1], torch.zeros(3, 2, height, width))
    level.u[..., :width] = torch.randn(2, 3, 2, height, width) * 2
    level.p[..., :width] = torch.randn(2, 3, 4, height, width)
    level.linear[..., :width] = torch.randn(3, 4, height, width)
    level.state[RUNNING] = torch.tensor([1, 0, 1])
    level.state[U_SIDE] = torch.tensor([0, 1, 1])
    level.state[P_SIDE] = torch.tensor([1, 0, 0])
    level.state[LEFT] = 1
    level.errors.fill_(torch.inf)
    return to(level, place.device), to(level, "cpu")


def to(level: BatchLevel, device: str) -> BatchLevel:
    """A copy on the device."""
    held = {f.name: getattr(level, f.name) for f in fields(level) if f.name != "width"}
    return replace(level, **{name: t.to(device, copy=True) for name, t in held.items()})


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_a_sweep_is_an_iteration_of_those_that_run(place: Place, height: int, width: int) -> None:
    found, expected = make_levels(place, height, width)
    before = to(expected, "cpu")
    for kernels, level in ((place.kernels, found), (tvl1_torch, expected)):
        for _ in range(2):  # the second from the other sides
            kernels.sweep(level, TAUT, THETA, REACH)
            level.state[[U_SIDE, P_SIDE]] ^= level.state[RUNNING]
    place.check(found.u, expected.u)
    place.check(found.p, expected.p)
    sums = found.change.double().sum(dim=1).cpu()
    np.testing.assert_allclose(sums, expected.change.double().sum(dim=1), rtol=1e-5)
    assert not torch.equal(expected.u, before.u)
    assert torch.equal(found.u[:, 1].cpu(), before.u[:, 1])
    assert torch.equal(found.p[:, 1].cpu(), before.p[:, 1])


@pytest.mark.parametrize(("height", "width", "side"), [(9, 37, 3), (9, 70, 5), (3, 4, 5)])
def test_median_of_those_that_run(place: Place, height: int, width: int, side: int) -> None:
    found, expected = make_levels(place, height, width)
    for level in (found, expected):
        level.u[:, 2, 1, 3:, :width] = level.u[:, 2, 1, 3:, :width].round()  # ties
        (place.kernels if level is found else tvl1_torch).median(level, side)
    np.testing.assert_array_equal(found.u.cpu(), expected.u)
    assert not torch.equal(expected.u[1, 0], expected.u[0, 0])


@pytest.mark.parametrize(("height", "width"), [(16, 23), (9, 70)])
def test_warp_of_everyone(place: Place, height: int, width: int) -> None:
    found, expected = make_levels(place, height, width)
    for level in (found, expected):
        level.u[:, 0, 0, 2, :4] = torch.tensor([-1e30, 1e30, -40.0, 60.0])  # far outside
        level.u[:, 0, :, 5, 7] = torch.tensor([-2.0, 1.0])  # a pixel's centre
        level.texture[2] = 0  # no slope
        (place.kernels if level is found else tvl1_torch).warp(level)
    place.check(found.linear[..., :width], expected.linear[..., :width])
    assert bool((expected.linear[2, 2] == 0).all())
    assert float(expected.linear[0, 0, 5, 7]) == pytest.approx(float(expected.texture[0, 1, 6, 5]))


@pytest.mark.parametrize("shrink", [0.99, 0.7, 0.3])
def test_who_runs_on(place: Place, shrink: float) -> None:
    """Sums that fall quicker or slower, at each of which someone is at the limit."""
    found, expected = make_levels(place, 19, 70)
    limit = torch.tensor(4.0, dtype=torch.float64)
    trail = []
    for number in range(9):
        sums = torch.rand(3, 6) * 20 * torch.tensor([[1.0], [1.0], [0.1]]) * shrink**number
        for kernels, level in ((place.kernels, found), (tvl1_torch, expected)):
            level.change.copy_(sums)
            kernels.settle(level, 7, limit.to(level.change.device))
        assert torch.equal(found.state.cpu(), expected.state)
        place.check(found.errors, expected.errors)
        trail.append(expected.state[:, 0].tolist())
    assert trail[-1][DONE] <= 7
    assert trail[-1][RUNNING] == 0
    assert expected.state[:, 1].tolist() == [0, 1, 0, 0, 1]


@pytest.mark.parametrize(
    "changed",
    [{}, {"median_filter": 3, "outer_iterations": 2, "epsilon": 0.1, "scales": 1}],
)
def test_flow_is_numbas(place: Place, changed: dict[str, Any]) -> None:
    """From pictures to flow: the batch in Triton, in torch, and each pair by itself in numba."""
    usual: dict[str, Any] = {"warps": 1, "outer_iterations": 1, "inner_iterations": 3, "scales": 2}
    params = FlowParams(backend="numba", **(usual | changed))
    pairs = [(texture(20, 24), texture(20, 24, 1.5, -0.5)), (texture(20, 24), texture(20, 24))]
    found = solve(place.kernels, pairs, params, place.device)
    alone = np.stack([compute_flow(*pair, params) for pair in pairs])
    place.check(torch.from_numpy(found), torch.from_numpy(reference(pairs, params)))
    place.check(torch.from_numpy(found), torch.from_numpy(alone))
    assert np.abs(found[0]).max() > 0.1
    assert not found[1].any()


_COMPILE = """
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource, compile
from wtal_core.video.tvl1 import triton_kernels as kernels

types = dict.fromkeys(("pairs", "height", "width", "stride", "tiles", "most"), "i32")
types |= dict.fromkeys(("taut", "theta", "reach"), "fp32") | {"state": "*i32"}
types |= dict.fromkeys(("errors", "limit"), "*fp64")
given = {"tile_y": 8, "tile_x": 64, "side": 5, "numbers": 256}
ours = kernels._warp, kernels._median, kernels._sweep, kernels._settle
for generation, kernel in [(g, k) for g in (80, 90) for k in ours]:
    signature = {n: "constexpr" if n in given else types.get(n, "*fp32") for n in kernel.arg_names}
    constants = {name: given[name] for name in kernel.arg_names if name in given}
    source = ASTSource(kernel, signature, constants)
    made = compile(source, target=GPUTarget("cuda", generation, 32), options=kernels._OPTIONS)
    code = made.asm["ptx"]
    assert made.asm["cubin"]
    for sloppy in ("fma.rn.f32", ".approx", ".ftz", "atom."):
        assert sloppy not in code, (kernel.__name__, sloppy)
    print(kernel.__name__)
"""


def test_they_compile_for_gpus(tmp_path: Path) -> None:
    """The compiler needs no GPU. Nothing is fused, approximate, flushed to zero or out of order."""
    done = subprocess.run(
        [sys.executable, "-c", _COMPILE],
        capture_output=True, text=True, check=False,
        env={"PYTHONPATH": ":".join(sys.path), "TRITON_CACHE_DIR": str(tmp_path), "PATH": ""},
    )  # fmt: skip
    assert done.stdout.split() == 2 * ["_warp", "_median", "_sweep", "_settle"], done.stderr
