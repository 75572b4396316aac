"""Foreground-background contrast: pull snippets of one class together, push background away.

B videos, T snippets, C classes, D channels, M anchors, N negatives, K places for a class's anchors.
"""

import torch
from torch import Tensor
from torch.nn import functional as F


def contrastive_loss(
    feat_BTD: Tensor,
    target_BTC: Tensor,
    mask_BT: Tensor,
    temperature: float,
    generator: torch.Generator,
    max_positives: int = 256,
    max_negatives: int = 1024,
    reduction: str = "mean",
    scope: str = "batch",
) -> Tensor:
    """-log of the share of an anchor's similarity that goes to its own class.

    Eq. (7) of [DVLP]. Ψ+ are the foreground snippets of one class, the anchor itself left out, Ψ-
    the snippets that are background for every class, over the batch (`scope="video"`: within the
    anchor's video); cosine over τ. At most `max_positives` anchors per class and `max_negatives`
    negatives are drawn. Without an anchor that has a positive and a negative: 0.
    Anchors meet those of their own class only, so at most C K² and M N similarities are held, with
    K at most `max_positives` and N at most `max_negatives`, however long the videos are.
    Differs: the mean over anchors stands for the printed sum, which would dwarf the other term.
    """
    anchor_M4 = _draw_anchors(target_BTC, mask_BT, max_positives, generator)
    negative_N2 = _draw_negatives(target_BTC, mask_BT, max_negatives, generator)
    if len(anchor_M4) == 0 or len(negative_N2) == 0:
        return feat_BTD.sum() * 0
    video_M, time_M, class_M, place_M = anchor_M4.unbind(1)
    anchor_MD = F.normalize(feat_BTD[video_M, time_M], dim=-1)
    negative_ND = F.normalize(feat_BTD[negative_N2[:, 0], negative_N2[:, 1]], dim=-1)
    if scope == "video":
        group_M, group_N = video_M, negative_N2[:, 0]
    else:
        group_M, group_N = torch.zeros_like(video_M), torch.zeros_like(negative_N2[:, 0])

    negative_MN = group_M[:, None] == group_N
    down_M = sum_similar(anchor_MD @ negative_ND.T / temperature, negative_MN)
    # A row for each class: its anchors, then empty places.
    row = class_M, place_M
    shape = int(class_M.max()) + 1, int(place_M.max()) + 1
    anchor_CKD = anchor_MD.new_zeros(*shape, anchor_MD.shape[1]).index_put(row, anchor_MD)
    group_CK = group_M.new_full(shape, -1).index_put(row, group_M)
    positive_CKK = (group_CK[:, :, None] == group_CK[:, None]) & (group_CK >= 0)[..., None]
    positive_CKK &= ~torch.eye(shape[1], dtype=torch.bool, device=class_M.device)
    up_CK = sum_similar(anchor_CKD @ anchor_CKD.mT / temperature, positive_CKK)

    used_M = positive_CKK.any(-1)[row] & negative_MN.any(-1)
    if not bool(used_M.any()):
        return feat_BTD.sum() * 0
    # -log(Σ+ / (Σ+ + Σ-))
    loss_U = F.softplus(down_M - up_CK[row])[used_M]
    return loss_U.sum() if reduction == "sum" else loss_U.mean()


def sum_similar(similar: Tensor, admitted: Tensor) -> Tensor:
    """log Σ exp of the similarities that the mask admits, over the last axis.

    A row that admits none gets some finite value, since minus infinity has no gradient.
    """
    admitted = admitted | ~admitted.any(-1, keepdim=True)
    return similar.masked_fill(~admitted, -torch.inf).logsumexp(-1)


def _draw_anchors(
    target_BTC: Tensor, mask_BT: Tensor, limit: int, generator: torch.Generator
) -> Tensor:
    """(video, snippet, class, place in the class) of at most `limit` foreground labels a class."""
    found_M3 = ((target_BTC == 1) & mask_BT[..., None]).nonzero()
    found_M3 = found_M3[torch.randperm(len(found_M3), generator=generator).to(found_M3.device)]
    found_M3 = found_M3[found_M3[:, 2].argsort(stable=True)]
    count_C = found_M3[:, 2].bincount(minlength=target_BTC.shape[2])
    start_C = count_C.cumsum(0) - count_C
    rank_M = torch.arange(len(found_M3), device=found_M3.device) - start_C[found_M3[:, 2]]
    return torch.cat([found_M3, rank_M[:, None]], 1)[rank_M < limit]


def _draw_negatives(
    target_BTC: Tensor, mask_BT: Tensor, limit: int, generator: torch.Generator
) -> Tensor:
    """(video, snippet) of at most `limit` snippets that are background for every class."""
    found_N2 = ((target_BTC == 0).all(-1) & mask_BT).nonzero()
    if len(found_N2) <= limit:
        return found_N2
    chosen = torch.randperm(len(found_N2), generator=generator)[:limit]
    return found_N2[chosen.to(found_N2.device)]
