"""UM as the CBP branch: action is where the embedded feature is long [UM].

B videos, T snippets, C classes, D feature channels.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from wtal_core.branches.output import BranchOutput
from wtal_core.pooling import choose_topk
from wtal_core.schema.um import UmParams

FLOOR = 1e-3  # of a scaled magnitude


class UM(nn.Module):
    """A convolution, a linear classifier, and the magnitude of the feature between them.

    [UM], section 3. P^cb is the softmax of the CAS times the magnitude, measured between the means
    of the video's pseudo-background (0) and pseudo-action snippets (1); background thus falls
    below the uniform softmax. `extra` holds means over those snippets: the feature of either,
    `act_BD` and `bkg_BD`, and the CAS of background, `bkg_BC`.
    Differs: [UM] scales magnitudes at test time only. Here the F step trains P^cb, too: the two
    means are then constants, and the gradient goes past the clipping, so that a snippet below the
    pseudo-background's mean can still rise.
    """

    def __init__(self, in_channels: int, classes: int, params: UmParams) -> None:
        super().__init__()
        self.params = params
        self.embed = nn.Conv1d(in_channels, params.width, 3, padding=1)
        self.dropout = nn.Dropout(params.dropout)
        self.classify = nn.Linear(params.width, classes, bias=False)

    def forward(self, feat_BTD: Tensor, mask_BT: Tensor) -> BranchOutput:
        """CAS, class probabilities, the embedded feature, and what the loss of [UM] needs."""
        x_BDT = (feat_BTD * mask_BT[..., None]).transpose(1, 2)
        embedded_BTD = self.embed(x_BDT).relu().transpose(1, 2)
        cas_BTC = self.classify(self.dropout(embedded_BTD))
        size_BT = torch.linalg.vector_norm(embedded_BTD.float(), dim=-1)
        action_BT = scale_magnitude(size_BT, mask_BT, self.params.ratio_act, self.params.ratio_bkg)
        extra = self._means(embedded_BTD, cas_BTC, size_BT.detach(), mask_BT)
        prob_BTC = cas_BTC.softmax(-1) * action_BT[..., None]
        return BranchOutput(cas_BTC, prob_BTC, embedded_BTD, mask_BT, extra)

    def _means(
        self, embedded_BTD: Tensor, cas_BTC: Tensor, size_BT: Tensor, mask_BT: Tensor
    ) -> dict[str, Tensor]:
        """Over pseudo-action and pseudo-background snippets, some of them hidden in training."""
        # Hidden snippets come last in both orders: sizes are at least 0.
        kept_BT = F.dropout(torch.ones_like(size_BT), self.params.select_dropout, self.training)
        biggest_B1 = size_BT.masked_fill(~mask_BT, 0).amax(1, keepdim=True)
        act_BT = choose_topk(size_BT * kept_BT, mask_BT, self.params.ratio_act)
        bkg_BT = choose_topk((biggest_B1 - size_BT) * kept_BT, mask_BT, self.params.ratio_bkg)
        return {
            "act_BD": torch.einsum("bt,btd->bd", act_BT.to(embedded_BTD.dtype), embedded_BTD),
            "bkg_BD": torch.einsum("bt,btd->bd", bkg_BT.to(embedded_BTD.dtype), embedded_BTD),
            "bkg_BC": torch.einsum("bt,btc->bc", bkg_BT.to(cas_BTC.dtype), cas_BTC),
        }


def scale_magnitude(size_BT: Tensor, mask_BT: Tensor, ratio_act: int, ratio_bkg: int) -> Tensor:
    """Magnitudes of a video moved to [0, 1]: clip((m - m_bkg) / (m_act - m_bkg)) of [UM], (B, T).

    m_act and m_bkg are the means of the biggest and of the smallest magnitudes. The gradient is
    that of the fraction, as if nothing were clipped and both ends were constants. A snippet at
    the lower end keeps FLOOR: at 0 no gradient would reach it. A video whose magnitudes are all
    equal gets 1: there is nothing that tells background.
    """
    plain_BT = size_BT.detach()
    high_B1 = (choose_topk(plain_BT, mask_BT, ratio_act) * plain_BT).sum(1, keepdim=True)
    low_B1 = (choose_topk(-plain_BT, mask_BT, ratio_bkg) * plain_BT).sum(1, keepdim=True)
    span_B1 = high_B1 - low_B1
    is_flat_B1 = span_B1 <= 0
    free_BT = (size_BT - low_B1) / torch.where(is_flat_B1, 1, span_B1)
    clipped_BT = torch.where(is_flat_B1, 1, free_BT).clamp(FLOOR, 1)
    return free_BT + (clipped_BT - free_BT).detach()
