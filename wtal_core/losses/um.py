"""The video-level loss of the branch UM.

B videos, C classes, D feature channels.
"""

import torch
from torch import Tensor

from wtal_core.branches.output import BranchOutput
from wtal_core.losses.mil import both_terms
from wtal_core.pooling import pool_topk
from wtal_core.schema.losses import LossParams
from wtal_core.schema.um import UmParams


def um_loss(
    output: BranchOutput,
    label_BC: Tensor,
    params: UmParams,
    loss: LossParams,
    generator: torch.Generator,
) -> Tensor:
    """Labels, magnitudes and a uniform background, mean over videos; section 3.3 of [UM].

    L_cls + α L_um + β L_be with α = `magnitude_weight` and β = `entropy_weight`. L_cls and L_be are
    binary cross-entropies, means over classes as the published weights suppose. The choices of
    `loss` are Eq. (1)'s and nothing is drawn here, so `loss` and `generator` play no part.
    """
    count_B1 = label_BC.sum(1, keepdim=True)
    if not bool((count_B1 > 0).all()):
        raise ValueError("the video-level loss needs a label for every video")
    pooled_BC = pool_topk(output.cas_BTC, output.mask_BT, params.ratio_act)
    total_B = both_terms(pooled_BC, label_BC / count_B1).mean(1)
    if params.magnitude_weight:
        size_B = magnitude_loss(output.extra["act_BD"], output.extra["bkg_BD"], params.margin)
        total_B = total_B + params.magnitude_weight * size_B
    if params.entropy_weight:
        bkg_BC = output.extra["bkg_BC"]
        uniform_BC = torch.full_like(bkg_BC, 1 / bkg_BC.shape[1])
        total_B = total_B + params.entropy_weight * both_terms(bkg_BC, uniform_BC).mean(1)
    return total_B.mean()


def magnitude_loss(act_BD: Tensor, bkg_BD: Tensor, margin: float) -> Tensor:
    """(max(0, margin - |mean of pseudo-action|) + |mean of pseudo-background|)² of [UM], (B,)."""
    act_B, bkg_B = (torch.linalg.vector_norm(x_BD.float(), dim=-1) for x_BD in (act_BD, bkg_BD))
    return ((margin - act_B).clamp(min=0) + bkg_B).square()
