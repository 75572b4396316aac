"""Pseudo-labels of training videos as segments, for people to look at and to correct."""

from collections.abc import Mapping, Sequence

import numpy as np

from wtal_core.grid import SnippetGrid
from wtal_core.segments import Segments


def runs_of(
    video: str,
    label_TC: np.ndarray,
    score_TC: np.ndarray,
    columns: Mapping[str, int],
    grid: SnippetGrid,
    duration: float,
) -> Segments:
    """Each run of foreground snippets of a class, with its mean score, by class and time.

    columns: the classes that the video has, each with its column. A run ends with the video.
    """
    parts = []
    for name, c in columns.items():
        edge_T = np.diff(np.concatenate([[0], (label_TC[:, c] == 1).astype(np.int8), [0]]))
        first, behind = np.flatnonzero(edge_T == 1), np.flatnonzero(edge_T == -1)
        scores = [float(score_TC[a:b, c].mean()) for a, b in zip(first, behind, strict=True)]
        start_s = np.maximum(grid.start_s(first), 0)
        end_s = np.minimum(grid.end_s(behind - 1), duration)
        whole = start_s < end_s
        names: Sequence[str] = [video] * len(first)
        found = Segments.build(
            names, [name] * len(first), start_s, np.maximum(start_s, end_s), scores
        )
        parts.append(found.take(whole))
    return Segments.join(parts)
