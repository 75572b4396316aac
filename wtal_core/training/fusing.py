"""The share of each branch in the fused scores, chosen without ground truth.

N videos of the training split, T snippets, C classes.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from wtal_core.localize.fuse import fuse_scores
from wtal_core.losses.mil import video_loss
from wtal_core.pooling import pool_topk
from wtal_core.schema.localize import LocalizeParams
from wtal_core.schema.losses import LossParams
from wtal_core.training.scoring import VideoScores

STEPS = 20  # the grid of shares: 0, 1/20, ..., 1


def choose_share(
    by_cbp: Sequence[VideoScores],
    by_vlp: Sequence[VideoScores],
    label_NC: Tensor,
    localize: LocalizeParams,
    loss: LossParams,
) -> tuple[float, float]:
    """The share w of CBP under which the fused scores explain the video-level labels best.

    "Weight" of Table 4 of [DVLP], which does not say how it was found. Returns w and its loss; of
    equally good shares the one nearest to one half, where neither branch is trusted blindly.
    """
    shares = sorted((step / STEPS for step in range(STEPS + 1)), key=lambda w: abs(w - 0.5))
    losses = {w: fused_loss(by_cbp, by_vlp, label_NC, w, localize, loss) for w in shares}
    return min(losses.items(), key=lambda item: item[1])


def fused_loss(
    by_cbp: Sequence[VideoScores],
    by_vlp: Sequence[VideoScores],
    label_NC: Tensor,
    share: float,
    localize: LocalizeParams,
    loss: LossParams,
) -> float:
    """Eq. (1) of [DVLP] on fused snippet scores instead of a branch's logits, mean over videos.

    Each class's score of a video is the mean of its k highest fused snippets, k as in training;
    the classes' scores divided by their sum take the place of the softmax.
    """
    mixed = replace(localize, branch="fused", fuse_weight=share)
    losses = []
    for one, two, label_C in zip(by_cbp, by_vlp, label_NC, strict=True):
        fused_TC = torch.from_numpy(fuse_scores(one.prob_TC.numpy(), two.prob_TC.numpy(), mixed))
        mask_1T = torch.ones(1, len(fused_TC), dtype=torch.bool)
        score_1C = pool_topk(fused_TC[None], mask_1T, loss.topk_ratio).clamp(min=1e-6)
        # A softmax of logarithms divides by the sum: one snippet of them is what Eq. (1) needs.
        losses.append(
            video_loss(score_1C.log()[:, None], mask_1T[:, :1], label_C[None], 1, loss.cls)
        )
    return float(torch.stack(losses).double().mean())
