"""Parameters of FuSTAL's generator (section `fustal_generate`); torch-free."""

from dataclasses import dataclass
from typing import Literal

from wtal_core.schema.training import StepParams


@dataclass(frozen=True)
class FustalGenerateParams:
    """The network, what it contrasts, and how it is trained; the published values for THUMOS14.

    The 6000 published steps are 60 epochs of at least 100. Differs: CoLA draws its 750 snippets
    from all parts of a longer video; here they are a run, as for the other branches.
    """

    width: int = 2048  # channels of the embedded feature, which is contrasted
    dropout: float = 0.7  # of the embedded feature before the classifier
    select_dropout: float = 0.6  # of hiding a snippet from the choice of the easy ones
    topk_ratio: int = 5  # k = max(1, valid snippets // topk_ratio), of the video-level score
    easy_ratio: int = 5  # easy snippets: valid snippets // easy_ratio, of action as of background
    hard_ratio: int = 20  # hard snippets: at most valid snippets // hard_ratio
    inner: int = 3  # snippets of the narrower window that erodes and dilates
    outer: int = 6  # snippets of the wider one: the border lies between the two
    temperature: float = 0.07  # τ of the contrast
    contrast_weight: float = 0.01  # of both contrasts in the sum; 0: the video-level loss alone
    cross_video: bool = True  # contrast across videos with the same labels, too
    cross_weight: float = 0.2  # of the contrast across videos, beside that within each
    epochs: int = 60
    min_steps: int = 100  # passes are repeated until an epoch has so many steps
    batch: int = 16
    crop: int = 750  # longest run of snippets taken from a video in training
    optimiser: Literal["adam", "adamw"] = "adam"
    lr: float = 1e-4
    lr_schedule: Literal["constant", "cosine"] = "constant"
    weight_decay: float = 5e-4
    grad_clip: float = 0.0  # largest gradient norm; 0: no clipping
    precision: Literal["fp32", "bf16"] = "fp32"

    def __post_init__(self) -> None:
        for name in ("width", "topk_ratio", "easy_ratio", "hard_ratio", "inner", "epochs"):
            if getattr(self, name) < 1:
                raise ValueError(
                    f"fustal_generate.{name} must be at least 1, got {getattr(self, name)}"
                )
        if self.outer <= self.inner:
            raise ValueError(
                "fustal_generate.outer must be above fustal_generate.inner, "
                f"got {self.outer} and {self.inner}"
            )
        for name in ("dropout", "select_dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(
                    f"fustal_generate.{name} must be in [0, 1), got {getattr(self, name)}"
                )
        if self.temperature <= 0:
            raise ValueError(f"fustal_generate.temperature is above 0, got {self.temperature}")
        for name in ("contrast_weight", "cross_weight"):
            if getattr(self, name) < 0:
                raise ValueError(
                    f"fustal_generate.{name} must be at least 0, got {getattr(self, name)}"
                )
        self.step()

    def step(self) -> StepParams:
        """How long, how fast, and on what crops, for the training loop."""
        return StepParams(
            self.epochs,
            self.min_steps,
            self.batch,
            self.crop,
            self.optimiser,
            self.lr,
            self.lr_schedule,
            self.weight_decay,
            self.grad_clip,
            self.precision,
        )
