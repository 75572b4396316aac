"""TV-L1 of our own beside OpenCV's: time a pair and distance of the flows, threads, a GPU.

python -m benchmarks.flow [--clips DIR] [--pairs 8] [--threads 2]
python -m benchmarks.flow --gpu
writes benchmarks/results/flow.json, .md and .svg. Without clips it takes pictures of its own. All
ways take turns on each pair, in one thread of one process; a ratio is that of two times of the same
pair, in seconds of CPU time, and the median over the pairs counts.

Where there is a GPU, `--gpu` measures it alone and keeps the other figures: what the next person
who has one is asked to run, with `pytest -m gpu tests/video` before it. It takes a minute or two.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from benchmarks.flow_gpu import describe_gpu, measure_gpu
from benchmarks.flow_pairs import SIZES, find_clips, make_pair, read_pairs
from benchmarks.flow_rows import compare
from benchmarks.flow_whale import describe_whale, measure_whale
from benchmarks.harness import RESULTS, write
from benchmarks.limits import measure_limits
from wtal_core.schema.video import FlowParams
from wtal_core.video.flow import compute_flow, quantise
from wtal_core.video.tvl1.engine import load_isa
from wtal_core.video.tvl1.solver import Solver
from wtal_core.video.tvl1.toolchain import find_compiler, supported_isas

ROOT = Path(__file__).parents[1]
Pair = tuple[np.ndarray, np.ndarray]
Way = Callable[[np.ndarray, np.ndarray], np.ndarray]
ANCHOR = "opencv"
KNOWN = 4  # pairs whose flow is known, of each size


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, and write both files."""
    parser = argparse.ArgumentParser(description=__doc__)
    beside = ROOT.parent / "shared" / "reference"
    parser.add_argument("--clips", type=Path, default=beside / "videos", help="where videos lie")
    parser.add_argument(
        "--whale", type=Path, default=beside / "optical_flow", help="where RubberWhale1.png lies"
    )
    parser.add_argument("--pairs", type=int, default=8, help="of each clip")
    parser.add_argument("--sizes", nargs="+", default=["340x256", "224x224"], choices=SIZES)
    parser.add_argument("--threads", type=int, default=2, help="beside one; 1 leaves them out")
    parser.add_argument("--trials", type=int, default=5, help="of one and of more threads")
    parts = parser.add_mutually_exclusive_group()
    parts.add_argument(
        "--only-threads", action="store_true", help="measure the threads anew, keep the rest"
    )
    parts.add_argument("--gpu", action="store_true", help="measure the GPU anew, keep the rest")
    parts.add_argument(
        "--smoke", action="store_true", help="does it run? seconds, small pictures, no figures"
    )
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args(argv)
    if given.smoke:
        given.clips, given.pairs, given.sizes, given.trials = Path(), 1, ["64x48"], 1
    clips = () if given.smoke else find_clips(given.clips)
    pairs = {size: take_pairs(clips, given.pairs, size) for size in given.sizes}
    target = given.out / "flow"
    found = _read(target.with_suffix(".json"))
    gpu = found.get("gpu", {})
    if not (given.only_threads or given.gpu):
        found = {"clips": [path.name for path in clips], "pairs": given.pairs}
        found["sizes"] = {size: measure(pairs[size], size) for size in given.sizes}
        found["whale"] = {} if given.smoke else measure_whale(given.whale, ways)
        found["limits"] = measure_limits(repeats=1 if given.smoke else 5)
    elif "sizes" not in found:
        parser.error(f"{target}.json is not there: measure all first, without this option")
    if given.threads > 1 and not given.gpu:
        found["threads"] = measure_threads(pairs[given.sizes[0]], given.threads, given.trials)
    if not given.only_threads:
        found["gpu"] = measure_gpu(pairs, given.trials, gpu)
    write(given.out, "flow", found, compare(found), describe(found))


def _read(path: Path) -> dict[str, Any]:
    """What was measured before; nothing is {}."""
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return found


def take_pairs(clips: Sequence[Path], count: int, size: str) -> list[Pair]:
    """Of the clips, so many of each; without clips, made up."""
    if clips:
        return [pair for path in clips for pair in read_pairs(path, count, size)]
    return [make_pair(*SIZES[size], seed=n)[:2] for n in range(count)]


def ways(size: tuple[int, int]) -> dict[str, Way]:
    """Every way to find flow that this machine offers, the anchor first."""
    found: dict[str, Way] = {
        ANCHOR: partial(compute_flow, params=FlowParams(backend="opencv")),
        "numba": partial(compute_flow, params=FlowParams(backend="numba")),
    }
    if find_compiler():
        found |= {f"C++ {isa}": Solver(size, FlowParams(), load_isa(isa)).solve
                  for isa in supported_isas()}  # fmt: skip
    best: Literal["compiled", "numba"] = "compiled" if find_compiler() else "numba"
    fast = FlowParams(method="tvl1_fast", backend=best)
    found["fast"] = partial(compute_flow, params=fast)
    found["dis"] = partial(compute_flow, params=FlowParams(method="dis"))
    return found


def measure(pairs: Sequence[Pair], size: str) -> dict[str, dict[str, float]]:
    """Way -> its milliseconds a pair, how many times faster than the anchor, and its distance."""
    known = [make_pair(*SIZES[size], seed=n) for n in range(KNOWN)]
    named = ways(SIZES[size])
    for way in named.values():
        way(*pairs[0])  # loads, compiles, fills caches
    taken: dict[str, list[float]] = {name: [] for name in named}
    apart: dict[str, list[np.ndarray]] = {name: [] for name in named}
    levels: dict[str, list[float]] = {name: [] for name in named}
    for number, pair in enumerate(pairs):
        flows = {}
        for name, way in named.items():
            begin = time.thread_time()
            flows[name] = way(*pair)
            taken[name].append(time.thread_time() - begin)
        for name, flow in flows.items():
            apart[name].append(np.linalg.norm(flow - flows[ANCHOR], axis=-1))
            steps = quantise(flow).astype(int) - quantise(flows[ANCHOR])
            levels[name].append(float(np.abs(steps).mean()))
        print(f"{size}: {number + 1} of {len(pairs)} pairs", file=sys.stderr)
    found = {}
    for name, way in named.items():
        ratios = [a / b for a, b in zip(taken[ANCHOR], taken[name], strict=True)]
        means = [float(distance.mean()) for distance in apart[name]]
        truths = [np.linalg.norm(way(a, b) - flow, axis=-1).mean() for a, b, flow in known]
        found[name] = {
            "ms": 1e3 * statistics.median(taken[name]),
            "faster": statistics.median(ratios),
            "faster_least": min(ratios),
            "faster_in_sum": sum(taken[ANCHOR]) / sum(taken[name]),
            "epe_px": statistics.mean(means),
            "epe_worst_pair_px": max(means),
            "epe_p99_px": float(np.quantile(np.stack(apart[name]), 0.99)),
            "levels_of_255": statistics.mean(levels[name]),
            "epe_to_known_px": float(np.mean(truths)),
        }
    return {
        name: {key: float(f"{value:.3g}") for key, value in row.items()}
        for name, row in found.items()
    }


def measure_threads(pairs: Sequence[Pair], threads: int, trials: int) -> dict[str, Any]:
    """Way -> what so many threads do over what one does, in turns.

    `faster` is of pairs a second by the wall clock. `share` is what the threads got of the cores:
    what others take of a busy machine is no fault of the threads, so `per_core` leaves it out: it
    is of pairs a second of CPU time, times the threads.
    """
    found: dict[str, Any] = {"threads": threads}
    for name in ("numba", "compiled") if find_compiler() else ("numba",):
        way = partial(compute_flow, params=FlowParams(backend=name))
        with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(threads) as many:
            turns = []
            for _ in range(trials + 1):
                turns.append([_run(pool, way, pairs) for pool in (one, many)])
            flows = [b"".join(f.tobytes() for f in pool.map(way, *zip(*pairs, strict=True)))
                     for pool in (one, many)]  # fmt: skip
        turns = turns[1:]  # the first turn warms up
        found[name] = {
            "faster": statistics.median(a["wall"] / b["wall"] for a, b in turns),
            "faster_best": max(a["wall"] / b["wall"] for a, b in turns),
            "per_core": threads * statistics.median(a["cpu"] / b["cpu"] for a, b in turns),
            "share_of_one": statistics.median(a["cpu"] / a["wall"] for a, _ in turns),
            "same": flows[0] == flows[1],
            "share_of_many": statistics.median(b["cpu"] / b["wall"] / threads for _, b in turns),
        }
    return found


def _run(pool: ThreadPoolExecutor, way: Way, pairs: Sequence[Pair]) -> dict[str, float]:
    begin, worked = time.perf_counter(), time.process_time()
    list(pool.map(way, *zip(*pairs, strict=True)))
    return {"wall": time.perf_counter() - begin, "cpu": time.process_time() - worked}


def describe(found: dict[str, Any]) -> list[str]:
    """Lines of the Markdown page."""
    clips = ", ".join(found["clips"]) or "pictures of its own"
    lines = [
        "# TV-L1: time a pair, distance to OpenCV's flow",
        "",
        f"Written by `python -m benchmarks.flow`: {found['pairs']} pairs of frames of each of "
        f"{clips}. One thread; all ways take turns on each pair. `faster` is the median over the "
        "pairs of OpenCV's CPU time over the way's, `in sum` the ratio of the sums, `least` that "
        "of the pair where it is smallest. EPE is the mean distance to OpenCV's flow in pixels, "
        "of all pairs and of the worst, and p99 its 99th percentile over pixels; `levels` is the "
        "mean distance in levels of the 8-bit form at bound 20, `to known` the mean distance to "
        "the truth of made-up pairs.",
    ]
    for size, table in found["sizes"].items():
        lines += ["", f"## {size}", ""]
        lines += ["| way | ms | faster | in sum | least | EPE | worst pair | p99 | levels "
                  "| to known |", "|---|---|---|---|---|---|---|---|---|---|"]  # fmt: skip
        lines += [
            f"| {name} | {row['ms']:.1f} | {row['faster']:.1f}x | {row['faster_in_sum']:.1f}x | "
            f"{row['faster_least']:.1f}x | {row['epe_px']:.4f} | {row['epe_worst_pair_px']:.3f} | "
            f"{row['epe_p99_px']:.3f} | {row['levels_of_255']:.3f} | {row['epe_to_known_px']:.3f} |"
            for name, row in table.items()
        ]
    if "threads" in found:
        count = found["threads"]["threads"]
        lines += [
            "", f"## {count} threads over pairs", "",
            "`faster` is by the wall clock, `free cores` by CPU time, times the threads; `cores` "
            "is what one thread and all of them got of theirs: below 100 % others had the rest.",
            "",
            "| way | faster | best turn | free cores | cores, one thread | cores, all |",
            "|---|---|---|---|---|---|",
        ]  # fmt: skip
        lines += [
            f"| {name} | {row['faster']:.2f}x | {row['faster_best']:.2f}x | "
            f"{row['per_core']:.2f}x | {100 * row['share_of_one']:.0f} % | "
            f"{100 * row['share_of_many']:.0f} % |"
            for name, row in found["threads"].items()
            if name != "threads"
        ]
    if found.get("whale"):
        lines += describe_whale(found["whale"])
    if "gpu" in found:
        lines += describe_gpu(found["gpu"])
    limits = found["limits"]
    lines += [
        "", f"The machine's limits, measured at the end of the run: matrix products "
        f"{limits['gemm_fp32']:g} GFLOP/s in fp32, memory {limits['triad']:g} GB/s.",
    ]  # fmt: skip
    return lines


if __name__ == "__main__":
    main()
