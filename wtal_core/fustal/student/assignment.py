"""Which point learns which segment: ranges per level and centre sampling, as in ActionFormer.

B videos, P points of all levels, G segments of a video, C classes.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from wtal_core.fustal.student.points import Points

SAME_LENGTH = 1e-3  # snippets; segments of one length share a point: its classes are theirs


@dataclass(frozen=True)
class Targets:
    """What every point of a batch is to say."""

    class_BPC: Tensor  # 0 or 1; all 0 where a point is background
    own_BP: Tensor  # class of the segment whose ends the point learns, -1: it learns none
    offset_BP2: Tensor  # rows back to its start and on to its end; 0 where there is none


def assign(
    points: Points,
    seg_BG2: Tensor,
    class_BG: Tensor,
    real_BG: Tensor,
    classes: int,
    radius: float,
) -> Targets:
    """A point learns the shortest segment that has it near its centre and suits its level.

    seg_BG2: starts and ends in snippets; real_BG is False for padding. Near is inside the segment
    and less than `radius` rows of the level from its centre; a segment suits a level when its
    farther end lies within the level's range, both limits included. The class of every segment as
    short as the shortest (CliffDiving beside Diving) is a target, the ends are those of the first.
    """
    at_P1 = points.at_P[:, None]
    start_B1G, end_B1G = seg_BG2[:, None, :, 0], seg_BG2[:, None, :, 1]
    ends_BPG2 = torch.stack([at_P1 - start_B1G, end_B1G - at_P1], -1)
    reach_P1 = radius * points.stride_P[:, None]
    centre_B1G = (start_B1G + end_B1G) / 2
    near_BPG = (ends_BPG2.amin(-1) > 0) & ((at_P1 - centre_B1G).abs() < reach_P1)
    far_BPG = ends_BPG2.amax(-1)
    suits_BPG = (far_BPG >= points.low_P[:, None]) & (far_BPG <= points.high_P[:, None])
    taken_BPG = near_BPG & suits_BPG & real_BG[:, None]
    if not seg_BG2.shape[1]:
        none_BP = taken_BPG.new_full(taken_BPG.shape[:2], -1, dtype=torch.long)
        zeros_BPC = points.at_P.new_zeros((*none_BP.shape, classes))
        return Targets(zeros_BPC, none_BP, points.at_P.new_zeros((*none_BP.shape, 2)))
    length_BPG = (end_B1G - start_B1G).masked_fill(~taken_BPG, torch.inf)
    shortest_BP = length_BPG.amin(-1)
    shared_BPG = taken_BPG & (length_BPG <= shortest_BP[..., None] + SAME_LENGTH)
    # The first of those, whatever rounding makes of their lengths.
    segment_BP = shared_BPG.int().argmax(-1)
    own_BP = class_BG.gather(1, segment_BP).masked_fill(~taken_BPG.any(-1), -1)
    named_BGC = F.one_hot(class_BG, classes).to(seg_BG2.dtype)
    class_BPC = (shared_BPG.to(seg_BG2.dtype) @ named_BGC).clamp(max=1)
    own_BP12 = segment_BP[..., None, None].expand(-1, -1, 1, 2)
    offset_BP2 = ends_BPG2.gather(2, own_BP12).squeeze(2) / points.stride_P[:, None]
    return Targets(
        class_BPC,
        own_BP,
        offset_BP2.masked_fill((own_BP < 0)[..., None], 0),
    )
