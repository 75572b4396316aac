"""TV-L1 on a GPU: pairs a second, against what its memory allows and against OpenCV's flow.

Pairs go in as pictures and come out as 8-bit fields, copies to and from the device included. The
limit is that of performance by memory: an iteration of a pixel moves 64 bytes (ten numbers in, six
out), so a device of B bytes a second does no more than B / (64 x iterations of all pixels) pairs.
"""

import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from itertools import cycle, islice
from typing import Any

import numpy as np

from benchmarks.harness import machine
from benchmarks.limits import measure_limits
from wtal_core.errors import WtalError
from wtal_core.schema.video import FlowParams
from wtal_core.video.flow import compute_flow, on_gpu

BYTES = 64  # moved by an iteration of a pixel
BATCHES = 3  # of a trial, so that copies and work overlap as in a film
Pair = tuple[np.ndarray, np.ndarray]


def why_not() -> str:
    """What a GPU lacks here; '' where it runs."""
    try:
        on_gpu(FlowParams(backend="cuda"))
    except WtalError as err:
        return str(err)
    return ""


def measure_gpu(
    pairs: Mapping[str, Sequence[Pair]], trials: int, before: dict[str, Any]
) -> dict[str, Any]:
    """By size of the pictures: speed, its share of the limit, distance to OpenCV's flow.

    Without a GPU what was measured `before` on one stands.
    """
    if lack := why_not():
        print(f"GPU skipped: {lack}", file=sys.stderr)
        return before if "sizes" in before else {"skipped": lack}
    found: dict[str, Any] = {"device": device_name(), "beside": machine()}
    found["triad"] = measure_limits("cuda")["triad"]
    found["sizes"] = {
        size: measure_size(some, found["triad"], trials) for size, some in pairs.items()
    }
    return found


def device_name() -> str:
    """Of the GPU."""
    import torch

    return str(torch.cuda.get_device_name())


def measure_size(pairs: Sequence[Pair], triad: float, trials: int) -> dict[str, float]:
    """Of pairs of one size, repeated until they fill batches; `triad` is GB/s of the device."""
    from wtal_core.video.tvl1 import cuda

    at_once = cuda.pairs_at_once(*pairs[0][0].shape)
    many = list(islice(cycle(pairs), BATCHES * at_once))
    params = FlowParams(backend="cuda")
    for _ in cuda.iter_fields(many[:at_once], params):  # compiles
        pass
    taken = []
    for _ in range(trials):
        begin = time.perf_counter()
        for _ in cuda.iter_fields(many, params):
            pass
        taken.append(time.perf_counter() - begin)
    theirs, theirs_s = [], []
    for pair in pairs:
        begin = time.thread_time()
        theirs.append(compute_flow(*pair, FlowParams(backend="opencv")))
        theirs_s.append(time.thread_time() - begin)
    first, second = (np.stack(side) for side in zip(*pairs, strict=True))
    flows = cuda.solve(first, second, params)
    apart = [
        float(np.linalg.norm(a - b, axis=-1).mean()) for a, b in zip(flows, theirs, strict=True)
    ]
    work = count_iterations(pairs)
    limit = 1e9 * triad / (BYTES * work)
    speed = len(many) / statistics.median(taken)
    row = {
        "pairs_s": speed,
        "faster": speed * statistics.median(theirs_s),
        "pairs_s_best": len(many) / min(taken),
        "at_once": at_once,
        "pixel_iterations": work,
        "limit_pairs_s": limit,
        "of_limit": speed / limit,
        "epe_px": statistics.mean(apart),
        "epe_worst_pair_px": max(apart),
    }
    return {name: float(f"{value:.3g}") for name, value in row.items()}


def count_iterations(pairs: Sequence[Pair]) -> float:
    """Iterations of a pixel that a pair takes, all levels and warps, mean over the pairs."""
    from wtal_core.video.tvl1 import cuda
    from wtal_core.video.tvl1.batch_levels import RUNNING, BatchLevel

    kernels = cuda.load_kernels()
    counts = []

    class Counting:
        """The kernels, and how many pixels each sweep works on."""

        warp, median, settle = (
            staticmethod(f) for f in (kernels.warp, kernels.median, kernels.settle)
        )

        @staticmethod
        def sweep(level: BatchLevel, taut: float, theta: float, reach: float) -> None:
            counts.append(level.state[RUNNING].sum() * level.height * level.width)
            kernels.sweep(level, taut, theta, reach)

    first, second = (cuda.upload(np.stack(side)) for side in zip(*pairs, strict=True))
    cuda.BatchSolver(FlowParams(), Counting()).solve(first, second)
    return sum(int(count) for count in counts) / len(pairs)


def describe_gpu(found: dict[str, Any]) -> list[str]:
    """Lines of the Markdown page."""
    lines = ["", "## On a GPU", ""]
    if "skipped" in found:
        return [*lines, f"Skipped: {found['skipped']}."]
    lines += [
        f"{found['device']}, whose memory moves {found['triad']:g} GB/s, beside {found['beside']}. "
        f"`limit` is what that "
        f"allows at {BYTES} bytes an iteration of a pixel; `faster` and EPE are to OpenCV in one "
        "thread.",
        "",
        "| size | pairs/s | faster | best | limit | of limit | at once | EPE | worst pair |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    return lines + [
        f"| {size} | {row['pairs_s']:.0f} | {row['faster']:.0f}x | {row['pairs_s_best']:.0f} "
        f"| {row['limit_pairs_s']:.0f} "
        f"| {100 * row['of_limit']:.0f} % | {row['at_once']:.0f} | {row['epe_px']:.4f} | "
        f"{row['epe_worst_pair_px']:.3f} |"
        for size, row in found["sizes"].items()
    ]
