"""Parameters of the CBP branch CO2-Net (section `co2net`); torch-free."""

from dataclasses import dataclass

WEIGHTS = (
    "mil_weight", "suppressed_weight", "contrast_weight", "mutual_weight", "sparsity_weight",
    "guide_weight",
)  # fmt: skip


@dataclass(frozen=True)
class Co2NetParams:
    """Cross-modal consensus [CO2]; the defaults are the published values."""

    width: int = 2048  # channels of the fused feature and of the classifier's hidden layer
    attention_width: int = 512  # channels of the hidden layers of both attentions
    dropout: float = 0.7  # of the fused feature, and before each layer of the classifier
    attention_dropout: float = 0.5  # in both consensus modules, their last logit included
    topk_ratio: int = 7  # k = max(1, valid snippets // topk_ratio), of this branch's own loss
    margin: float = 0.5  # of the co-activity term, in cosine distance
    mil_weight: float = 1.0  # of the labels and background, on the logits
    suppressed_weight: float = 1.0  # of the labels, on the logits that attention suppressed
    contrast_weight: float = 1.0  # of the co-activity of videos that share a class
    mutual_weight: float = 1.0  # of the distance between both attentions
    sparsity_weight: float = 0.8  # of the mean attention
    guide_weight: float = 0.8  # of attention's distance from the probability of no background

    def __post_init__(self) -> None:
        for name in ("width", "attention_width", "topk_ratio"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        for name in ("dropout", "attention_dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} must be in [0, 1), got {getattr(self, name)}")
        for name in (*WEIGHTS, "margin"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be at least 0, got {getattr(self, name)}")
        if self.mil_weight + self.suppressed_weight == 0:
            raise ValueError("mil_weight and suppressed_weight must not both be 0")
