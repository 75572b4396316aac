"""Parameters of the loss terms (section `loss`); torch-free."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class LossParams:
    """Switches of Eq. (1), (5), (6), (7) of [DVLP]; the defaults resolve what it leaves open."""

    cls: Literal["ce", "bce"] = "ce"  # video-level loss: positive term only, or both terms
    topk_ratio: int = 8  # k = max(1, valid snippets // topk_ratio)
    kd_weight: float = 1.0  # of the distillation loss
    fb_weight: float = 0.05  # λ, of the foreground-background contrastive loss
    temperature: float = 0.07  # τ of the contrastive loss
    kd_count: Literal["frames", "pairs"] = "frames"  # what O counts
    kd_balance: Literal["none", "frames"] = "none"  # equal weight to fg and bg frames
    kd_bg_weight: float = 1.0  # of a background frame
    kd_confidence: bool = False  # weigh each pseudo-label by the teacher's confidence
    fb_reduction: Literal["mean", "sum"] = "mean"  # over anchors
    fb_scope: Literal["batch", "video"] = "batch"  # where positives and negatives come from
    fb_positives: int = 256  # at most so many anchors per class and step
    fb_negatives: int = 1024  # at most so many negatives per step

    def __post_init__(self) -> None:
        for name in ("topk_ratio", "fb_positives", "fb_negatives"):
            if getattr(self, name) < 1:
                raise ValueError(f"loss.{name} must be at least 1, got {getattr(self, name)}")
        if self.kd_bg_weight <= 0:
            raise ValueError(f"loss.kd_bg_weight must be positive, got {self.kd_bg_weight}")
        if min(self.kd_weight, self.fb_weight) < 0 or self.kd_weight + self.fb_weight == 0:
            raise ValueError(
                "loss.kd_weight and loss.fb_weight must be at least 0 and not both 0, "
                f"got {self.kd_weight} and {self.fb_weight}"
            )
        if self.temperature <= 0:
            raise ValueError(f"loss.temperature must be positive, got {self.temperature}")
