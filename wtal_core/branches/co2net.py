"""CO2-Net as the CBP branch: RGB and flow must agree on what is action [CO2].

B videos, T snippets, C classes, K = C + 1 with background last, D feature channels.
"""

import torch
from torch import Tensor, nn

from wtal_core.branches.output import BranchOutput
from wtal_core.pooling import pool_mean
from wtal_core.schema.co2net import Co2NetParams

SLOPE = 0.2  # of LeakyReLU below zero


class CO2Net(nn.Module):
    """Two consensus modules, each the other's auxiliary; their features are fused and classified.

    [CO2], section 3. P^cb is the softmax over C + 1 without background, times the attention; the
    CAS is logits times attention, which [CO2] pools to the video-level score at test time. `extra`
    holds `logit_BTK` and `attn_BT3`: the mean attention, RGB's and flow's. [DELU] has the same
    network and another loss.
    """

    def __init__(self, in_channels: int, classes: int, params: Co2NetParams) -> None:
        super().__init__()
        if in_channels % 2:
            raise ValueError(f"RGB and flow must be of equal width, got {in_channels} columns")
        self.rgb = Consensus(in_channels // 2, params)
        self.flow = Consensus(in_channels // 2, params)
        self.fuse = nn.Linear(in_channels, params.width)
        self.hidden = nn.Conv1d(params.width, params.width, 3, padding=1)
        self.last = nn.Linear(params.width, classes + 1)
        self.activate = nn.LeakyReLU(SLOPE)
        self.dropout = nn.Dropout(params.dropout)
        for module in self.modules():
            if isinstance(module, nn.Conv1d | nn.Linear):
                nn.init.kaiming_uniform_(module.weight)
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]

    def forward(self, feat_BTD: Tensor, mask_BT: Tensor) -> BranchOutput:
        """CAS, class probabilities, the fused feature, and what the losses need besides."""
        rgb_BTD, flow_BTD = feat_BTD.chunk(2, dim=-1)
        attn_rgb_BT, clean_rgb_BTD = self.rgb(rgb_BTD, flow_BTD, mask_BT)
        attn_flow_BT, clean_flow_BTD = self.flow(flow_BTD, rgb_BTD, mask_BT)
        attn_BT = (attn_rgb_BT + attn_flow_BT) / 2
        clean_BTD = torch.cat([clean_rgb_BTD, clean_flow_BTD], dim=-1)
        fused_BTD = self.dropout(self.activate(self.fuse(clean_BTD)))
        x_BTD = self.activate(convolve(self.hidden, self.dropout(fused_BTD), mask_BT))
        # In bfloat16 the logits of many snippets would be equal, and the top k a matter of order.
        with torch.autocast(x_BTD.device.type, enabled=False):
            logit_BTK = self.last(self.dropout(x_BTD.float()))
        scale_BT1 = attn_BT[..., None]
        prob_BTC = logit_BTK.softmax(-1)[..., :-1] * scale_BT1
        extra = {
            "logit_BTK": logit_BTK,
            "attn_BT3": torch.stack([attn_BT, attn_rgb_BT, attn_flow_BT], dim=-1),
        }
        return BranchOutput(logit_BTK[..., :-1] * scale_BT1, prob_BTC, fused_BTD, mask_BT, extra)


class Consensus(nn.Module):
    """One modality, cleaned of what its own global view and the other's local view do not share.

    The cross-modal consensus module of [CO2]: σ(local ∘ global) gates the main modality, and the
    gated feature gives its attention.
    Differs: the global view is a linear map, what a convolution over a single position comes to.
    """

    def __init__(self, channels: int, params: Co2NetParams) -> None:
        super().__init__()
        self.overall = nn.Linear(channels, channels)
        self.local = nn.Conv1d(channels, channels, 3, padding=1)
        self.first = nn.Conv1d(channels, params.attention_width, 3, padding=1)
        self.second = nn.Conv1d(params.attention_width, params.attention_width, 3, padding=1)
        self.last = nn.Linear(params.attention_width, 1)
        self.activate = nn.LeakyReLU(SLOPE)
        self.dropout = nn.Dropout(params.attention_dropout)

    def forward(
        self, main_BTD: Tensor, auxiliary_BTD: Tensor, mask_BT: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Attention (B, T) in (0, 1) and the gated main modality (B, T, D)."""
        overall_BD = self.dropout(self.activate(self.overall(pool_mean(main_BTD, mask_BT))))
        local_BTD = self.dropout(self.activate(convolve(self.local, auxiliary_BTD, mask_BT)))
        clean_BTD = torch.sigmoid(local_BTD * overall_BD[:, None]) * main_BTD
        x_BTD = self.dropout(self.activate(convolve(self.first, clean_BTD, mask_BT)))
        x_BTD = self.activate(convolve(self.second, x_BTD, mask_BT))
        with torch.autocast(x_BTD.device.type, enabled=False):
            logit_BT = self.dropout(self.last(x_BTD.float()).squeeze(-1))
        return logit_BT.sigmoid(), clean_BTD


def convolve(conv: nn.Conv1d, x_BTD: Tensor, mask_BT: Tensor) -> Tensor:
    """A convolution over time that sees zeros where there is no snippet."""
    found_BDT: Tensor = conv((x_BTD * mask_BT[..., None]).transpose(1, 2))
    return found_BDT.transpose(1, 2)
