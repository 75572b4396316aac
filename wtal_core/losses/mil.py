"""Multiple-instance learning: the video-level loss.

B videos, T snippets, C classes.
"""

from torch import Tensor

from wtal_core.pooling import pool_topk


def video_loss(
    cas_BTC: Tensor, mask_BT: Tensor, label_BC: Tensor, topk_ratio: int, kind: str = "ce"
) -> Tensor:
    """Cross-entropy of the pooled video score with the video-level labels, mean over videos.

    Eq. (1) of [DVLP], with the softmax over classes of the top-k mean of the logits; a video with
    several labels shares the mass among them. `kind="bce"` adds the term of the absent classes,
    as the text says and the formula does not.
    """
    pooled_BC = pool_topk(cas_BTC, mask_BT, topk_ratio)
    count_B1 = label_BC.sum(1, keepdim=True)
    if not bool((count_B1 > 0).all()):
        raise ValueError("the video-level loss needs a label for every video")
    share_BC = label_BC / count_B1
    if kind == "bce":
        return both_terms(pooled_BC, share_BC).sum(1).mean()
    return (-share_BC * pooled_BC.log_softmax(-1)).sum(1).mean()


def both_terms(logit_BC: Tensor, share_BC: Tensor) -> Tensor:
    """Binary cross-entropy of the softmax over classes with shares of each class, (B, C)."""
    log_BC = logit_BC.log_softmax(-1)
    return -share_BC * log_BC - (1 - share_BC) * (1 - log_BC.exp()).clamp(min=1e-6).log()
