"""Snippet mining: the easy and the hard snippets of action and of background, as in CoLA.

B videos, T snippets, C classes, K places for the snippets that were picked of a video.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True)
class Picked:
    """Snippets of each video; places where `there_BK` is False hold none."""

    index_BK: Tensor
    there_BK: Tensor


@dataclass(frozen=True)
class Mined:
    """The four kinds of snippets that are contrasted."""

    easy_act: Picked
    easy_bkg: Picked
    hard_act: Picked
    hard_bkg: Picked


def mine_snippets(
    action_BT: Tensor,
    mask_BT: Tensor,
    easy_ratio: int,
    hard_ratio: int,
    inner: int,
    outer: int,
    select_dropout: float,
    generator: torch.Generator,
) -> Mined:
    """Choose by actionness (at least 0); nothing is learnt through the choice.

    Easy action and background: highest and lowest actionness, T // `easy_ratio` snippets each, T
    being the video's own; some snippets are hidden from this choice. Hard ones lie at the borders
    of the actionness that is above its median over the video: what `inner` snippets erode to less
    the same of `outer` is hard action, what `outer` dilate to less the same of `inner` is hard
    background; of either the T // `hard_ratio` of highest actionness.
    Differs: where the border holds fewer snippets, or none, no others are taken in their place.
    """
    action_BT = action_BT.detach()
    hidden_BT = torch.rand(action_BT.shape, generator=generator) < select_dropout
    kept_BT = ~hidden_BT.to(action_BT.device)
    highest_B1 = action_BT.masked_fill(~mask_BT, 0).amax(1, keepdim=True)
    # Hidden snippets come last, at 0, and are there if nothing else is.
    easy_act = pick_top(action_BT * kept_BT, mask_BT, mask_BT, easy_ratio)
    easy_bkg = pick_top((highest_B1 - action_BT) * kept_BT, mask_BT, mask_BT, easy_ratio)
    on_BT = (action_BT > median(action_BT, mask_BT)[:, None]) & mask_BT
    act_border_BT = erode(on_BT, inner) & ~erode(on_BT, outer)
    bkg_border_BT = dilate(on_BT, outer) & ~dilate(on_BT, inner)
    hard_act = pick_top(action_BT, act_border_BT, mask_BT, hard_ratio)
    hard_bkg = pick_top(action_BT, bkg_border_BT, mask_BT, hard_ratio)
    return Mined(easy_act, easy_bkg, hard_act, hard_bkg)


def pick_top(score_BT: Tensor, allowed_BT: Tensor, mask_BT: Tensor, ratio: int) -> Picked:
    """The max(1, valid snippets // ratio) highest of those allowed; of equals the earlier."""
    k_B = (mask_BT.sum(1) // ratio).clamp(min=1)
    allowed_BT = allowed_BT & mask_BT
    hidden_BT = score_BT.masked_fill(~allowed_BT, -torch.inf)
    order_BT = hidden_BT.argsort(dim=1, descending=True, stable=True)
    index_BK = order_BT[:, : int(k_B.max())]
    rank_K = torch.arange(index_BK.shape[1], device=score_BT.device)
    return Picked(index_BK, (rank_K < k_B[:, None]) & allowed_BT.gather(1, index_BK))


def median(score_BT: Tensor, mask_BT: Tensor) -> Tensor:
    """Median over each video's snippets, (B,); the mean of the middle two of an even number."""
    ordered_BT = score_BT.masked_fill(~mask_BT, torch.inf).sort(dim=1).values
    count_B1 = mask_BT.sum(1, keepdim=True)
    middle_B2 = torch.cat([(count_B1 - 1) // 2, count_B1 // 2], dim=1)
    return ordered_BT.gather(1, middle_B2).mean(1)


def erode(on_BT: Tensor, width: int) -> Tensor:
    """What stays on when all of the `width` snippets round a snippet must be on.

    The window of snippet t runs from t - width // 2 on; beyond a video all is off.
    """
    padded_BS = F.pad(on_BT, (width // 2, (width - 1) // 2))
    return padded_BS.unfold(1, width, 1).all(-1)


def dilate(on_BT: Tensor, width: int) -> Tensor:
    """What is on when one of the snippets round it is; the mirrored window of `erode`.

    It may reach into the padding of a shorter video.
    """
    padded_BS = F.pad(on_BT, ((width - 1) // 2, width // 2))
    return padded_BS.unfold(1, width, 1).any(-1)
