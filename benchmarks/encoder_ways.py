"""Every way to run an encoder that this machine has, beside its anchor: times, distance, limit."""

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.harness import Row, take_turns, three, times_faster
from benchmarks.limits import measure_limits
from wtal_core.encoders import nets
from wtal_core.encoders.backends import Backend, processor_has_bf16, require
from wtal_core.encoders.openvino_net import OpenvinoNet
from wtal_core.errors import WtalError

ANCHOR = "anchor"
CLOSE = 0.9999  # cosine to the anchor's features
Networks = Callable[[torch.dtype], nn.Module]  # the network as the fast ways have it, at a dtype
# Times that the anchor takes over ours, of the issue that asked for these backends.
I3D_TARGETS = {"openvino bf16": 8.0, "compile bf16": 5.0, "openvino fp32": 2.5}
CLIP_TARGETS = {"openvino bf16": 5.0, "compile bf16": 5.0}


def measure(
    anchor: nets.Forward,
    make: Networks,
    inputs: torch.Tensor,
    rows: int,
    threads: int,
    trials: int,
    leave_out: Sequence[str] = (),
) -> dict[str, dict[str, float]]:
    """Way -> seconds to start, milliseconds an input, times faster than the anchor, cosines.

    Inputs (N, ...) are encoded `rows` at a time. With one thread seconds are those that the
    process worked, so that a neighbour on the machine counts little; with more, the clock's.
    """
    found: dict[str, dict[str, float]] = {ANCHOR: {}}
    with _threads(threads), torch.inference_mode():
        batch = inputs[:rows].contiguous()
        ways: dict[str, nets.Forward] = {ANCHOR: anchor}
        for backend in available(leave_out):
            begin = time.perf_counter()
            ways[str(backend)] = _open(backend, make, batch, threads)
            ways[str(backend)](batch)
            found[str(backend)] = {"start_s": time.perf_counter() - begin}
            print(f"{threads} threads: {backend} is ready", file=sys.stderr)
        clock = time.process_time if threads == 1 else time.perf_counter
        calls = {name: (lambda way=way: way(batch)) for name, way in ways.items()}
        taken = take_turns(calls, trials, clock)
        features = {
            name: torch.cat([way(part) for part in inputs.split(rows)])
            for name, way in ways.items()
        }
    for name in ways:
        cosine_N = torch.cosine_similarity(features[ANCHOR].double(), features[name].double())
        apart = (features[name] - features[ANCHOR]).norm() / features[ANCHOR].norm()
        found[name] |= {
            "ms": three(1e3 * sorted(taken[name])[len(taken[name]) // 2] / rows),
            "faster": times_faster(taken[ANCHOR], taken[name]),
            "cosine_least": float(cosine_N.min()),
            "cosine_mean": float(cosine_N.mean()),
            "relative_error": three(float(apart)),
        }
    return found


def available(leave_out: Sequence[str] = ()) -> list[Backend]:
    """What this machine runs at a sensible speed, by name except for those to leave out."""
    found = []
    for name in ("torch", "compile", "openvino"):
        for precision in ("fp32", "bf16"):
            backend = Backend(name, precision)
            if name in leave_out or (precision == "bf16" and not processor_has_bf16()):
                continue
            try:
                require(backend, nets.find_machine())
            except WtalError as lacking:
                print(lacking, file=sys.stderr)
                continue
            found.append(backend)
    return found


def _open(backend: Backend, make: Networks, batch: torch.Tensor, threads: int) -> nets.Forward:
    network = make(nets.torch_dtype(backend))
    if backend.backend == "openvino":
        with nets.quiet():
            return OpenvinoNet(network, batch, backend.precision, streams=1, threads=threads)
    return nets.run_by(backend, network, batch, streams=1)


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def count_flops(network: nn.Module, one: torch.Tensor) -> float:
    """Operations, two for a multiplication with its addition, of one input (1, ...)."""
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # its one operation is not counted
    try:
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            network(one)
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
    return float(counter.get_total_flops())


def measure_all(
    anchor: nets.Forward,
    make: Networks,
    inputs: torch.Tensor,
    rows: int,
    trials: int,
    thread_counts: tuple[int, ...],
    leave_out: Sequence[str] = (),
) -> dict[str, Any]:
    """All figures: by number of threads the ways, the work of one input, and the limits."""
    found: dict[str, Any] = {"inputs": list(inputs.shape), "rows": rows, "trials": trials}
    found["gflop"] = three(count_flops(make(torch.float32), inputs[:1]) / 1e9)
    found["threads"] = {
        str(count): measure(anchor, make, inputs, rows, count, trials, leave_out)
        for count in thread_counts
    }
    with _threads(1):
        found["limits"] = measure_limits()
    for count, table in found["threads"].items():
        for name, way in table.items():
            limit = found["limits"]["gemm_bf16" if name.endswith("bf16") else "gemm_fp32"]
            way["gflops"] = three(1e3 * found["gflop"] / way["ms"])
            way["gemm_gflops"] = three(limit * int(count))
    return found


# For the pages.
NOTE = (
    "The targets were set on a processor with AMX, whose matrix products are five to six times as "
    "fast in bf16 as in fp32. Where the column `matrix product` for bf16 is less than the target "
    "times the anchor's GFLOP/s, the machine itself stands between. Of one thread the CPU time is "
    "taken, of several the clock's, which wants a machine with nothing else to do."
)


def targets(found: Mapping[str, Any], what: str, aims: Mapping[str, float]) -> list[Row]:
    """The rows for `python -m benchmarks`: each way that has an aim, by number of threads."""
    return [
        Row(
            what=f"{what}, {name}, {count} thread{'s' if count != '1' else ''}",
            anchor=found["anchor"],
            target=aims[name],
            measured=way["faster"],
            accuracy=f"cosine {way['cosine_least']:.6f}",
            accurate=way["cosine_least"] >= CLOSE,
            limit=f"{way['gflops']:g} GFLOP/s; matrix product {way['gemm_gflops']:g}",
        )
        for count, table in found["threads"].items()
        for name, way in table.items()
        if name in aims
    ]


def table_lines(found: Mapping[str, Any]) -> list[str]:
    """The Markdown tables."""
    lines = []
    for count, table in found["threads"].items():
        clock = "CPU time" if count == "1" else "by the clock"
        lines += [
            "", f"## {count} thread{'s' if count != '1' else ''} ({clock})", "",
            "| way | ms | faster | GFLOP/s | matrix product | cosine, least | mean "
            "| relative error | start s |",
            "|---|---|---|---|---|---|---|---|---|",
        ]  # fmt: skip
        lines += [
            f"| {name} | {way['ms']:g} | {way['faster']:.2f}x | {way['gflops']:g} | "
            f"{way['gemm_gflops']:g} | {way['cosine_least']:.6f} | {way['cosine_mean']:.6f} | "
            f"{way['relative_error']:g} | {way.get('start_s', 0):.1f} |"
            for name, way in table.items()
        ]
    return lines


def thread_counts() -> tuple[int, ...]:
    """One, as in the stages' processes, and all cores."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
    return (1, cores) if cores > 1 else (1,)
