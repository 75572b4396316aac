"""The video-level loss of the branch DELU: that of CO2-Net and two evidential terms.

B videos, T snippets, C classes, K = C + 1 with background last.
"""

import torch
from torch import Tensor

from wtal_core.branches.output import BranchOutput
from wtal_core.losses.co2net import co2net_loss, guide_gap, suppress
from wtal_core.pooling import choose_topk, pool_mean
from wtal_core.schema.delu import DeluParams
from wtal_core.schema.losses import LossParams

LIMIT = 10.0  # largest logit, of either sign, that counts as evidence: exp(10) = 22026


def delu_loss(
    output: BranchOutput,
    label_BC: Tensor,
    params: DeluParams,
    loss: LossParams,
    generator: torch.Generator,
) -> Tensor:
    """CO2-Net's terms, evidence for the labels, and certain snippets' guide; section 3 of [DELU].

    Mean over videos. A term of weight 0 is not computed. Differs: see `weigh_snippets`.
    """
    total = co2net_loss(output, label_BC, params, loss, generator)
    suppressed_BTK = suppress(output)
    if params.video_evidence_weight:
        attn_BT = output.extra["attn_BT3"][..., 0].detach()
        chosen_BT = choose_topk(attn_BT, output.mask_BT, params.evidence_ratio)
        logit_BC = torch.einsum("bt,btc->bc", chosen_BT, suppressed_BTK[..., :-1])
        total = total + params.video_evidence_weight * evidential_loss(logit_BC, label_BC).mean()
    if params.snippet_evidence_weight:
        weight_BT = weigh_snippets(suppressed_BTK, output.mask_BT, params.amplitude)
        guide_BT1 = (weight_BT * guide_gap(output))[..., None]
        guide = pool_mean(guide_BT1, output.mask_BT).mean()
        total = total + params.snippet_evidence_weight * guide
    return total


def find_evidence(logit: Tensor) -> Tensor:
    """α - 1 = exp(logit), of the same shape; α are the parameters of a Dirichlet distribution."""
    return logit.clamp(-LIMIT, LIMIT).exp()


def evidential_loss(logit_BC: Tensor, label_BC: Tensor) -> Tensor:
    """Σ_c g_c (log S - log α_c) over a video's labels, (B,); S = Σ_c α_c.

    g shares the number of labels among them as 1 / α_c, so that the label with the least evidence
    counts most, and is scaled by 1 - u: a video of uncertainty u = C / S, whose evidence may be
    that of background, teaches less.
    """
    alpha_BC = find_evidence(logit_BC) + 1
    strength_B1 = alpha_BC.sum(1, keepdim=True)
    certainty_B1 = 1 - (logit_BC.shape[1] / strength_B1).detach()
    share_BC = label_BC / alpha_BC
    share_BC = label_BC.sum(1, keepdim=True) * share_BC / share_BC.sum(1, keepdim=True)
    return (certainty_B1 * share_BC * (strength_B1.log() - alpha_BC.log())).sum(1)


def weigh_snippets(suppressed_BTK: Tensor, mask_BT: Tensor, amplitude: float) -> Tensor:
    """Weight of each snippet by the rank r of its uncertainty among the T of its video, (B, T).

    1 + amplitude * tanh(θ δ) with θ = (2 r + 1) / T - 1 and the most certain snippet at r = 0; the
    mean over a video's snippets is 1.
    Differs: [DELU] leads δ from 1 to -1 in the course of training, from uncertain to certain
    snippets. A loss here does not know how far training is, so δ is -1 all along.
    """
    evidence_BT = find_evidence(suppressed_BTK).sum(-1).masked_fill(~mask_BT, -torch.inf)
    rank_BT = evidence_BT.argsort(stable=True, dim=1, descending=True).argsort(1)
    theta_BT = (2 * rank_BT + 1) / mask_BT.sum(1, keepdim=True) - 1
    return 1 - amplitude * theta_BT.tanh()
