"""Whether TV-L1 runs on a GPU here; asks for torch only where there is a driver of one."""

import ctypes
import importlib.util
import logging
from functools import cache

from wtal_core.errors import WtalError

log = logging.getLogger(__name__)
_DRIVER = "libcuda.so.1"


@cache
def gpu_serves(backend: str) -> bool:
    """Whether this backend computes on the GPU; auto does where nothing is missing for it.

    Raises WtalError for cuda where something is.
    """
    if backend not in ("auto", "cuda"):
        return False
    if not _has_driver():
        lack = "no NVIDIA driver on this machine; it needs a GPU of NVIDIA's and its driver"
    else:
        lack = _lack_beside_driver()
        if lack and backend == "auto":
            log.warning("TV-L1 does not use this machine's GPU: %s", lack)
    if lack and backend == "cuda":
        raise WtalError(
            f"flow.backend cuda: {lack}; or set flow.backend to auto, which runs on the processor "
            "where there is no GPU"
        )
    return not lack


def _has_driver() -> bool:
    try:
        ctypes.CDLL(_DRIVER)
    except OSError:
        return False
    return True


def _lack_beside_driver() -> str:
    """What is missing and what to do about it; nothing is ''."""
    import torch  # takes seconds, and machines without a GPU need none for flow

    if torch.version.cuda is None:
        return (
            f"torch {torch.__version__} is built without CUDA; install a build with it "
            "(https://pytorch.org/get-started/locally)"
        )
    if not torch.cuda.is_available():
        return "torch finds no GPU; see what nvidia-smi says, and CUDA_VISIBLE_DEVICES"
    if importlib.util.find_spec("triton") is None:
        return "there is no Triton, which torch brings along on Linux; pip install triton"
    return ""
