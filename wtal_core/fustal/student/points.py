"""The rows of all pyramid levels, packed into one sequence: the points that detect.

B videos, T snippets, S rows of a level, D channels, P points: the rows of all levels, finest level
first, each level followed by one row that belongs to none.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

NO_LEVEL = -1


@dataclass(frozen=True)
class Points:
    """Where each point stands, in snippets (0 is the middle of the first), and what it looks for.

    Row s of level l stands at snippet s * 2^l. The row behind each level keeps a convolution over
    the packed sequence from seeing two levels at once; its range is empty.
    """

    at_P: Tensor
    stride_P: Tensor  # snippets from a row of its level to the next
    level_P: Tensor  # NO_LEVEL behind a level
    low_P: Tensor  # snippets; the farther end of a segment that this point learns
    high_P: Tensor  # lies from low_P to high_P away

    def beside(self, point_N: Tensor, step_K: Tensor) -> Tensor:
        """(N, K) the point `step_K` rows on within the same level; else the last row, of none."""
        other_NK = point_N[:, None] + step_K
        last = len(self.level_P) - 1
        there_NK = other_NK.clamp(0, last)
        same_NK = (other_NK == there_NK) & (self.level_P[there_NK] == self.level_P[point_N, None])
        return torch.where(same_NK, there_NK, last)


def lay_points(rows: Sequence[int], first_range: float, device: torch.device | str) -> Points:
    """The points of levels of so many rows each; level l takes first_range * 2^(l-1) to 2^l.

    The finest level takes all that is shorter, the coarsest all that is longer.
    """
    at, stride, level, low, high = [], [], [], [], []
    for number, count in enumerate(rows):
        at_S = torch.arange(count + 1, device=device) * 2.0**number
        behind_S = torch.arange(count + 1, device=device) == count
        lowest = first_range * 2 ** (number - 1) if number else 0.0
        highest = first_range * 2**number if number + 1 < len(rows) else torch.inf
        at.append(at_S)
        stride.append(torch.full_like(at_S, 2.0**number))
        level.append(torch.where(behind_S, NO_LEVEL, number))
        low.append(torch.full_like(at_S, lowest).masked_fill(behind_S, torch.inf))
        high.append(torch.full_like(at_S, highest).masked_fill(behind_S, -torch.inf))
    return Points(*(torch.cat(each) for each in (at, stride, level, low, high)))


def pack_levels(found: Sequence[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """Features (B, P, D) and mask (B, P) of the levels' (B, S, D) and (B, S)."""
    x_BPD = torch.cat([F.pad(x_BSD, (0, 0, 0, 1)) for x_BSD, _ in found], 1)
    return x_BPD, torch.cat([F.pad(mask_BS, (0, 1)) for _, mask_BS in found], 1)
