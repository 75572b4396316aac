"""The ways to run our TV-L1 that this machine offers."""

from wtal_core.video.tvl1.engine import Kernels, load_kernels

BACKENDS = ("numba",)
PATHS = BACKENDS


def kernels_of(path: str) -> Kernels:
    return load_kernels(path)
