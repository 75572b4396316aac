"""What FuSTAL's generator minimises: the labels, and two contrasts of snippets.

B videos, T snippets, C classes, D channels, K snippets picked of a video, Q queries, P pairs.
"""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

from wtal_core.branches.output import BranchOutput
from wtal_core.fustal.mining import Mined, Picked, mine_snippets
from wtal_core.losses.mil import both_terms
from wtal_core.pooling import pool_topk
from wtal_core.schema.fustal_generate import FustalGenerateParams
from wtal_core.training.batches import Batch
from wtal_core.training.loop import Objective


def make_objective(params: FustalGenerateParams) -> Objective:
    """L_cls + contrast_weight (L_within + cross_weight L_cross) as an objective of the loop.

    Terms of weight 0, and L_cross without `cross_video`, are not computed.
    """

    def objective(
        output: BranchOutput, batch: Batch, generator: torch.Generator
    ) -> tuple[Tensor, Mapping[str, Tensor]]:
        terms = {"cls": label_loss(output, batch.label_BC, params.topk_ratio)}
        total = terms["cls"]
        if params.contrast_weight:
            mined = mine_snippets(
                output.cas_BTC.sum(-1),
                output.mask_BT,
                params.easy_ratio,
                params.hard_ratio,
                params.inner,
                params.outer,
                params.select_dropout,
                generator,
            )
            terms["within"] = within_loss(output.feat_BTD, mined, params.temperature)
            total = total + params.contrast_weight * terms["within"]
            if params.cross_video and params.cross_weight:
                pair_P2 = same_label_pairs(batch.label_BC)
                cross = cross_loss(output.feat_BTD, mined, pair_P2, params.temperature)
                terms["cross"] = cross
                total = total + params.contrast_weight * params.cross_weight * cross
        return total, terms

    return objective


def label_loss(output: BranchOutput, label_BC: Tensor, topk_ratio: int) -> Tensor:
    """Binary cross-entropy of the video-level score with equal shares of a video's labels.

    The score is the softmax over classes of the mean of the T // `topk_ratio` highest snippets of
    a class; the loss is a mean over classes and videos, as the published weights suppose.
    """
    count_B1 = label_BC.sum(1, keepdim=True)
    if not bool((count_B1 > 0).all()):
        raise ValueError("the video-level loss needs a label for every video")
    pooled_BC = pool_topk(output.cas_BTC, output.mask_BT, topk_ratio)
    return both_terms(pooled_BC, label_BC / count_B1).mean()


def within_loss(feat_BTD: Tensor, mined: Mined, temperature: float) -> Tensor:
    """L_within: hard snippets of a video against its own easy ones (CoLA's contrast).

    NCE(HA, EA | EB) + NCE(HB, EB | EA), each a mean over the videos that have hard snippets.
    """
    every_B = torch.arange(len(feat_BTD), device=feat_BTD.device)
    return _contrast(feat_BTD, mined, every_B, every_B, temperature)


def cross_loss(feat_BTD: Tensor, mined: Mined, pair_P2: Tensor, temperature: float) -> Tensor:
    """L_cross: hard snippets of a video against the easy ones of another with the same labels.

    The mean over the pairs (i, j) of NCE(HA_j, EA_i | EB_i) + NCE(HB_j, EB_i | EA_i) and of the
    same with i and j exchanged. 0 for a batch without pairs.
    """
    one_P, two_P = pair_P2.unbind(1)
    query_Q, key_Q = torch.cat([two_P, one_P]), torch.cat([one_P, two_P])
    # Both directions of a pair add up, and the mean over Q holds either half of them.
    return 2 * _contrast(feat_BTD, mined, query_Q, key_Q, temperature)


def same_label_pairs(label_BC: Tensor) -> Tensor:
    """(P, 2) videos i < j of the batch whose labels are all the same."""
    same_BB = (label_BC[:, None] == label_BC[None]).all(-1)
    return same_BB.triu(diagonal=1).nonzero()


def nce(
    query_QD: Tensor, key_QD: Tensor, other_QKD: Tensor, there_QK: Tensor, temperature: float
) -> Tensor:
    """-log of the share of a query's similarity that its key has beside the others, (Q,).

    -log(exp(q·k / τ) / (exp(q·k / τ) + Σ exp(q·n / τ))), all vectors of length 1.
    """
    query_QD, key_QD, other_QKD = (F.normalize(x, dim=-1) for x in (query_QD, key_QD, other_QKD))
    up_Q1 = (query_QD * key_QD).sum(-1, keepdim=True) / temperature
    down_QK = torch.einsum("qd,qkd->qk", query_QD, other_QKD) / temperature
    down_QK = down_QK.masked_fill(~there_QK, -torch.inf)
    return torch.cat([up_Q1, down_QK], dim=1).logsumexp(1) - up_Q1[:, 0]


def _contrast(
    feat_BTD: Tensor, mined: Mined, query_Q: Tensor, key_Q: Tensor, temperature: float
) -> Tensor:
    """Both terms, of the hard snippets of `query_Q` with the easy ones of `key_Q`."""
    act_BKD, bkg_BKD = (_gather(feat_BTD, one) for one in (mined.easy_act, mined.easy_bkg))
    total = feat_BTD.sum() * 0
    for hard, easy, easy_BKD, other, other_BKD in (
        (mined.hard_act, mined.easy_act, act_BKD, mined.easy_bkg, bkg_BKD),
        (mined.hard_bkg, mined.easy_bkg, bkg_BKD, mined.easy_act, act_BKD),
    ):
        some_Q = hard.there_BK.any(1)[query_Q]
        if not bool(some_Q.any()):
            continue
        query, key = query_Q[some_Q], key_Q[some_Q]
        hard_BD = _mean(_gather(feat_BTD, hard), hard.there_BK)
        easy_BD = _mean(easy_BKD, easy.there_BK)
        found_Q = nce(
            hard_BD[query], easy_BD[key], other_BKD[key], other.there_BK[key], temperature
        )
        total = total + found_Q.mean()
    return total


def _gather(feat_BTD: Tensor, picked: Picked) -> Tensor:
    """(B, K, D) features of the snippets that were picked."""
    index_BKD = picked.index_BK[..., None].expand(-1, -1, feat_BTD.shape[2])
    return feat_BTD.gather(1, index_BKD)


def _mean(feat_BKD: Tensor, there_BK: Tensor) -> Tensor:
    """Mean over the places that hold a snippet, (B, D); zeros where none does."""
    sum_BD = feat_BKD.masked_fill(~there_BK[..., None], 0).sum(1)
    return sum_BD / there_BK.sum(1, keepdim=True).clamp(min=1)
