"""Parameters of the three training steps (sections `warm_up`, `b_step`, `f_step`); torch-free."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class StepParams:
    """One training step: how long, how fast, on what crops."""

    epochs: int = 20  # 0: the step is skipped, the branch passes through as it is
    min_steps: int = 50  # passes are repeated until an epoch has so many steps; 1: literal epochs
    batch: int = 64  # videos per step
    crop: int = 1000  # T: longest run of snippets taken from a video in training
    optimiser: Literal["adam", "adamw"] = "adam"
    lr: float = 1e-4
    lr_schedule: Literal["constant", "cosine"] = "constant"
    weight_decay: float = 5e-4
    grad_clip: float = 1.0  # largest gradient norm; 0: no clipping
    precision: Literal["fp32", "bf16"] = "fp32"  # of the branch's products; losses are in fp32
    cls_weight: float = 0.0  # of the video-level loss in the sum; Eq. (5) of [DVLP] has none
    reinit: bool = False  # start from fresh weights, not from the round before

    def __post_init__(self) -> None:
        if self.epochs < 0:
            raise ValueError(f"epochs must be at least 0, got {self.epochs}")
        for name in ("min_steps", "batch", "crop"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.lr <= 0:
            raise ValueError(f"lr must be positive, got {self.lr}")
        for name in ("weight_decay", "grad_clip", "cls_weight"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be at least 0, got {getattr(self, name)}")


@dataclass(frozen=True)
class WarmUpParams:
    """The warm-up of CBP with the video-level loss alone: no other weights, nothing to re-use."""

    epochs: int = 10
    min_steps: int = 50
    batch: int = 64
    crop: int = 1000
    optimiser: Literal["adam", "adamw"] = "adam"
    lr: float = 1e-4
    lr_schedule: Literal["constant", "cosine"] = "constant"
    weight_decay: float = 5e-4
    grad_clip: float = 1.0
    precision: Literal["fp32", "bf16"] = "fp32"

    def __post_init__(self) -> None:
        if self.epochs < 1:
            raise ValueError(f"epochs must be at least 1, got {self.epochs}")
        self.step()

    def step(self) -> StepParams:
        """The same numbers as a training step whose only loss is the video-level one."""
        return StepParams(**vars(self), cls_weight=1.0)
