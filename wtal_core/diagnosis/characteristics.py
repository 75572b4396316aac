"""What instances are like, in bins: how long, how much of their video, one of how many.

Letters: G instances, B bins.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from wtal_core.evaluation.detection import Ranked
from wtal_core.evaluation.protocols import Protocol
from wtal_core.segments import Floats

Scheme = Literal["quantiles", "thumos14", "activitynet"]
NAMES = ("length", "coverage", "instances")
UNITS = {"length": "s", "coverage": "share of the video", "instances": "of the class in the video"}
SIZES = {
    1: ("all",),
    2: ("S", "L"),
    3: ("S", "M", "L"),
    4: ("XS", "S", "M", "L"),
    5: ("XS", "S", "M", "L", "XL"),
}
INF = float("inf")
SNIPPET_S = 16 / 25  # unit of the times under a protocol that compares whole snippets
# The upper ends of the bins but the last, as the paper's own code has them for both data sets.
PUBLISHED: Mapping[str, Mapping[str, tuple[float, ...]]] = {
    "thumos14": {
        "length": (3, 6, 12, 18),
        "coverage": (0.02, 0.04, 0.06, 0.08),
        "instances": (1, 40, 80),
    },
    "activitynet": {
        "length": (30, 60, 120, 180),
        "coverage": (0.2, 0.4, 0.6, 0.8),
        "instances": (1, 4, 8),
    },
}


@dataclass(frozen=True)
class Characteristic:
    """One property of G instances in B bins; bin b holds what lies in (edges[b], edges[b + 1]]."""

    name: str
    sizes: tuple[str, ...]  # of the bins, from extra small to extra large
    edges: tuple[float, ...]  # (B + 1,); the first is -inf, the last +inf
    bin_G: NDArray[np.intp]


def characterise(
    ranked: Sequence[Ranked],
    videos: Sequence[str],
    durations: Mapping[str, float],
    rules: Protocol,
    scheme: Scheme,
) -> list[Characteristic]:
    """Every property of all instances, class by class in the order of `ranked`.

    length: seconds; coverage: length over the video's duration; instances: those of the same class
    in the video. videos: the names that `ranked` numbers. quantiles: five bins of as many
    instances, fewer where values are equal; thumos14, activitynet: the bins of the paper.
    Raises ValueError for another scheme.
    """
    if scheme not in ("quantiles", *PUBLISHED):
        raise ValueError(f"bins are quantiles, {', '.join(PUBLISHED)}, got {scheme!r}")
    unit_s = SNIPPET_S if rules.grid else 1.0
    actual = [one.actual for one in ranked]
    length_G = np.concatenate([(rows.end_N - rows.start_N) * unit_s for rows in actual])
    duration_G = np.concatenate([[durations[videos[v]] for v in rows.video_N] for rows in actual])
    values = {
        "length": length_G,
        "coverage": length_G / duration_G,
        "instances": np.concatenate(
            [np.bincount(rows.video_N)[rows.video_N].astype(np.float64) for rows in actual]
        ),
    }
    found = []
    for name in NAMES:
        inner = _quantiles(values[name]) if scheme == "quantiles" else PUBLISHED[scheme][name]
        # at a bin's upper end is in it, as in the paper; rounding must not lift it out
        bin_G = np.searchsorted(np.array(inner), values[name] - 1e-9, side="left")
        edges = (-INF, *(float(edge) for edge in inner), INF)
        found.append(Characteristic(name, SIZES[len(edges) - 1], edges, bin_G))
    return found


def _quantiles(value_G: Floats) -> tuple[float, ...]:
    """The inner edges of up to five bins with an equal share of the values each."""
    inner = np.unique(np.quantile(value_G, (0.2, 0.4, 0.6, 0.8), method="lower"))
    # an edge at the greatest value would leave the bin above it empty
    return tuple(float(edge) for edge in inner if edge < value_G.max() - 1e-9)
