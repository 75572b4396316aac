"""The student's network: embedding, transformer pyramid, heads that all levels share.

B videos, T snippets, D channels, C classes, P points of all levels.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from wtal_core.branches.cbp import ConvNormRelu, Pyramid
from wtal_core.fustal.student.heads import Boundaries, Head, PlainHead, TridentHead
from wtal_core.fustal.student.points import Points, lay_points, pack_levels
from wtal_core.schema.branches import CbpParams
from wtal_core.schema.student import StudentParams

PRIOR = 0.01  # first score of every class at every point, so that background costs little


@dataclass(frozen=True)
class StudentOutput:
    """What the points of a batch say; rows where `mask_BP` is False have no meaning."""

    logit_BPC: Tensor
    boundaries: Boundaries
    mask_BP: Tensor
    points: Points
    length: int  # T: the points of the finest level come first


class Student(nn.Module):
    """A one-stage detector of segments over a temporal pyramid.

    Differs: FuSTAL's student has convolutional blocks (TriDet's); here both heads stand on the
    transformer blocks of the other branches, attention in a window, as ActionFormer has them.
    """

    def __init__(self, in_channels: int, classes: int, params: StudentParams) -> None:
        super().__init__()
        width, layers = params.width, params.head_layers
        self.first_range = params.first_range
        self.precision = params.precision
        self.embed = nn.ModuleList(
            ConvNormRelu(width if i else in_channels, width) for i in range(params.embed)
        )
        self.pyramid = Pyramid(_trunk(params))
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(params.levels + 1))
        self.classify = Head(width, classes, layers, bias=-math.log(1 / PRIOR - 1))
        self.bound: PlainHead | TridentHead = (
            PlainHead(width, layers, params.levels + 1)
            if params.head == "actionformer"
            else TridentHead(width, layers, classes, params.bins)
        )

    def forward(self, feat_BTD: Tensor, mask_BT: Tensor) -> StudentOutput:
        """Class logits and boundaries of all points, in float32 whatever the precision."""
        with torch.autocast(feat_BTD.device.type, torch.bfloat16, enabled=self.precision == "bf16"):
            x_BTD = feat_BTD
            for layer in self.embed:
                x_BTD = layer(x_BTD, mask_BT)
            found = self.pyramid(x_BTD * mask_BT[..., None], mask_BT)
            x_BPD, mask_BP = pack_levels(
                [
                    (norm(x_BSD), mask_BS)
                    for norm, (x_BSD, mask_BS) in zip(self.norms, found, strict=True)
                ]
            )
            rows = [mask_BS.shape[1] for _, mask_BS in found]
            points = lay_points(rows, self.first_range, feat_BTD.device)
            logit_BPC = self.classify(x_BPD, mask_BP)
            boundaries = self.bound(x_BPD, mask_BP, points)
        return StudentOutput(logit_BPC, boundaries, mask_BP, points, rows[0])


def _trunk(params: StudentParams) -> CbpParams:
    """The pyramid's part of the parameters, in the words of the branch that shares it."""
    return CbpParams(
        width=params.width,
        heads=params.heads,
        embed=params.embed,
        stem=params.stem,
        levels=params.levels,
        window=params.window,
        mlp_ratio=params.mlp_ratio,
        dropout=params.dropout,
        drop_path=params.drop_path,
    )
