"""One video's pseudo-labels on a time axis, with letters or as a PNG."""

from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from wtal_core.grid import SnippetGrid

MARKS = {1: "#", 0: ".", -1: "?"}
LEGEND = "# foreground   . background   ? uncertain   0-9 score in tenths"
# Uncertain, background, foreground; told apart in grey and by the colour-blind too.
COLOURS = ListedColormap(["#d0d0d0", "#f2e6c9", "#1f6f9f"])


def draw_text(
    label_TC: np.ndarray, score_TC: np.ndarray, names: list[str], grid: SnippetGrid, width: int
) -> str:
    """Two lines per class, labels and scores, broken into pieces of `width` snippets."""
    margin = max(len(name) for name in names) + 2
    lines = [LEGEND]
    for first in range(0, len(label_TC), width):
        last = min(first + width, len(label_TC))
        start, end = grid.start_s(first), grid.end_s(last - 1)
        lines.append(f"{'':{margin}}{start:.1f} s to {end:.1f} s")
        for c, name in enumerate(names):
            marks = "".join(MARKS[int(v)] for v in label_TC[first:last, c])
            tenths = "".join(str(min(9, int(10 * s))) for s in score_TC[first:last, c])
            lines += [f"{name:{margin}}{marks}", f"{'':{margin}}{tenths}"]
    return "\n".join(lines)


def draw_png(
    path: Path,
    label_TC: np.ndarray,
    score_TC: np.ndarray,
    names: list[str],
    grid: SnippetGrid,
    thresholds: tuple[float, float],
) -> None:
    """Per class the score curve over a strip of its labels; the same input, the same bytes."""
    figure = Figure(figsize=(10, 0.6 + 1.5 * len(names)), layout="constrained")
    axes = np.atleast_1d(np.asarray(figure.subplots(len(names), 1, sharex=True)))
    end_s = grid.end_s(float(len(label_TC) - 1))
    centre_T = grid.centre_s(np.arange(len(label_TC)))
    for c, (axis, name) in enumerate(zip(axes, names, strict=True)):
        axis.imshow(
            label_TC[None, :, c],
            extent=(grid.start_s(0.0), end_s, 0.0, 1.0),
            aspect="auto",
            cmap=COLOURS,
            vmin=-1,
            vmax=1,
            interpolation="nearest",
        )
        axis.plot(centre_T, score_TC[:, c], color="black", linewidth=1)
        for level in thresholds:
            axis.axhline(level, color="#b03030", linewidth=0.8, linestyle="dashed")
        axis.set(ylim=(0, 1), ylabel=name)
    axes[-1].set_xlabel("seconds; blue foreground, sand background, grey uncertain")
    FigureCanvasAgg(figure).print_png(path, metadata={"Software": None})
