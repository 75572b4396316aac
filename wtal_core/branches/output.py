"""What every branch returns."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor


@dataclass(frozen=True)
class BranchOutput:
    """Scores of a batch of videos; rows where `mask_BT` is False are padding."""

    cas_BTC: Tensor  # class activation sequence: logits, pooled to the video-level score
    prob_BTC: Tensor  # in [0, 1], at most 1 over classes: what pseudo-labels and segments need
    feat_BTD: Tensor  # the feature that the contrastive loss shapes
    mask_BT: Tensor  # bool, True = real snippet
    extra: Mapping[str, Tensor] = field(default_factory=dict)  # for the branch's own loss alone

    def __post_init__(self) -> None:
        if self.cas_BTC.ndim != 3 or self.cas_BTC.shape != self.prob_BTC.shape:
            raise ValueError(f"got {self.cas_BTC.shape = } and {self.prob_BTC.shape = }")
        if self.feat_BTD.ndim != 3 or self.feat_BTD.shape[:2] != self.cas_BTC.shape[:2]:
            raise ValueError(f"got {self.feat_BTD.shape = } for {self.cas_BTC.shape = }")
        if self.mask_BT.shape != self.cas_BTC.shape[:2]:
            raise ValueError(f"got {self.mask_BT.shape = } for {self.cas_BTC.shape = }")
