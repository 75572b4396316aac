"""What every benchmark shares: turns, medians, the machine, and its results in one form.

A benchmark `benchmarks/x.py` has `--smoke` (seconds, no figures worth keeping) and `--out DIR`, and
ends with `write(out, "x", found, rows, page)`: x.json with all figures, x.md that tells them, x.svg
with a bar for each row. `python -m benchmarks` makes its table of the rows in the JSON files.
"""

import json
import os
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import StrMethodFormatter

from wtal_core.video.tvl1.toolchain import supported_isas

RESULTS = Path(__file__).parent / "results"
# Told apart by anyone's eyes (Okabe and Ito); the line for the target tells the same again.
REACHED, SHORT, LINE = "#0072B2", "#D55E00", "#000000"


@dataclass(frozen=True)
class Row:
    """One comparison: ours is `measured` times as fast as the anchor (or what `unit` says)."""

    what: str
    anchor: str
    target: float
    measured: float
    accuracy: str  # how far the results are apart, in words: "same picks", "cosine 0.99997"
    accurate: bool  # whether that is close enough
    limit: str = ""  # the machine's, and how far from it: "31 of 85 GFLOP/s"
    unit: str = "x"
    most: bool = False  # the target is what is measured at most, not at least

    @property
    def reached(self) -> bool:
        """Fast enough (or little enough), and right."""
        return self.accurate and self.share >= 1

    @property
    def share(self) -> float:
        """Measured over target, or, of what should be small, target over measured.

        That may be 0, so a tenth of the target is the least that counts.
        """
        if self.most:
            return self.target / max(self.measured, self.target / 10)
        return self.measured / self.target

    @property
    def target_told(self) -> str:
        """`7x`, or `≤ 0.5 points`."""
        return f"{'≤ ' if self.most else ''}{self.target:g}{self.unit}"


def take_turns(
    ways: Mapping[str, Callable[[], Any]],
    trials: int,
    clock: Callable[[], float] = time.process_time,
) -> dict[str, list[float]]:
    """Seconds of each way in each of so many turns, after one turn that warms up.

    Each turn runs all ways one after the other, so that they meet the same state of the machine.
    By default the seconds are those that this process worked.
    """
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for trial in range(trials + 1):
        for name, way in ways.items():
            begin = clock()
            way()
            if trial:
                taken[name].append(clock() - begin)
    return taken


def times_faster(anchor_s: Sequence[float], ours_s: Sequence[float]) -> float:
    """The median over the turns of the anchor's time over ours, to three digits."""
    return three(statistics.median(a / b for a, b in zip(anchor_s, ours_s, strict=True)))


def three(value: float) -> float:
    """Rounded to three digits."""
    return float(f"{value:.3g}")


def machine() -> str:
    """Cores and kind of processor, by what it can do: no names."""
    isa = {"avx512": "x86-64 with AVX-512", "avx2": "x86-64 with AVX2"}
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{cores} cores, {isa.get(supported_isas()[0], os.uname().machine)}"


def write(
    out: Path, name: str, found: Mapping[str, Any], rows: Sequence[Row], page: Sequence[str]
) -> None:
    """Write name.json, name.md and name.svg to the folder `out`, which is made.

    found: all figures, as JSON takes them; `page` the lines of the Markdown page.
    """
    out.mkdir(parents=True, exist_ok=True)
    target = out / name
    told = {"machine": machine(), **found, "targets": [asdict(row) for row in rows]}
    target.with_suffix(".json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    picture = ["", f"![Measured over target]({name}.svg)"] if rows else []
    lines = [*page, *picture, "", f"Measured on {told['machine']}."]
    target.with_suffix(".md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    if rows:
        plot(rows, target.with_suffix(".svg"))


def read_rows(path: Path) -> list[Row]:
    """The rows of a benchmark's JSON file."""
    tree = json.loads(path.read_text(encoding="utf-8"))
    return [Row(**row) for row in tree["targets"]]


def plot(rows: Sequence[Row], path: Path) -> None:
    """SVG: a bar a row, its share of the target on a log scale, and the line where it is reached.

    The same rows make the same file.
    """
    figure = Figure(figsize=(8, 1 + 0.32 * len(rows)))
    FigureCanvasSVG(figure)
    axes = figure.subplots()
    axes.set_xscale("log")
    least = min([0.5, *(row.share / 1.3 for row in rows if row.measured > 0)])
    for place, row in enumerate(rows):
        share = max(row.share, least)
        # a bar on a log scale has no zero: it grows from the target's line
        axes.barh(
            place, share - 1, left=1, height=0.7,
            color=REACHED if row.reached else SHORT, hatch="" if row.reached else "///",
            edgecolor="white",
        )  # fmt: skip
        text = f"{row.measured:.3g}{row.unit}, target {row.target_told}"
        axes.text(max(share, 1) * 1.05, place, text, va="center", fontsize=8)
    axes.axvline(1, color=LINE, linewidth=1.5)
    axes.set_yticks(range(len(rows)), [row.what for row in rows], fontsize=8)
    axes.invert_yaxis()
    most = max([2.0, *(row.share for row in rows)])
    axes.set_xlim(least, most * (most / least) ** 0.35)
    for numbered in (axes.xaxis.set_major_formatter, axes.xaxis.set_minor_formatter):
        numbered(StrMethodFormatter("{x:g}"))
    axes.spines[["top", "right"]].set_visible(False)
    shares = "measured / target"
    if any(row.most for row in rows):
        shares += ", or target / measured of what has a limit (≤)"
    axes.set_xlabel(f"{shares};\nreached to the right of the line, hatched where not")
    figure.tight_layout()
    with matplotlib.rc_context({"svg.hashsalt": path.stem, "svg.fonttype": "none"}):
        figure.savefig(path, metadata={"Date": None})
