"""Seconds to evaluate predictions, beside plain ways to do it (benchmarks/plain_evaluation.py).

python -m benchmarks.evaluate [--proposals 200000] [--ways loop table]
writes benchmarks/results/evaluate.json, .md and .svg, in two minutes. Instances and predictions are
random, in the numbers of THUMOS14's test split. The plain ways go through one class after the
other; after each class ours evaluates everything once, so that all of them meet the same state of
the machine. Times are seconds of CPU time of one process; reading files is not in them. The way
`table` needs pandas, pip install -e '.[bench]': without it, it is left out, and a line says so.
"""

import argparse
import importlib.util
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness import RESULTS, Row, write
from benchmarks.plain_evaluation import average_precision_by_loop, average_precision_by_table
from wtal_core.evaluation.detection import evaluate_detections
from wtal_core.segments import Floats, Segments

TIOUS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
WAYS: dict[str, Callable[[Segments, Segments, Sequence[float]], Floats]] = {
    "table": average_precision_by_table,
    "loop": average_precision_by_loop,
}
# How many times as fast as the table ours is to be, and how equal an AP.
TARGET, EQUAL = 200, 1e-9


@dataclass(frozen=True)
class Size:
    """Of the world that is evaluated; a video lasts 200 s."""

    videos: int = 212
    instances: int = 3358
    proposals: int = 200_000
    classes: int = 20


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, and write both files."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, value in asdict(Size()).items():
        parser.add_argument(f"--{name}", type=int, default=value)
    there = [way for way in WAYS if way != "table" or importlib.util.find_spec("pandas")]
    parser.add_argument("--ways", nargs="+", default=there, choices=list(WAYS))
    parser.add_argument("--smoke", action="store_true", help="does it run? seconds, no figures")
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args(argv)
    if "table" not in given.ways:
        print("left out: table (it needs pandas, pip install -e '.[bench]')", file=sys.stderr)
    size = Size(given.videos, given.instances, given.proposals, given.classes)
    if given.smoke:
        size = Size(videos=11, instances=60, proposals=500, classes=3)
    found = measure(size, given.ways)
    write(given.out, "evaluate", found, compare(found), describe(found))


def measure(size: Size, ways: Sequence[str]) -> dict[str, Any]:
    """CPU seconds of each way for all classes, and how far its AP is from ours at most."""
    predictions, truth = make_world(size)
    ours_s: list[float] = []
    ours = partial(evaluate_detections, predictions, truth, TIOUS)
    result = ours()  # warms up
    seconds = dict.fromkeys(ways, 0.0)
    gap = dict.fromkeys(ways, 0.0)
    for c, label in enumerate(result.classes):
        found, actual = (s.take(s.label == label) for s in (predictions, truth))
        for way in ways:
            ap_K, taken = timed(partial(WAYS[way], found, actual, TIOUS))
            seconds[way] += taken
            gap[way] = max(gap[way], float(np.abs(ap_K - result.ap_CK[c]).max()))
        ours_s.append(timed(ours)[1])
        print(label, seconds, ours_s[-1], file=sys.stderr)
    median = statistics.median(ours_s)
    return {
        "size": asdict(size),
        "tious": list(TIOUS),
        "ours_s": round(median, 4),
        "ways": {
            way: {
                "seconds": round(seconds[way], 3),
                "ratio": round(seconds[way] / median, 1),
                "ap_gap": gap[way],
            }
            for way in ways
        },
    }


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """What the work gives, and the seconds of CPU time that it took."""
    begin = time.process_time()
    value = work()
    return value, time.process_time() - begin


def make_world(size: Size) -> tuple[Segments, Segments]:
    """Predictions and instances. Half of the predictions are instances with moved ends, the better
    scored the less they were moved; the others lie anywhere.
    """
    rng = np.random.default_rng(0)
    n, m = size.instances, size.proposals
    # each video and each class occurs
    video_M, label_M = np.arange(n) % size.videos, rng.permutation(np.arange(n) % size.classes)
    start_M = rng.uniform(0, 190, n)
    end_M = start_M + rng.uniform(2, 10, n)
    of_N = rng.integers(n, size=m)
    near_N = rng.random(m) < 0.5
    spread_N = rng.exponential(1.5, m)
    start_N = np.where(near_N, start_M[of_N] + rng.normal(0, spread_N), rng.uniform(0, 190, m))
    length_N = np.where(near_N, (end_M - start_M)[of_N], rng.uniform(2, 10, m))
    length_N = np.maximum(length_N + rng.normal(0, spread_N), 0.5)
    video_N = np.where(near_N, video_M[of_N], rng.integers(size.videos, size=m))
    label_N = np.where(near_N, label_M[of_N], rng.integers(size.classes, size=m))
    # distinct, so that the order of ties is no part of the comparison
    score_N = np.argsort(np.argsort(near_N / (1 + spread_N) + rng.normal(0, 0.5, m))) / m
    start_N = np.maximum(start_N, 0)
    predictions = Segments.build(
        _names("video", video_N), _names("class", label_N), start_N, start_N + length_N, score_N
    )
    truth = Segments.build(_names("video", video_M), _names("class", label_M), start_M, end_M)
    return predictions, truth


def _names(what: str, number_N: np.ndarray) -> list[str]:
    return [f"{what}_{number:07d}" for number in number_N.tolist()]


def compare(found: dict[str, Any]) -> list[Row]:
    """The line of the overview; none without the way of the challenge's code."""
    if (table := found["ways"].get("table")) is None:
        return []
    count, thresholds = found["size"]["proposals"], len(found["tious"])
    return [
        Row(
            what=f"mAP of {count} detections, {thresholds} tIoU",
            anchor="the challenge's way, in pandas tables",
            target=TARGET,
            measured=table["ratio"],
            accuracy=f"AP within {table['ap_gap']:.0e}",
            accurate=table["ap_gap"] < EQUAL,
        )
    ]


def describe(found: dict[str, Any]) -> list[str]:
    """Lines of the Markdown page."""
    size = found["size"]
    return [
        "# Evaluation: seconds of CPU time",
        "",
        f"Written by `python -m benchmarks.evaluate`: {size['proposals']} predictions and "
        f"{size['instances']} instances of {size['classes']} classes in {size['videos']} videos, "
        f"{len(found['tious'])} thresholds, one thread. The ways take turns class by class; of "
        "ours the median counts. The machine is shared, so only the ratios count. `table` looks "
        "rows up in pandas tables, as ActivityNet's code does; `loop` is that loop on numpy "
        "arrays.",
        "",
        "| way | seconds | ours is faster by | largest difference of an AP |",
        "|---|---|---|---|",
        *(
            f"| {way} | {one['seconds']:.2f} | {one['ratio']:.0f}x | {one['ap_gap']:.1e} |"
            for way, one in found["ways"].items()
        ),
        f"| ours | {found['ours_s']:.3f} | | |",
    ]


if __name__ == "__main__":
    main()
