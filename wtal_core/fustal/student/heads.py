"""What is read off each point: class logits, and where its segment begins and ends.

B videos, P points, D channels, C classes, N chosen points, K = bins + 1.
"""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from wtal_core.branches.cbp import ConvNormRelu, MaskedConv
from wtal_core.fustal.student.points import Points


class Head(nn.Module):
    """Convolutions with layer norm and ReLU, and a last one in float32; one for all levels."""

    def __init__(self, width: int, outward: int, layers: int, bias: float = 0.0) -> None:
        super().__init__()
        self.tower = nn.ModuleList(ConvNormRelu(width, width) for _ in range(layers))
        self.last = MaskedConv(width, outward)
        nn.init.constant_(self.last.conv.bias, bias)  # type: ignore[arg-type]

    def forward(self, x_BPD: Tensor, mask_BP: Tensor) -> Tensor:
        """(B, P, outward); rows that are not points have no meaning."""
        for layer in self.tower:
            x_BPD = layer(x_BPD, mask_BP)
        # In bfloat16 many points would score the same, and the best be a matter of order.
        with torch.autocast(x_BPD.device.type, enabled=False):
            outward_BPX: Tensor = self.last(x_BPD.float(), mask_BP)
        return outward_BPX


class Boundaries(Protocol):
    """The segments of all points of a batch, computed for those that are asked for."""

    def offsets(self, video_N: Tensor, point_N: Tensor, class_N: Tensor) -> Tensor:
        """(N, 2) rows from each point back to its segment's start and on to its end, at least 0."""


@dataclass(frozen=True)
class PlainBoundaries:
    """Every point says both distances itself."""

    offset_BP2: Tensor

    def offsets(self, video_N: Tensor, point_N: Tensor, class_N: Tensor) -> Tensor:
        """(N, 2); the same for all classes."""
        return self.offset_BP2[video_N, point_N]


class PlainHead(nn.Module):
    """ActionFormer's: both distances, times a factor learnt for each level, ReLU.

    Differs: a positive's class loss is weighed by its tIoU (`iou_power`) under this head, too.
    """

    def __init__(self, width: int, layers: int, levels: int) -> None:
        super().__init__()
        self.head = Head(width, 2, layers)
        self.scale_L = nn.Parameter(torch.ones(levels))

    def forward(self, x_BPD: Tensor, mask_BP: Tensor, points: Points) -> PlainBoundaries:
        """The distances of all points."""
        scale_P = self.scale_L[points.level_P.clamp(min=0)]
        return PlainBoundaries((self.head(x_BPD, mask_BP) * scale_P[:, None]).relu())


@dataclass(frozen=True)
class TridentBoundaries:
    """Responses of starts and ends at each point, and what each point makes of its neighbours."""

    start_BPC: Tensor  # 0 where there is no point
    end_BPC: Tensor
    bin_BP2K: Tensor  # [0]: weights of the rows back, [1]: of the rows on
    points: Points

    def offsets(self, video_N: Tensor, point_N: Tensor, class_N: Tensor) -> Tensor:
        """(N, 2) the mean distance under the softmax over the K rows of each side.

        As in [TriDet]: a row's logit is its response as a boundary plus the weight that the point
        gives to its distance. Beyond the ends of the video the response is 0.
        """
        step_K = torch.arange(self.bin_BP2K.shape[-1], device=point_N.device)
        sides = []
        for side, (response_BPC, sign) in enumerate(((self.start_BPC, -1), (self.end_BPC, 1))):
            row_NK = self.points.beside(point_N, sign * step_K)
            response_NK = response_BPC[video_N[:, None], row_NK, class_N[:, None]]
            share_NK = (response_NK + self.bin_BP2K[video_N, point_N, side]).softmax(-1)
            sides.append((share_NK * step_K).sum(-1))
        return torch.stack(sides, -1)


class TridentHead(nn.Module):
    """TriDet's: a boundary is where its response stands out among the rows near a point.

    Each class has responses of its own. Differs: there no gradient goes from the responses to the
    pyramid, responses begin as low as classes do, and each level scales its weights, cut at 0.
    """

    def __init__(self, width: int, layers: int, classes: int, bins: int) -> None:
        super().__init__()
        self.start = Head(width, classes, layers)
        self.end = Head(width, classes, layers)
        self.bins = Head(width, 2 * (bins + 1), layers)

    def forward(self, x_BPD: Tensor, mask_BP: Tensor, points: Points) -> TridentBoundaries:
        """The responses and weights of all points."""
        return TridentBoundaries(
            self.start(x_BPD, mask_BP) * mask_BP[..., None],
            self.end(x_BPD, mask_BP) * mask_BP[..., None],
            self.bins(x_BPD, mask_BP).unflatten(-1, (2, -1)),
            points,
        )
