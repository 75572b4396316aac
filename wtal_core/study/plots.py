"""A study's results as pictures: rounds, complementarity, differences. Equal input, equal bytes."""

import io
import textwrap
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D

from wtal_core.evaluation.claims import SMALLER
from wtal_core.evaluation.report import HEADLINE
from wtal_core.schema.study import Entry, StudyParams, Table
from wtal_core.study.report import Results, cell, name_metric

# Okabe and Ito 2008, twice: the second time dashed
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
INK, FAINT = "#333333", "#BBBBBB"
# colour, marker, its inside, meaning
VERDICT_LOOKS = {
    "holds": ("#009E73", "o", "#009E73", "holds"),
    "fails": ("#D55E00", "X", "#D55E00", "does not hold"),
    "open": ("#7A7A7A", "o", "white", "not decided"),
}
WRAP = 60  # letters of a claim in a line
PAD_IN = 0.1
APART = 0.035  # rounds between the bars of two rows
LONG = 3  # rounds from which on a row is drawn against rounds


def draw_all(study: StudyParams, results: Results, note: str) -> dict[str, bytes]:
    """File name: PNG, of each picture that the study has something for."""
    found = {}
    if results.claims:
        found["claims.png"] = draw_claims(results, note)
    measured = all(HEADLINE in values for values in results.values.values())
    if measured and any(row.rounds >= LONG for row in study.rows.values()):
        found["rounds.png"] = draw_rounds(study, results, note)
    for number, table in enumerate(t for t in study.tables if SMALLER in t.metrics):
        ending = f"-{number + 1}" if number else ""
        found[f"complementarity{ending}.png"] = draw_scatter(table, study, results, note)
    return found


def draw_rounds(study: StudyParams, results: Results, note: str) -> bytes:
    """mAP of every row with many rounds against the round; bars are deviations over seeds."""
    figure, axis = _blank(9, 5)
    rows = [(name, row) for name, row in study.rows.items() if row.rounds >= LONG]
    lasts = []
    for n, (name, row) in enumerate(rows):
        cells = [
            cell(results, Entry(name, name, f"r{r}"), HEADLINE, study.seeds)
            for r in range(row.rounds + 1)
        ]
        lasts.append(cells[-1].mean)
        axis.errorbar(
            # Side by side, since many rows share a round's values.
            [r + APART * (n - (len(rows) - 1) / 2) for r in range(len(cells))],
            [one.mean for one in cells],
            [one.deviation for one in cells],
            color=COLOURS[n % len(COLOURS)],
            linestyle="-" if n < len(COLOURS) else "--",
            marker="o", markersize=4, capsize=2, elinewidth=1,
            linewidth=2.5 if n == 0 else 1.4, label=name.replace("_", " "),
        )  # fmt: skip
    longest = max(row.rounds for _, row in rows)
    axis.set_xticks(range(longest + 1), ["warm-up", *(f"r{n}" for n in range(1, longest + 1))])
    axis.set_ylabel(f"{name_metric(HEADLINE)} (points)")
    axis.set_title(f"mAP against rounds, {note}")
    _legend(axis, sorted(range(len(rows)), key=lambda n: -lasts[n]))
    return _png(figure)


def draw_scatter(table: Table, study: StudyParams, results: Results, note: str) -> bytes:
    """Background against foreground mIoU of a table's lines: complete and precise is top right."""
    figure, axis = _blank(9, 5)
    for n, entry in enumerate(table.entries):
        fg, bg = (cell(results, entry, f"{part}_miou", study.seeds) for part in ("fg", "bg"))
        axis.errorbar(
            fg.mean, bg.mean, bg.deviation, fg.deviation, fmt="os"[entry.branch == "vlp"],
            color=COLOURS[n % len(COLOURS)], capsize=2, label=_plain(entry.label),
        )  # fmt: skip
    axis.set_xlabel("foreground mIoU (points)")
    axis.set_ylabel("background mIoU (points)")
    axis.set_title(f"{_plain(table.title)}, {note}")
    _legend(axis, range(len(table.entries)))
    return _png(figure)


def draw_claims(results: Results, note: str) -> bytes:
    """Each claim's difference with its interval, and the least that the claim asks for."""
    labels = [textwrap.fill(_plain(claim["says"]), WRAP) for claim in results.claims]
    heights = [0.33 + 0.15 * label.count("\n") for label in labels]
    figure, axis = _blank(9, 1.5 + sum(heights))
    axis.axvline(0, color=INK, linewidth=1)
    middles_y, top = [], 0.0
    for before, claim, height in zip(
        [None, *results.claims], results.claims, heights, strict=False
    ):
        if before and before["table"] != claim["table"]:
            axis.axhline(top, color=FAINT, linewidth=1)
        y = top + height / 2
        middles_y.append(y)
        top += height
        middle, low, high = (float(claim[key] or "nan") for key in ("difference", "low", "high"))
        colour, marker, face, _ = VERDICT_LOOKS[claim["verdict"]]
        axis.plot([low, high], [y, y], color=colour, linewidth=2.5, solid_capstyle="butt")
        axis.plot(
            [middle], [y], marker, color=colour, markerfacecolor=face, markeredgewidth=1.5,
            markersize=7,
        )  # fmt: skip
        if float(claim["at_least"]):
            axis.plot([float(claim["at_least"])], [y], "|", color=INK, markersize=14)
    axis.set_yticks(middles_y, labels)
    axis.tick_params(axis="y", length=0)
    axis.grid(visible=False, axis="y")
    axis.set_ylim(top, 0)
    axis.set_xlabel("difference in points, with 95 % of the resamples")
    axis.set_title(f"Claims, {note}")
    shown = [
        Line2D([], [], color=colour, marker=marker, markerfacecolor=face, label=meaning)
        for colour, marker, face, meaning in VERDICT_LOOKS.values()
    ]
    asked = Line2D([], [], color=INK, marker="|", markersize=12, linestyle="", label="asked for")
    figure.legend(handles=[*shown, asked], loc="outside lower center", ncols=4, frameon=False)
    return _png(figure)


def _plain(text: str) -> str:
    """Text that matplotlib takes for no formula."""
    return text.replace("$", r"\$")


def _legend(axis: Axes, order: Sequence[int]) -> None:
    """Beside the picture; `order` is that of what was drawn."""
    handles, labels = axis.get_legend_handles_labels()
    axis.legend(
        [handles[n] for n in order], [labels[n] for n in order], loc="center left",
        bbox_to_anchor=(1.0, 0.5), frameon=False,
    )  # fmt: skip


def _blank(width: float, height: float) -> tuple[Figure, Axes]:
    figure = Figure(
        figsize=(width, height), dpi=110, layout=ConstrainedLayoutEngine(w_pad=PAD_IN, h_pad=PAD_IN)
    )
    FigureCanvasAgg(figure)
    axis = figure.subplots()
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(color="#EEEEEE", linewidth=0.8)
    axis.set_axisbelow(True)
    return figure, axis


def _png(figure: Figure) -> bytes:
    written = io.BytesIO()
    # The default metadata would name the version of matplotlib.
    figure.savefig(written, format="png", metadata={"Software": None})
    return written.getvalue()
