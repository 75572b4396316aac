"""Reductions over time that know about padding.

B videos, T snippets, C classes.
"""

import torch
from torch import Tensor


def pool_topk(cas_BTC: Tensor, mask_BT: Tensor, ratio: int) -> Tensor:
    """Mean of each class's k highest snippets, (B, C).

    The inner sum of Eq. (1) of [DVLP]; k = max(1, valid snippets // ratio), per video.
    """
    k_B = _count_topk(mask_BT, ratio)
    hidden_BTC = cas_BTC.masked_fill(~mask_BT[..., None], -torch.inf)
    top_BKC = hidden_BTC.topk(int(k_B.max()), dim=1).values
    rank_K = torch.arange(top_BKC.shape[1], device=cas_BTC.device)
    beyond_BK = rank_K >= k_B[:, None]
    return top_BKC.masked_fill(beyond_BK[..., None], 0).sum(1) / k_B[:, None]


def choose_topk(score_BT: Tensor, mask_BT: Tensor, ratio: int) -> Tensor:
    """Weights (B, T) of the mean over the k snippets of highest score; k as in `pool_topk`."""
    k_B = _count_topk(mask_BT, ratio)
    order_BK = score_BT.masked_fill(~mask_BT, -torch.inf).topk(int(k_B.max()), dim=1).indices
    rank_K = torch.arange(order_BK.shape[1], device=score_BT.device)
    share_BK = (rank_K < k_B[:, None]) / k_B[:, None].to(score_BT.dtype)
    return torch.zeros_like(score_BT).scatter(1, order_BK, share_BK)


def pool_mean(x_BTD: Tensor, mask_BT: Tensor) -> Tensor:
    """Mean over each video's snippets, (B, D)."""
    return x_BTD.masked_fill(~mask_BT[..., None], 0).sum(1) / _count(mask_BT)[:, None]


def stretch_minmax(score_TC: Tensor) -> Tensor:
    """Each class's scores moved to [0, 1] over one unpadded video; a flat class becomes 0."""
    low_1C = score_TC.amin(-2, keepdim=True)
    span_1C = score_TC.amax(-2, keepdim=True) - low_1C
    return (score_TC - low_1C) / torch.where(span_1C > 0, span_1C, 1)


def _count_topk(mask_BT: Tensor, ratio: int) -> Tensor:
    """k of each video, (B,)."""
    return (_count(mask_BT) // ratio).clamp(min=1)


def _count(mask_BT: Tensor) -> Tensor:
    """Snippets of each video, (B,)."""
    count_B = mask_BT.sum(1)
    if not bool((count_B > 0).all()):
        raise ValueError(f"every video needs a valid snippet, got counts {count_B.tolist()}")
    return count_B
