"""Knowledge distillation: one branch learns the other's confident pseudo-labels.

B videos, T snippets, C classes.
"""

import torch
from torch import Tensor

CLAMP = 1e-6  # probabilities stay this far from 0 and 1


def distillation_loss(
    prob_BTC: Tensor,
    target_BTC: Tensor,
    label_BC: Tensor,
    mask_BT: Tensor,
    weight_BTC: Tensor | None = None,
    count: str = "frames",
    balance: str = "none",
    bg_weight: float = 1.0,
) -> Tensor:
    """KL divergence of the pseudo-labels from the predictions, over confident snippets.

    Eq. (6) of [DVLP]. With a hard label the Bernoulli divergence is the binary cross-entropy.
    `count="frames"`: O counts the snippets that are confident for a class of their own video, and
    the sum runs over those. `count="pairs"`: O counts all confident (snippet, class) pairs; absent
    classes are always confident, so O is then nearly constant. `balance="frames"` gives snippets
    with a foreground label and those without half the weight each. No confident snippet: 0.
    A snippet without a foreground label counts `bg_weight` (the paper: 1): one that is foreground
    with probability q then settles near q / (q + bg_weight (1 - q)).
    """
    sure_BTC = (target_BTC >= 0) & mask_BT[..., None]
    own_BT = (sure_BTC & (label_BC > 0)[:, None]).any(-1)
    pairs_BTC = sure_BTC if count == "pairs" else sure_BTC & own_BT[..., None]
    loss_BTC = binary_divergence(prob_BTC, target_BTC)
    if weight_BTC is not None:
        loss_BTC = loss_BTC * weight_BTC
    if balance == "frames":
        loss_BTC = loss_BTC * balance_frames(target_BTC, own_BT)[..., None]
    # How much each frame counts, in the sum and in O alike.
    share_BT = torch.where((target_BTC == 1).any(-1), 1.0, bg_weight)
    counted_BT = pairs_BTC.sum(-1) if count == "pairs" else own_BT
    total = (share_BT * counted_BT).sum()
    loss = (torch.where(pairs_BTC, loss_BTC, 0) * share_BT[..., None]).sum()
    return loss / torch.where(total > 0, total, 1)


def binary_divergence(prob: Tensor, target: Tensor) -> Tensor:
    """Divergence of a hard binary label from p: -log p for 1, -log(1 - p) for anything else."""
    prob = prob.clamp(CLAMP, 1 - CLAMP)
    return -torch.where(target == 1, prob, 1 - prob).log()


def balance_frames(target_BTC: Tensor, own_BT: Tensor) -> Tensor:
    """Weights (B, T) of mean 1 under which foreground and background snippets count alike."""
    fg_BT = own_BT & (target_BTC == 1).any(-1)
    bg_BT = own_BT & ~fg_BT
    half = own_BT.sum() / 2
    fg_weight, bg_weight = (half / side.sum().clamp(min=1) for side in (fg_BT, bg_BT))
    return torch.where(fg_BT, fg_weight, bg_weight)
