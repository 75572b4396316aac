"""FuSTAL's generator: a small classifier of snippets, as in CoLA.

B videos, T snippets, C classes, D channels.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from wtal_core.branches.output import BranchOutput
from wtal_core.pooling import pool_topk
from wtal_core.schema.fustal_generate import FustalGenerateParams


class Generator(nn.Module):
    """A convolution over time and a linear classifier, both with a ReLU behind them.

    The CAS is at least 0 and has no bias; its sum over classes is the actionness of a snippet.
    """

    def __init__(self, in_channels: int, classes: int, params: FustalGenerateParams) -> None:
        super().__init__()
        self.embed = nn.Conv1d(in_channels, params.width, 3, padding=1)
        self.dropout = nn.Dropout(params.dropout)
        self.classify = nn.Linear(params.width, classes, bias=False)

    def forward(self, feat_BTD: Tensor, mask_BT: Tensor) -> BranchOutput:
        """CAS, its softmax, and the embedded feature, which is what the contrast shapes."""
        x_BDT = (feat_BTD * mask_BT[..., None]).transpose(1, 2)
        embedded_BTD = self.embed(x_BDT).relu().transpose(1, 2)
        # In bfloat16 many snippets would score the same, and the top k be a matter of order.
        with torch.autocast(embedded_BTD.device.type, enabled=False):
            cas_BTC = self.classify(self.dropout(embedded_BTD.float())).relu()
        return BranchOutput(cas_BTC, cas_BTC.softmax(-1), embedded_BTD, mask_BT)


@dataclass(frozen=True)
class Scores:
    """Of one video, float32 on the CPU."""

    cas_TC: Tensor
    video_C: Tensor  # softmax over classes of the pooled CAS

    @property
    def action_T(self) -> Tensor:
        """Actionness: the CAS summed over classes."""
        return self.cas_TC.sum(-1)


@torch.no_grad()
def score_video(model: Generator, feat_TD: Tensor, topk_ratio: int) -> Scores:
    """A whole video by itself; the video-level score pools T // `topk_ratio` snippets a class."""
    model.eval()
    device = model.classify.weight.device
    mask_1T = torch.ones(1, len(feat_TD), dtype=torch.bool, device=device)
    output: BranchOutput = model(feat_TD[None].float().to(device), mask_1T)
    video_1C = pool_topk(output.cas_BTC, mask_1T, topk_ratio).softmax(-1)
    return Scores(output.cas_BTC[0].float().cpu(), video_1C[0].float().cpu())
