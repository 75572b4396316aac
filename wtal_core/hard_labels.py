"""What a person said of a video's snippets, as pseudo-labels that no score can change.

T snippets, C classes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch
from torch import Tensor

from wtal_core.grid import SnippetGrid
from wtal_core.pseudo_labels import PseudoLabels
from wtal_core.segments import Floats

FREE = -2  # nothing was said: the model's own label stands
# Share of a snippet that is taken for none of it. A time that went through frame numbers is off by
# up to a frame: 0.05 s at 20 frames a second, 8 % of a snippet of 0.64 s.
EDGE = 0.1


@dataclass(frozen=True)
class Constrained:
    """Pairs of a snippet and a class that a person decided, and how many of them differ for it."""

    videos: int
    foreground: int
    background: int
    uncertain: int
    changed: int

    def to_dict(self) -> dict[str, int]:
        """As plain numbers, for the record of an artifact."""
        return asdict(self)

    def describe(self) -> str:
        """One line for messages."""
        return (
            f"{self.videos} videos; {self.foreground} snippets foreground, {self.background} "
            f"background, {self.uncertain} uncertain; {self.changed} were labelled otherwise"
        )


def cover(segments: Sequence[tuple[float, float]], grid: SnippetGrid, count: int) -> Floats:
    """(T,) share of each of `count` snippets that the union of [start, end) in seconds covers."""
    at_T = np.arange(count)
    start_T, end_T = grid.start_s(at_T), grid.end_s(at_T)
    covered_T, reached = np.zeros(count), -np.inf
    for start, end in sorted(segments):
        start = max(start, reached)  # what an earlier segment holds does not count twice
        reached = max(reached, end)
        covered_T += np.clip(np.minimum(end_T, end) - np.maximum(start_T, start), 0, None)
    return covered_T / (end_T - start_T)


def hard_labels(
    segments: Mapping[str, Sequence[tuple[float, float]]],
    reviewed: Sequence[str],
    classes: Sequence[str],
    grid: SnippetGrid,
    count: int,
) -> Tensor:
    """(T, C) int8: 1 inside a corrected segment, 0 outside of all, -1 on a border, else `FREE`.

    A snippet is inside when the segments of the class cover at least 1 - `EDGE` of it, outside when
    at most `EDGE`; one on the border belongs to neither, so it is uncertain and teaches nothing.
    Background and uncertain are said of `reviewed` classes alone: of another, segments are known
    to be right, but not to be all.
    """
    label_TC = torch.full((count, len(classes)), FREE, dtype=torch.int8)
    for c, name in enumerate(classes):
        if name not in segments and name not in reviewed:
            continue
        share_T = torch.from_numpy(cover(segments.get(name, ()), grid, count))
        if name in reviewed:
            label_TC[:, c] = -1
            label_TC[share_T <= EDGE, c] = 0
        label_TC[share_T >= 1 - EDGE, c] = 1
    return label_TC


def constrain(
    found: Sequence[PseudoLabels], hard: Sequence[Tensor | None]
) -> tuple[list[PseudoLabels], Constrained]:
    """Each video's pseudo-labels with what was said of it (None: nothing) put over them.

    The scores stay the model's: records and pictures show what it would have said.
    """
    fixed, said, before = [], [torch.empty(0)], [torch.empty(0)]
    for one, hard_TC in zip(found, hard, strict=True):
        if hard_TC is None:
            fixed.append(one)
            continue
        given_TC = hard_TC.to(one.label_TC.device) != FREE
        label_TC = torch.where(given_TC, hard_TC.to(one.label_TC), one.label_TC)
        fixed.append(PseudoLabels(label_TC, one.score_TC, given_TC))
        said.append(label_TC[given_TC].cpu())
        before.append(one.label_TC[given_TC].cpu())
    said_M, before_M = torch.cat(said), torch.cat(before)
    foreground, background, uncertain = (int((said_M == value).sum()) for value in (1, 0, -1))
    videos = sum(one is not None for one in hard)
    changed = int((said_M != before_M).sum())
    return fixed, Constrained(videos, foreground, background, uncertain, changed)
