"""All benchmarks in turn, and one table of what they say of their targets.

python -m benchmarks [--only flow,nms] [--table] [--smoke --out DIR]
runs each in a process of its own and then writes benchmarks/results/README.md with overview.svg,
from the figures of all benchmarks that lie there. `--table` runs none. Figures are worth keeping on
a machine that does nothing else.
"""

import argparse
import importlib.util
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.harness import RESULTS
from benchmarks.overview import write_overview

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Benchmark:
    """benchmarks/<name>.py, and what it writes: <result>.json, .md and .svg."""

    name: str
    minutes: float  # on two cores
    result: str = ""  # its name by default
    words: tuple[str, ...] = ()  # what it is called with for the recorded figures
    wants: tuple[str, ...] = ()  # packages; without them it leaves something out

    @property
    def files(self) -> str:
        """The stem of its results."""
        return self.result or self.name


_ALL = (
    Benchmark("flow", 6),
    Benchmark("decode", 2),
    Benchmark("i3d", 4, wants=("openvino",)),
    Benchmark("clip", 3, wants=("openvino",)),
    Benchmark("whole", 5, wants=("openvino",)),
    Benchmark("fast_paths", 5, wants=("openvino",)),
    Benchmark("train", 8, result="train_cpu", words=("--batch", "16", "--threads", "1")),
    Benchmark("nms", 0.3),
    Benchmark("evaluate", 2, wants=("pandas",)),
    Benchmark("store", 1),
    Benchmark("student", 5),  # FuSTAL's, which can be taken away with its benchmark
)
BENCHMARKS = tuple(one for one in _ALL if Path(__file__).with_name(f"{one.name}.py").is_file())


def main(argv: Sequence[str] | None = None) -> int:
    """Run what was asked for, write the table; how many failed."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    names = [one.name for one in BENCHMARKS]
    parser.add_argument("--only", default=",".join(names), help="names with commas between")
    parser.add_argument("--table", action="store_true", help="run nothing, write the table")
    parser.add_argument("--smoke", action="store_true", help="do they run? no figures; with --out")
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args(argv)
    if unknown := set(given.only.split(",")) - set(names):
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    if given.smoke and given.out == RESULTS:
        parser.error("--smoke measures nothing: name a folder with --out")
    chosen = [one for one in BENCHMARKS if one.name in given.only.split(",")]
    failed = [] if given.table else run(chosen, given.out, given.smoke)
    target = write_overview(given.out, [one.files for one in BENCHMARKS])
    tell(f"{target}")
    if failed:
        tell(f"failed: {', '.join(failed)}")
    return len(failed)


def run(chosen: Sequence[Benchmark], out: Path, smoke: bool) -> list[str]:
    """Each in turn; the names of those that failed. What they print is seen."""
    failed = []
    left = sum(one.minutes for one in chosen)
    for place, one in enumerate(chosen, start=1):
        told = "seconds" if smoke else f"about {one.minutes:g} min, {left:g} min in all to go"
        tell(f"[{place}/{len(chosen)}] {one.name}: {told}")
        for package in one.wants:
            if importlib.util.find_spec(package) is None:
                tell(f"{package} is missing, and what needs it is left out: "
                     "pip install -e '.[bench]'")  # fmt: skip
        words = ["--smoke"] if smoke else list(one.words)
        command = [sys.executable, "-m", f"benchmarks.{one.name}", *words, "--out", str(out)]
        begin = time.perf_counter()
        done = subprocess.run(command, cwd=ROOT, check=False)
        if done.returncode:
            failed.append(one.name)
        took = time.perf_counter() - begin
        tell(f"{one.name}: {'failed' if done.returncode else 'done'} in {took:.0f} s")
        left -= one.minutes
    return failed


def tell(line: str) -> None:
    """To the terminal, at once."""
    print(f"bench: {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
