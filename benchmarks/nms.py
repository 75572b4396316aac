"""Soft-NMS of one class in one video, beside plain loops in C++ and numpy.

python -m benchmarks.nms [--proposals 2000] [--top 200]
writes benchmarks/results/nms.json, .md and .svg, in some ten seconds. The loop in C++
(plain_nms.cpp, -O2) goes through all proposals, as published code does, or stops after the picks
that are kept; the one in numpy is short and stops, too. The ways take turns on each of several
random problems, one thread, CPU time; the median of the ratios counts. Picks must be exactly the
same.
"""

import argparse
import ctypes
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.harness import RESULTS, Row, take_turns, three, times_faster, write
from wtal_core.localize.nms import pick_compiled
from wtal_core.segments import Floats
from wtal_core.video.tvl1.toolchain import find_compiler

SIGMA, LEAST = 0.5, 0.001
SECONDS = 200  # of the video
MEAN_S = 10  # of a proposal
SOURCE = Path(__file__).with_name("plain_nms.cpp")
OURS = "ours"
# Times ours is to be as fast as a plain way.
TARGETS = {"C++": 8.0, "numpy": 5.0}
ANCHORS = {
    "C++": "a plain C++ loop that goes through all, as published",
    "numpy": "a plain numpy loop that stops after the picks",
}
Picks = tuple[np.ndarray, Floats]
Way = Callable[[Floats, Floats, int], Picks]


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--proposals", type=int, default=2000)
    parser.add_argument("--top", type=int, default=200, help="picks that are kept")
    parser.add_argument("--problems", type=int, default=10)
    parser.add_argument("--trials", type=int, default=9, help="turns on each problem")
    parser.add_argument("--smoke", action="store_true", help="does it run? seconds, no figures")
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args(argv)
    if given.smoke:
        given.proposals, given.top, given.problems, given.trials = 300, 40, 2, 2
    with TemporaryDirectory() as folder:
        ways = find_ways(Path(folder))
        found = measure(ways, given.proposals, given.top, given.problems, given.trials)
    write(given.out, "nms", found, compare(found), describe(found))


def find_ways(folder: Path) -> dict[str, Way]:
    """Name -> way; those in C++ where there is a compiler, which builds into `folder`."""

    def ours(seg_N2: Floats, score_N: Floats, top: int) -> Picks:
        return pick_compiled(seg_N2, score_N, SIGMA, LEAST, min(top, len(score_N)))

    found: dict[str, Way] = {OURS: ours, "numpy": by_numpy}
    if (compiler := find_compiler()) is None:
        return found
    library = folder / "plain_nms.so"
    command = [compiler, "-std=c++17", "-O2", "-shared", "-fPIC", str(SOURCE), "-o", str(library)]
    subprocess.run(command, check=True)
    loop = ctypes.CDLL(str(library)).soft_nms
    loop.restype = ctypes.c_long
    return found | {"C++": partial(_by_cpp, loop, 0), "C++, stops": partial(_by_cpp, loop, 1)}


def by_numpy(seg_N2: Floats, score_N: Floats, top: int) -> Picks:
    """The loop as one writes it down in numpy."""
    start_N, end_N = seg_N2[:, 0], seg_N2[:, 1]
    left_N = score_N.copy()
    picks = []
    while len(picks) < min(top, len(score_N)):
        best = int(left_N.argmax())
        if left_N[best] < LEAST:
            break
        picks.append((best, left_N[best]))
        shared_N = np.minimum(end_N, end_N[best]) - np.maximum(start_N, start_N[best])
        shared_N = np.maximum(shared_N, 0)
        tiou_N = shared_N / (end_N - start_N + end_N[best] - start_N[best] - shared_N)
        left_N *= np.exp(-(tiou_N**2) / SIGMA)
        left_N[best] = -np.inf
    return np.array([pick for pick, _ in picks]), np.array([score for _, score in picks])


def _by_cpp(loop: Any, early: int, seg_N2: Floats, score_N: Floats, top: int) -> Picks:
    columns = [np.ascontiguousarray(column) for column in (seg_N2[:, 0], seg_N2[:, 1], score_N)]
    kept_K, score_K = np.empty(top, ctypes.c_long), np.empty(top)
    count = loop(
        *(ctypes.c_void_p(column.ctypes.data) for column in columns),
        ctypes.c_long(len(score_N)), ctypes.c_double(SIGMA), ctypes.c_double(LEAST),
        ctypes.c_long(top), ctypes.c_int(early),
        ctypes.c_void_p(kept_K.ctypes.data), ctypes.c_void_p(score_K.ctypes.data),
    )  # fmt: skip
    return kept_K[:count], score_K[:count]


def make_problem(proposals: int, seed: int) -> tuple[Floats, Floats]:
    """(N, 2) segments and their scores, random."""
    rng = np.random.default_rng(seed)
    start_N = rng.uniform(0, SECONDS, proposals)
    length_N = rng.exponential(MEAN_S, proposals)
    return np.stack([start_N, start_N + length_N], axis=1), rng.random(proposals)


def measure(
    ways: dict[str, Way], proposals: int, top: int, problems: int, trials: int
) -> dict[str, Any]:
    """Milliseconds of each way, how many times as fast ours is, and whether picks are the same."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    same: dict[str, bool] = dict.fromkeys(ways, True)
    apart = dict.fromkeys(ways, 0.0)
    picks = []
    for seed in range(problems):
        problem = make_problem(proposals, seed)
        result = {name: way(*problem, top) for name, way in ways.items()}
        kept, score = result[OURS]
        picks.append(len(kept))
        for name, (other, other_score) in result.items():
            same[name] &= np.array_equal(other, kept)
            if same[name]:
                apart[name] = max(apart[name], float(np.abs(other_score - score).max()))
        turns = {name: partial(way, *problem, top) for name, way in ways.items()}
        for name, times in take_turns(turns, trials, time.thread_time).items():
            taken[name] += times
    return {
        "proposals": proposals,
        "top": top,
        "picks": min(picks),
        "problems": problems,
        "ways": {
            name: {
                "ms": three(1e3 * statistics.median(taken[name])),
                "ours_faster": times_faster(taken[name], taken[OURS]),
                "same_picks": same[name],
                "score_apart": apart[name],
            }
            for name in ways
        },
    }


def compare(found: dict[str, Any]) -> list[Row]:
    """Lines of the overview."""
    ways = found["ways"]
    return [
        Row(
            what=f"soft-NMS, {found['proposals']} proposals, top {found['top']}: {name}",
            anchor=ANCHORS[name],
            target=target,
            measured=ways[name]["ours_faster"],
            accuracy=(
                f"same picks, scores within {ways[name]['score_apart']:.0e}"
                if ways[name]["same_picks"]
                else "other picks"
            ),
            accurate=ways[name]["same_picks"],
        )
        for name, target in TARGETS.items()
        if name in ways
    ]


def describe(found: dict[str, Any]) -> list[str]:
    """Lines of the Markdown page."""
    return [
        "# Soft-NMS",
        "",
        f"Written by `python -m benchmarks.nms`: {found['proposals']} proposals of one class in "
        f"a video of {SECONDS} s, the best {found['top']} kept, sigma {SIGMA}, least score "
        f"{LEAST}; {found['problems']} random problems, one thread, milliseconds of CPU time "
        "(median). `C++` goes through all proposals, as published code does; `stops` ends after "
        "the picks that are kept, as ours and the loop in numpy do.",
        "",
        "| way | ms | ours is faster by | picks | scores apart by at most |",
        "|---|---|---|---|---|",
        *(
            f"| {name} | {row['ms']:.3g} | {row['ours_faster']:.3g}x | "
            f"{'the same' if row['same_picks'] else 'others'} | {row['score_apart']:.0e} |"
            for name, row in found["ways"].items()
        ),
    ]


if __name__ == "__main__":
    main()
