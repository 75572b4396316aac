"""Reductions over time that know about padding.

B videos, T snippets, C classes.
"""

import torch
from torch import Tensor


def pool_topk(cas_BTC: Tensor, mask_BT: Tensor, ratio: int) -> Tensor:
    """Mean of each class's k highest snippets, (B, C).

    The inner sum of Eq. (1) of [DVLP]; k = max(1, valid snippets // ratio), per video.
    """
    count_B = mask_BT.sum(1)
    if not bool((count_B > 0).all()):
        raise ValueError(f"every video needs a valid snippet, got counts {count_B.tolist()}")
    k_B = (count_B // ratio).clamp(min=1)
    hidden_BTC = cas_BTC.masked_fill(~mask_BT[..., None], -torch.inf)
    top_BKC = hidden_BTC.topk(int(k_B.max()), dim=1).values
    rank_K = torch.arange(top_BKC.shape[1], device=cas_BTC.device)
    beyond_BK = rank_K >= k_B[:, None]
    return top_BKC.masked_fill(beyond_BK[..., None], 0).sum(1) / k_B[:, None]


def stretch_minmax(score_TC: Tensor) -> Tensor:
    """Each class's scores moved to [0, 1] over one unpadded video; a flat class becomes 0."""
    low_1C = score_TC.amin(-2, keepdim=True)
    span_1C = score_TC.amax(-2, keepdim=True) - low_1C
    return (score_TC - low_1C) / torch.where(span_1C > 0, span_1C, 1)
