"""Foreground-background contrast: pull snippets of one class together, push background away.

B videos, T snippets, C classes, D channels, M anchors, N negatives.
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
    Differs: the mean over anchors stands for the printed sum, which would dwarf the other term.
    """
    anchor_M3 = _draw_anchors(target_BTC, mask_BT, max_positives, generator)
    negative_N2 = _draw_negatives(target_BTC, mask_BT, max_negatives, generator)
    if len(anchor_M3) == 0 or len(negative_N2) == 0:
        return feat_BTD.sum() * 0
    video_M, time_M, class_M = anchor_M3.unbind(1)
    anchor_MD = F.normalize(feat_BTD[video_M, time_M], dim=-1)
    negative_ND = F.normalize(feat_BTD[negative_N2[:, 0], negative_N2[:, 1]], dim=-1)
    positive_MM = class_M[:, None] == class_M
    positive_MM &= ~torch.eye(len(class_M), dtype=torch.bool, device=class_M.device)
    negative_MN = torch.ones(
        len(anchor_MD), len(negative_ND), dtype=torch.bool, device=video_M.device
    )
    if scope == "video":
        positive_MM &= video_M[:, None] == video_M
        negative_MN = video_M[:, None] == negative_N2[:, 0]
    used_M = positive_MM.any(1) & negative_MN.any(1)
    if not bool(used_M.any()):
        return feat_BTD.sum() * 0
    anchor_UD = anchor_MD[used_M]
    loss_U = anchor_losses(
        anchor_UD @ anchor_MD.T / temperature,
        positive_MM[used_M],
        anchor_UD @ negative_ND.T / temperature,
        negative_MN[used_M],
    )
    return loss_U.sum() if reduction == "sum" else loss_U.mean()


def anchor_losses(
    near_UM: Tensor, positive_UM: Tensor, far_UN: Tensor, negative_UN: Tensor
) -> Tensor:
    """-log(Σ+ / (Σ+ + Σ-)) per anchor, Σ over exp of the similarities that the masks admit."""
    up_U = near_UM.masked_fill(~positive_UM, -torch.inf).logsumexp(1)
    down_U = far_UN.masked_fill(~negative_UN, -torch.inf).logsumexp(1)
    return F.softplus(down_U - up_U)


def _draw_anchors(
    target_BTC: Tensor, mask_BT: Tensor, limit: int, generator: torch.Generator
) -> Tensor:
    """(video, snippet, class) of the foreground labels, at most `limit` of a class."""
    found_M3 = ((target_BTC == 1) & mask_BT[..., None]).nonzero()
    found_M3 = found_M3[torch.randperm(len(found_M3), generator=generator).to(found_M3.device)]
    found_M3 = found_M3[found_M3[:, 2].argsort(stable=True)]
    count_C = found_M3[:, 2].bincount(minlength=target_BTC.shape[2])
    start_C = count_C.cumsum(0) - count_C
    rank_M = torch.arange(len(found_M3), device=found_M3.device) - start_C[found_M3[:, 2]]
    return found_M3[rank_M < limit]


def _draw_negatives(
    target_BTC: Tensor, mask_BT: Tensor, limit: int, generator: torch.Generator
) -> Tensor:
    """(video, snippet) of at most `limit` snippets that are background for every class."""
    found_N2 = ((target_BTC == 0).all(-1) & mask_BT).nonzero()
    if len(found_N2) <= limit:
        return found_N2
    chosen = torch.randperm(len(found_N2), generator=generator)[:limit]
    return found_N2[chosen.to(found_N2.device)]
