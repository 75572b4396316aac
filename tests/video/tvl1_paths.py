"""The ways to run our TV-L1 that this machine offers."""

from wtal_core.video.tvl1.engine import Kernels, load_isa, load_kernels
from wtal_core.video.tvl1.toolchain import find_compiler, supported_isas

COMPILER = find_compiler() is not None
BACKENDS = ("numba", "compiled") if COMPILER else ("numba",)
# Kernels beside each other: numba's, and a library for each instruction set.
PATHS = ("numba", *(supported_isas() if COMPILER else ()))


def kernels_of(path: str) -> Kernels:
    """By a name in PATHS."""
    return load_kernels(path) if path == "numba" else load_isa(path)
