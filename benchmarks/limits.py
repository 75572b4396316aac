"""What the machine can do at best: matrix products in each precision, and memory bandwidth.

A benchmark prints these beside its own figures, since a ratio to a peer means little without the
distance to the limit. Both are medians over a few repeats, in seconds of CPU time of one thread.
"""

import statistics
import time
from collections.abc import Callable

import torch

SIZE = 2048  # of the square matrices; their product works from the caches
ROWS = 2**25  # float32 of an array that no cache holds: 128 MiB


def measure_limits(device: str = "cpu", repeats: int = 5) -> dict[str, float]:
    """`gemm_fp32` and `gemm_bf16` in GFLOP/s, `triad` in GB/s, rounded to three digits."""
    found = {}
    for name, kind in (("gemm_fp32", torch.float32), ("gemm_bf16", torch.bfloat16)):
        a, b = (torch.rand(SIZE, SIZE, device=device).to(kind) for _ in range(2))
        found[name] = 2 * SIZE**3 / _median_s(lambda a=a, b=b: a @ b, device, repeats) / 1e9  # type: ignore[misc]
    x, y, out = (torch.rand(ROWS, device=device) for _ in range(3))
    # Two arrays are read, one is written.
    moved = 3 * 4 * ROWS
    found["triad"] = moved / _median_s(lambda: torch.add(x, y, alpha=3, out=out), device, repeats)
    found["triad"] /= 1e9
    return {name: float(f"{value:.3g}") for name, value in found.items()}


def _median_s(work: Callable[[], object], device: str, repeats: int) -> float:
    work()  # the first one fills caches and allocates
    taken = []
    for _ in range(repeats):
        begin = _now(device)
        work()
        taken.append(_now(device) - begin)
    return statistics.median(taken)


def _now(device: str) -> float:
    """Seconds that this process worked, or on a GPU the wall clock once all work is done."""
    if device == "cuda":
        torch.cuda.synchronize()
        return time.perf_counter()
    return time.process_time()
