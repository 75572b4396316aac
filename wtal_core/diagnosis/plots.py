"""The diagnosis as pictures. Equal input gives equal bytes."""

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from wtal_core.diagnosis.characteristics import NAMES, UNITS
from wtal_core.diagnosis.diagnose import Bin, Diagnosis
from wtal_core.diagnosis.false_positives import FALSE, TYPES
from wtal_core.pictures import FAINT, INK, TEXT

# Okabe and Ito 2008, told apart under every common colour blindness; true positives are no error
SHADES = dict(
    zip(TYPES, ("#009E73", "#56B4E9", "#E69F00", "#0072B2", "#CC79A7", "#B8B8B0"), strict=True)
)
# and by their pattern, for print without colour
HATCHES = dict(zip(TYPES, ("", "//", "..", "", "xx", ""), strict=True))
BARS = "#0072B2"
MOST = 200  # classes that one picture can name


def draw_all(found: Diagnosis, title: str) -> dict[str, bytes]:
    """File name: PNG, of each picture."""
    pictures = {
        "false_positives.png": draw_false_positives(found, title),
        "instances.png": draw_instances(found, title),
    }
    if len(found.classes) <= MOST:
        pictures["classes.png"] = draw_classes(found, title)
    return pictures


def draw_false_positives(found: Diagnosis, title: str) -> bytes:
    """Left, types by rank; right, what mAP gains without each."""
    figure, axes = _blank(11, 4.6, 1, 2, {"width_ratios": [1.7, 1]})
    left, right = axes[0]
    shown = [g for g, shares in enumerate(found.profile) if not np.isnan(shares[TYPES[0]])]
    bottom = np.zeros(len(shown))
    for name in TYPES:
        height = np.array([100 * found.profile[g][name] for g in shown])
        left.bar(
            range(len(shown)), height, 0.86, bottom, color=SHADES[name], hatch=HATCHES[name],
            edgecolor="white", linewidth=0.6, label=name,
        )  # fmt: skip
        bottom += height
    left.set_xticks(range(len(shown)), [f"{g + 1}G" for g in shown])
    left.set_xlabel("predictions by rank: each class's best G, the next G, … (G: its instances)")
    left.set_ylabel("share of predictions (%)")
    left.set_ylim(0, 100)
    places = np.arange(len(FALSE))[::-1]
    gain = [100 * found.impact[name] for name in FALSE]
    bars = right.barh(
        places, gain, 0.7, color=[SHADES[name] for name in FALSE], edgecolor="white", linewidth=0.6
    )
    for bar, name in zip(bars, FALSE, strict=True):
        bar.set_hatch(HATCHES[name])
    for place, value in zip(places, gain, strict=True):
        right.annotate(
            f"{value:+.1f}", (value, place), xytext=(4, 0), textcoords="offset points",
            va="center", fontsize=TEXT, color=INK,
        )  # fmt: skip
    right.set_yticks(places, FALSE)
    right.set_xlim(0, max(1.0, 1.18 * max(gain)))
    right.set_xlabel(f"points of mAP gained without it (mAP {100 * found.map.value:.1f})")
    handles, labels = left.get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside lower center", ncols=6, frameon=False, fontsize=TEXT,
        labelcolor=INK,
    )  # fmt: skip
    return _png(figure, f"{title}: false positives at {_tious(found)}")


def draw_instances(found: Diagnosis, title: str) -> bytes:
    """Top, what share of the instances of each size is missed; below, normalised mAP on them."""
    figure, axes = _blank(12, 6.2, 2, len(NAMES), {})
    for column, name in enumerate(NAMES):
        bins = [one for one in found.bins if one.characteristic == name]
        top, low = axes[0][column], axes[1][column]
        _bars(top, bins, [100 * one.missed for one in bins])
        _bars(low, bins, [100 * one.normalised_map for one in bins])
        low.axhline(100 * found.normalised_map, color=FAINT, linewidth=1, linestyle=(0, (4, 3)))
        top.set_title(f"{name} ({UNITS[name]})", fontsize=1.1 * TEXT, color=INK)
        if column == 0:
            top.set_ylabel("missed (%)")
            low.set_ylabel("normalised mAP (points)\ndashed: on all instances")
    return _png(figure, f"{title}: instances at {_tious(found)}")


def draw_classes(found: Diagnosis, title: str) -> bytes:
    """AP of every class, best on top, with 95 % of the resamples of the videos."""
    ordered = sorted(found.classes, key=lambda one: one[2].value)
    figure, axes = _blank(8, 1.4 + 0.24 * len(ordered), 1, 1, {})
    axis = axes[0][0]
    for y, (_, _, ap) in enumerate(ordered):
        axis.plot([100 * ap.low, 100 * ap.high], [y, y], color="#56B4E9", linewidth=3)
        axis.plot([100 * ap.value], [y], "o", color=BARS, markersize=5)
    axis.axvline(100 * found.map.value, color=FAINT, linewidth=1, linestyle=(0, (4, 3)))
    axis.set_yticks(range(len(ordered)), [f"{_plain(name)} ({n})" for name, n, _ in ordered])
    axis.set_ylim(-0.6, len(ordered) - 0.4)
    axis.set_xlim(-2, 102)
    axis.set_xlabel("AP (points) with 95 % of the resamples of the videos; dashed: mAP")
    axis.grid(visible=False, axis="y")
    return _png(figure, f"{title}: classes (instances) at {_tious(found)}")


def _bars(axis: Axes, bins: Sequence[Bin], values: Sequence[float]) -> None:
    axis.bar(range(len(bins)), np.nan_to_num(values), 0.8, color=BARS)
    for x, (one, value) in enumerate(zip(bins, values, strict=True)):
        axis.annotate(
            f"{value:.0f}" if one.instances else "none", (x, np.nan_to_num(value)),
            xytext=(0, 3), textcoords="offset points", ha="center", fontsize=TEXT, color=INK,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6, "alpha": 0.85},
        )  # fmt: skip
    # all that is needed of a range is where it ends
    ends = [one.range if np.isinf(one.high) else f"≤ {one.high:.3g}" for one in bins]
    names = [f"{one.size}\n{end}\nn={one.instances}" for one, end in zip(bins, ends, strict=True)]
    axis.set_xticks(range(len(bins)), names, fontsize=TEXT - 1)
    axis.set_ylim(0, 112)
    axis.set_yticks([0, 25, 50, 75, 100])
    axis.grid(visible=False, axis="x")


def _tious(found: Diagnosis) -> str:
    if len(found.tious) == 1:
        return f"tIoU {found.tious[0]:g}"
    return f"tIoU {found.tious[0]:g} to {found.tious[-1]:g}, mean"


def _plain(text: str) -> str:
    """Text that matplotlib takes for no formula."""
    return text.replace("$", r"\$")


def _blank(
    width: float, height: float, rows: int, columns: int, ratios: dict[str, Any]
) -> tuple[Figure, Any]:
    figure = Figure(figsize=(width, height), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns, squeeze=False, gridspec_kw=ratios)
    for axis in axes.flat:
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(color="#EEEEEE", linewidth=0.8)
        axis.set_axisbelow(True)
        axis.tick_params(labelsize=TEXT, colors=INK)
        axis.xaxis.label.set_size(TEXT)
        axis.yaxis.label.set_size(TEXT)
    return figure, axes


def _png(figure: Figure, title: str) -> bytes:
    figure.suptitle(_plain(title), x=0.01, ha="left", fontsize=1.4 * TEXT, color=INK)
    written = io.BytesIO()
    # the default metadata would name the version of matplotlib
    figure.savefig(written, format="png", metadata={"Software": None})
    return written.getvalue()
