"""The video-level loss of the branch CO2-Net, one function per term.

B videos, T snippets, C classes, K = C + 1 with background last, D feature channels, N pairs of a
video and one of its labels.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from wtal_core.branches.output import BranchOutput
from wtal_core.losses.mil import video_loss
from wtal_core.pooling import pool_mean
from wtal_core.schema.co2net import Co2NetParams
from wtal_core.schema.losses import LossParams


def co2net_loss(
    output: BranchOutput,
    label_BC: Tensor,
    params: Co2NetParams,
    loss: LossParams,
    generator: torch.Generator,
) -> Tensor:
    """The weighted sum of six terms, means over videos; section 3.4 of [CO2].

    A term of weight 0 is not computed. The choices of `loss` are Eq. (1)'s and nothing is drawn
    here, so `loss` and `generator` play no part.
    """
    weighted = (
        (params.mil_weight, _mil),
        (params.suppressed_weight, _suppressed),
        (params.contrast_weight, _contrast),
        (params.mutual_weight, _mutual),
        (params.sparsity_weight, _sparsity),
        (params.guide_weight, _guide),
    )
    terms = [weight * term(output, label_BC, params) for weight, term in weighted if weight]
    return torch.stack(terms).sum()


def suppress(output: BranchOutput) -> Tensor:
    """Logits moved towards their snippet's lowest one where attention is low, (B, T, K).

    min + A (x - min) with the minimum over classes: without attention all classes are equal.
    """
    logit_BTK, attn_BT1 = output.extra["logit_BTK"], output.extra["attn_BT3"][..., :1]
    low_BT1 = logit_BTK.amin(-1, keepdim=True)
    return low_BT1 + attn_BT1 * (logit_BTK - low_BT1)


def guide_gap(output: BranchOutput) -> Tensor:
    """|1 - A - p(background)|, mean over the three attentions, (B, T)."""
    background_BT1 = output.extra["logit_BTK"].softmax(-1)[..., -1:]
    return (1 - output.extra["attn_BT3"] - background_BT1).abs().mean(-1)


def coactivity_loss(
    feat_BTD: Tensor, score_BTC: Tensor, label_BC: Tensor, mask_BT: Tensor, margin: float
) -> Tensor:
    """Videos that share a class look alike where that class is active, a scalar.

    With h and l the mean features under the weights softmax_t(score) and (1 - softmax_t(score)) /
    (T - 1), d the cosine distance: max(0, d(h, h') - d(h, l') + margin), mean over all ordered
    pairs of videos with a class in common and over those classes; 0 without such a pair.
    Differs: [CO2] builds each batch round three such pairs. Here all that a batch happens to
    hold count, whatever its size.
    """
    high_BTC = score_BTC.masked_fill(~mask_BT[..., None], -torch.inf).softmax(1)
    others_B11 = (mask_BT.sum(1) - 1).clamp(min=1)[:, None, None]
    low_BTC = ((1 - high_BTC) / others_B11).masked_fill(~mask_BT[..., None], 0)
    labels = label_BC.nonzero(as_tuple=True)
    high_ND, low_ND = (
        F.normalize(torch.einsum("btc,btd->bcd", weight_BTC, feat_BTD)[labels], dim=-1)
        for weight_BTC in (high_BTC, low_BTC)
    )
    hinge_NN = (high_ND @ low_ND.T - high_ND @ high_ND.T + margin).clamp(min=0)
    class_N = labels[1]
    is_pair_NN = (class_N[:, None] == class_N).fill_diagonal_(False)
    return (hinge_NN * is_pair_NN).sum() / is_pair_NN.sum().clamp(min=1)


def _mil(output: BranchOutput, label_BC: Tensor, params: Co2NetParams) -> Tensor:
    """Every video shows its labels, and background."""
    label_BK = F.pad(label_BC, (0, 1), value=1.0)
    return video_loss(output.extra["logit_BTK"], output.mask_BT, label_BK, params.topk_ratio)


def _suppressed(output: BranchOutput, label_BC: Tensor, params: Co2NetParams) -> Tensor:
    """Where attention is high there is no background."""
    label_BK = F.pad(label_BC, (0, 1))
    return video_loss(suppress(output), output.mask_BT, label_BK, params.topk_ratio)


def _contrast(output: BranchOutput, label_BC: Tensor, params: Co2NetParams) -> Tensor:
    score_BTC = suppress(output)[..., :-1]
    return coactivity_loss(output.feat_BTD, score_BTC, label_BC, output.mask_BT, params.margin)


def _mutual(output: BranchOutput, label_BC: Tensor, params: Co2NetParams) -> Tensor:
    """Each attention learns from the other, which stands still meanwhile: mean of both squares."""
    _, rgb_BT, flow_BT = output.extra["attn_BT3"].unbind(-1)
    both = [(rgb_BT - flow_BT.detach()).square(), (flow_BT - rgb_BT.detach()).square()]
    return pool_mean(torch.stack(both, dim=-1), output.mask_BT).mean()


def _sparsity(output: BranchOutput, label_BC: Tensor, params: Co2NetParams) -> Tensor:
    return pool_mean(output.extra["attn_BT3"], output.mask_BT).mean()


def _guide(output: BranchOutput, label_BC: Tensor, params: Co2NetParams) -> Tensor:
    """Attention is what background leaves."""
    return pool_mean(guide_gap(output)[..., None], output.mask_BT).mean()
