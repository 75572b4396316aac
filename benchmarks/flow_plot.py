"""A picture of benchmarks/flow.py's table: how many times faster than OpenCV each way is."""

from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

# What a way is to reach, times OpenCV's speed a core, by size and name.
TARGETS = {
    "340x256": {"numba": 7, "C++ avx512": 15, "C++ avx2": 10},
    "224x224": {"numba": 6},
}
# Told apart by anyone's eyes (Okabe and Ito), and by their place.
REACHED, SHORT, PLAIN, LINE = "#0072B2", "#D55E00", "#999999", "#000000"


def write_plot(found: dict[str, Any], path: Path) -> None:
    """SVG: a panel a size, a bar a way, a line where its target lies."""
    sizes = found["sizes"]
    rows = {size: bars(found, size) for size in sizes}
    figure = Figure(figsize=(8, 1 + 0.32 * sum(map(len, rows.values())) + 0.5 * len(rows)))
    FigureCanvasSVG(figure)
    panels = figure.subplots(
        len(rows), 1, squeeze=False, sharex=True,
        height_ratios=[len(some) for some in rows.values()],
    )[:, 0]  # fmt: skip
    for axes, (size, some) in zip(panels, rows.items(), strict=True):
        axes.set_title(f"TV-L1, {size}", loc="left", fontsize=10)
        axes.set_xscale("log")
        for place, (name, faster) in enumerate(some.items()):
            target = TARGETS.get(size, {}).get(name)
            colour = PLAIN if target is None else REACHED if faster >= target else SHORT
            axes.barh(place, faster, left=0, color=colour, height=0.7)
            label = f"{faster:.0f}x" if faster >= 100 else f"{faster:.3g}x"
            axes.text(faster * 1.05, place, label, va="center", fontsize=8)
            if target is not None:
                axes.plot([target] * 2, [place - 0.45, place + 0.45], color=LINE, linewidth=2)
        axes.set_yticks(range(len(some)), list(some), fontsize=8)
        axes.invert_yaxis()
        axes.margins(x=0.15)
        axes.set_xlim(left=0.8)
        axes.spines[["top", "right"]].set_visible(False)
    panels[-1].xaxis.set_major_formatter("{x:g}")
    panels[-1].set_xlabel("times as fast as OpenCV in one thread; the line is the target")
    figure.tight_layout()
    # The same numbers make the same file.
    with matplotlib.rc_context({"svg.hashsalt": "flow", "svg.fonttype": "none"}):
        figure.savefig(path, metadata={"Date": None})


def bars(found: dict[str, Any], size: str) -> dict[str, float]:
    """Way -> times OpenCV's speed; a GPU's is that of the whole device over one thread."""
    heights = {name: row["faster"] for name, row in found["sizes"][size].items()}
    gpu = found.get("gpu", {}).get("sizes", {})
    return heights | ({"GPU": gpu[size]["faster"]} if size in gpu else {})
