"""Which code runs TV-L1, and its memory: loaded once, one set of buffers per thread."""

import hashlib
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from wtal_core.build_folder import build_folder
from wtal_core.errors import WtalError
from wtal_core.schema.video import FlowParams
from wtal_core.video.tvl1 import compiled
from wtal_core.video.tvl1.solver import Solver
from wtal_core.video.tvl1.toolchain import supported_isas

log = logging.getLogger(__name__)
_HERE = Path(__file__).parent
_SLOW_S = 3.0  # what is compiled already loads faster
# What decides the bytes.
SOURCES = tuple(
    _HERE / f"{name}.py" for name in ("levels", "solver", "numba_kernels", "numba_median")
)
GPU_SOURCES = tuple(
    _HERE / f"{name}.py"
    for name in (
        "levels", "solver", "batch_levels", "batch_solver", "cuda", "triton_kernels",
        "triton_median",
    )
)  # fmt: skip
FOREIGN_SOURCES = tuple(sorted(_HERE.glob("*.cpp")))
_own = threading.local()
_loading = threading.Lock()
# Of the flow between the pictures of `_check`, on every path and machine.
_KNOWN_ANSWER = "09b5b1ffa8106246d1c9dee29a0058e2057d146f90691727ad44320b39aecf05"


@dataclass(frozen=True)
class Kernels:
    """The arithmetic; signatures and meaning as in numba_kernels.py."""

    name: str
    resize: Callable[..., None]
    build_texture: Callable[..., None]
    warp: Callable[..., None]
    median: Callable[..., None]
    iterate: Callable[..., tuple[int, float]]
    sweep: Callable[..., None]  # iterate's inner step


def solve(prev: np.ndarray, next_: np.ndarray, params: FlowParams) -> np.ndarray:
    """Flow (H, W, 2) float32 between two (H, W) uint8 pictures, in memory of the calling thread.

    The bytes depend neither on the thread nor on which kernels run.
    """
    kernels = load_kernels(params.backend)
    wanted = (prev.shape, params)
    if getattr(_own, "wanted", None) != wanted:
        _own.solver = Solver((prev.shape[0], prev.shape[1]), params, kernels)
        _own.wanted = wanted
    flow: np.ndarray = _own.solver.solve(prev, next_)
    return flow


def load_kernels(backend: str) -> Kernels:
    """By the name of a backend that is ours. Compiles on first use, and says so.

    Raises WtalError where the backend cannot be had; auto takes numba there.
    """
    with _loading:  # the first threads come together
        return _load_once(backend)


@cache
def _load_once(backend: str) -> Kernels:
    kernels = _load_auto() if backend == "auto" else _load(backend)
    log.info("TV-L1 runs in %s", kernels.name)
    return kernels


def load_isa(isa: str) -> Kernels:
    """The compiled kernels for one of toolchain.ISAS; the processor must have it."""
    kernels = Kernels(name=f"C++ ({isa})", **vars(compiled.load(isa)))
    _check(kernels)
    return kernels


def _load_auto() -> Kernels:
    try:
        return _load("compiled")
    except WtalError as err:
        log.warning("%s", err)
        return _load("numba")


def _load(backend: str) -> Kernels:
    if backend not in ("numba", "compiled"):
        raise ValueError(f"no kernels for a processor: {backend}")
    return load_isa(supported_isas()[0]) if backend == "compiled" else _load_numba()


def _load_numba() -> Kernels:
    folder = build_folder() / "numba"
    if not folder.is_dir():
        log.info("compiling TV-L1 into %s, once on this machine: some 5 s", folder)
    import numba  # takes half a second, so only who needs it loads it

    # Beside the sources, where numba would put it, the user may not be allowed to write.
    numba.config.CACHE_DIR = str(folder)  # type: ignore[attr-defined]
    from wtal_core.video.tvl1 import numba_kernels, numba_median

    begin = time.perf_counter()
    kernels = Kernels(
        "numba", numba_kernels.resize, numba_kernels.build_texture, numba_kernels.warp,
        numba_median.median, numba_kernels.iterate, numba_kernels.sweep,
    )  # fmt: skip
    _check(kernels)
    if (taken := time.perf_counter() - begin) > _SLOW_S:
        log.info("numba compiled TV-L1 in %.1f s", taken)
    return kernels


def _check(kernels: Kernels) -> None:
    """Raise WtalError unless a small flow comes out as on every other machine, to the byte."""
    y, x = np.mgrid[:40, :53]
    first, second = ((7 * (x + d) ** 2 + 5 * (y - d) ** 2 + 3 * x * y) // 40 % 251 for d in (0, 1))
    told = hashlib.sha256()
    for median_filter in (3, 5):
        params = FlowParams(median_filter=median_filter, scales=3)
        solver = Solver((40, 53), params, kernels)
        told.update(solver.solve(first.astype(np.uint8), second.astype(np.uint8)).tobytes())
    if told.hexdigest() != _KNOWN_ANSWER:
        raise WtalError(
            f"flow.backend: {kernels.name} rounds otherwise on this machine than it should, so "
            "its flow would not be that of others; set flow.backend to opencv"
        )
