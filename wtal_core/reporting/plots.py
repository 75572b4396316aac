"""The run's curves as SVG: mAP and mIoU against rounds, mAP against tIoU.

Equal input gives equal bytes.
"""

import io
from collections.abc import Mapping, Sequence

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from wtal_core.pictures import COLOURS, INK, TEXT

Rounds = Mapping[str, Mapping[str, float]]  # round: its metrics
# (metric, name, colour, marker): shapes tell the lines apart where colours do not
MAP = (("map_avg_0.1-0.7", "mean of tIoU 0.1 to 0.7", "o"), ("map@0.5", "tIoU 0.5", "s"))
MIOU = (
    ("fg_miou_cbp", "CBP foreground", "o"),
    ("bg_miou_cbp", "CBP background", "s"),
    ("fg_miou_vlp", "VLP foreground", "^"),
    ("bg_miou_vlp", "VLP background", "D"),
)
LINES = ("solid", (0, (4, 2)))  # first and second run


def draw_rounds(runs: Sequence[tuple[str, Rounds]], metrics: Sequence[tuple[str, str, str]]) -> str:
    """Each metric against the number of the round, in points."""
    figure, axis = _blank("round")
    ends: list[int] = []
    for (name, rounds), line in zip(runs, LINES, strict=False):
        for (metric, title, marker), colour in zip(metrics, COLOURS, strict=False):
            known = {int(r[1:]): 100 * m[metric] for r, m in rounds.items() if metric in m}
            if known:
                ends += known
                axis.plot(
                    list(known), list(known.values()), linestyle=line, marker=marker, color=colour,
                    markersize=5, linewidth=1.6, label=_legend(title, name, len(runs)),
                )  # fmt: skip
    axis.set_xticks(sorted(set(ends)))
    return _svg(figure, axis, len(runs))


def draw_tious(runs: Sequence[tuple[str, Rounds]]) -> str:
    """mAP against the threshold on temporal IoU, a line for each round."""
    figure, axis = _blank("tIoU")
    for (name, rounds), line in zip(runs, LINES, strict=False):
        for place, (title, metrics) in enumerate(rounds.items()):
            known = sorted(
                (float(key.removeprefix("map@")), 100 * value)
                for key, value in metrics.items() if key.startswith("map@")
            )  # fmt: skip
            axis.plot(
                [t for t, _ in known], [v for _, v in known], linestyle=line, linewidth=1.6,
                marker="osD^v"[place % 5], markersize=4, color=COLOURS[place % len(COLOURS)],
                label=_legend(title, name, len(runs)),
            )  # fmt: skip
    return _svg(figure, axis, len(runs))


def _legend(title: str, name: str, runs: int) -> str:
    text = f"{title} ({name})" if runs > 1 else title
    return text.replace("$", r"\$")  # matplotlib takes dollars for formulas


def _blank(across: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(4.6, 3.3), layout="constrained")
    FigureCanvasSVG(figure)
    axis = figure.subplots()
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(color="#EEEEEE", linewidth=0.8)
    axis.set_axisbelow(True)
    axis.tick_params(labelsize=TEXT, colors=INK)
    axis.set_xlabel(across, fontsize=TEXT, color=INK)
    axis.set_ylabel("points", fontsize=TEXT, color=INK)
    axis.set_ylim(0, 102)
    return figure, axis


def _svg(figure: Figure, axis: Axes, runs: int) -> str:
    handles, labels = axis.get_legend_handles_labels()
    if runs > 1:
        figure.set_size_inches(4.6, 3.0 + 0.18 * len(labels))
    figure.legend(
        handles, labels, loc="outside lower center", ncols=1 if runs > 1 else 2, frameon=False,
        fontsize=TEXT - 0.5, labelcolor=INK,
    )  # fmt: skip
    written = io.StringIO()
    # names of clip paths come from a hash with this salt instead of a random one
    with matplotlib.rc_context({"svg.hashsalt": "wtal"}):
        figure.savefig(written, format="svg", metadata={"Date": None, "Creator": None})
    return written.getvalue()
