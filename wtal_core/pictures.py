"""Pictures of one video's scores and segments on a time axis, like Figure 3 of [DVLP].

Letters: T snippets, S shown classes.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from wtal_core.grid import SnippetGrid
from wtal_core.segments import Floats, Segments, tiou_NM

# Okabe and Ito 2008: told apart under every common colour blindness
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
INK, SHADE, FAINT = "#333333", "#E9E9E4", "#8A8A8A"
STRIP = (-0.34, -0.10)  # where the segments lie under the curve, in units of the score axis
TEXT = 9.0  # points; titles are larger by a half


@dataclass(frozen=True)
class Row:
    """One curve of the picture.

    title: what the scores come from; score_TS: class scores of the shown classes in [0, 1];
    segments: what localization makes of them.
    """

    title: str
    score_TS: Floats
    segments: Segments


def draw_timeline(
    title: str,
    duration_s: float,
    grid: SnippetGrid,
    classes: Sequence[str],
    truth: Segments,
    rows: Sequence[Row],
    levels: Sequence[tuple[str, float]] = (),
) -> bytes:
    """A PNG: ground truth on top, below it the rows, all over the same seconds.

    classes: the S classes that are shown, in the columns' order; levels: named thresholds to
    mark on the score axes. Equal input gives equal bytes.
    """
    figure = Figure(figsize=(10, 1.35 + 1.3 * len(rows)), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(
        len(rows) + 1, 1, sharex=True, gridspec_kw={"height_ratios": [0.32] + [1.0] * len(rows)}
    )
    colour = {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(classes)}
    _draw_truth(axes[0], truth, colour)
    for axis, row in zip(axes[1:], rows, strict=True):
        _draw_row(axis, row, grid, duration_s, list(colour.items()), truth, levels)
    axes[-1].set_xlim(0, duration_s)
    axes[-1].set_xlabel("time (s)", fontsize=TEXT, color=INK)
    axes[-1].tick_params(axis="x", bottom=True, labelbottom=True, labelsize=TEXT, colors=INK)
    figure.suptitle(title, x=0.01, ha="left", fontsize=1.5 * TEXT, color=INK)
    figure.legend(
        handles=[
            *(Patch(color=shade, label=name) for name, shade in colour.items()),
            Patch(color=SHADE, label="true time of an action"),
        ],
        loc="outside upper right",
        ncols=min(len(colour) + 1, 5),
        frameon=False,
        fontsize=TEXT,
        labelcolor=INK,
    )
    picture = io.BytesIO()
    # without the entry matplotlib writes its version, and the bytes change at every update
    figure.savefig(picture, format="png", metadata={"Software": None})
    return picture.getvalue()


def pick_disjoint(segments: Segments) -> Segments:
    """Of overlapping segments of a class only the best scored: what can be drawn side by side."""
    kept: list[int] = []
    for i in np.argsort(-segments.score, kind="stable").tolist():
        rivals = [k for k in kept if segments.label[k] == segments.label[i]]
        if not tiou_NM(segments.seg_N2[[i]], segments.seg_N2[rivals]).any():
            kept.append(i)
    return segments.take(np.array(kept, dtype=np.intp))


def _draw_truth(axis: Axes, truth: Segments, colour: dict[str, str]) -> None:
    lanes = max(2, len(colour))  # one class alone gets no thicker bars than two
    top = 0.5 + len(colour) / lanes / 2
    for i in range(len(truth)):
        lane = list(colour).index(str(truth.label[i]))
        axis.broken_barh(
            [(truth.start_s[i], truth.end_s[i] - truth.start_s[i])],
            (top - (lane + 0.92) / lanes, 0.84 / lanes),
            color=colour[str(truth.label[i])],
            linewidth=0,
        )
    axis.set_ylim(0, 1)
    axis.set_yticks([])
    _name(axis, "ground truth", 0.5)


def _draw_row(
    axis: Axes,
    row: Row,
    grid: SnippetGrid,
    duration_s: float,
    classes: Sequence[tuple[str, str]],
    truth: Segments,
    levels: Sequence[tuple[str, float]],
) -> None:
    for start, end in zip(truth.start_s, truth.end_s, strict=True):
        axis.axvspan(start, end, color=SHADE, linewidth=0, zorder=0)
    edge_s = np.minimum(grid.start_s(np.arange(len(row.score_TS) + 1)), duration_s)
    for s, (_, shade) in enumerate(classes):
        axis.stairs(row.score_TS[:, s], edge_s, fill=True, color=shade, alpha=0.25, zorder=2)
        axis.stairs(row.score_TS[:, s], edge_s, color=shade, linewidth=1.2, zorder=3)
    for name, level in levels:
        axis.axhline(level, color=FAINT, linewidth=0.7, linestyle=(0, (4, 3)), zorder=1)
        axis.annotate(
            name, (1.004, level), xycoords=("axes fraction", "data"),
            fontsize=TEXT - 1, color=FAINT, va="center",
        )  # fmt: skip
    _draw_segments(axis, pick_disjoint(row.segments), classes)
    axis.axhline(0, color=FAINT, linewidth=0.7)
    axis.set_ylim(STRIP[0] - 0.06, 1.05)
    axis.set_yticks([sum(STRIP) / 2, 0, 0.5, 1], ["segments", "0", "score 0.5", "1"])
    axis.tick_params(axis="y", labelsize=TEXT - 1, colors=FAINT, length=2)
    _name(axis, row.title, 0.62)


def _draw_segments(axis: Axes, segments: Segments, classes: Sequence[tuple[str, str]]) -> None:
    """Bars in a strip under the curve, a lane per class; the paler, the lower their score."""
    lane_height = min(0.14, (STRIP[1] - STRIP[0]) / len(classes))
    high = sum(STRIP) / 2 + lane_height * len(classes) / 2
    for lane, (name, shade) in enumerate(classes):
        own = segments.take(segments.label == name)
        for start, end, score in zip(own.start_s, own.end_s, own.score, strict=True):
            axis.broken_barh(
                [(start, end - start)],
                (high - (lane + 1) * lane_height, 0.86 * lane_height),
                facecolor=shade,
                alpha=float(np.clip(score, 0.12, 1.0)),
                edgecolor="white",
                linewidth=0.8,
            )


def _name(axis: Axes, title: str, height: float) -> None:
    axis.text(
        -0.075, height, title, transform=axis.transAxes, ha="right", va="center",
        fontsize=TEXT, color=INK,
    )  # fmt: skip
    axis.tick_params(axis="x", bottom=False, labelbottom=False)
    for side in ("top", "right", "bottom", "left"):
        axis.spines[side].set_visible(False)
