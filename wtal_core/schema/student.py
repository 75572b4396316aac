"""Parameters of FuSTAL's student (section `student`); torch-free."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from wtal_core.schema.training import StepParams

AT_LEAST_ONE = (
    "width", "heads", "embed", "bins", "video_ratio", "norm_start", "epochs",
    "min_steps", "batch", "crop", "candidates", "max_per_video",
)  # fmt: skip
AT_LEAST_ZERO = (
    "stem", "levels", "window", "head_layers", "focal_gamma", "iou_power", "reg_weight",
    "video_weight", "input_noise", "ema_from", "lr_warmup", "weight_decay", "grad_clip",
)  # fmt: skip
POSITIVE = ("mlp_ratio", "first_range", "centre_radius", "lr", "nms_sigma")
BELOW_ONE = ("dropout", "drop_path", "video_dropout", "ema_decay", "norm_momentum")
SHARES = ("focal_alpha", "ema_min_score", "crop_share", "crop_keep", "min_score")


@dataclass(frozen=True)
class StudentParams:
    """The network, what it learns from, how long, and how its predictions are read.

    Published values for THUMOS14, where they are known. Differs: the published features have 7.5
    snippets a second, ours 1.6, so that ranges and crops in snippets are longer here in seconds.
    """

    # whose proposals the filter chooses from: FuSTAL's generator, or a round of the collaboration
    proposals: str = "fustal"
    head: Literal["actionformer", "trident"] = "trident"  # how boundaries are read off a level

    width: int = 512  # channels of every layer
    heads: int = 4  # attention heads; must divide width
    embed: int = 2  # convolutions before the first transformer block
    stem: int = 2  # transformer blocks at full temporal resolution
    levels: int = 5  # further blocks, each after halving the temporal resolution
    window: int = 9  # rows that attention sees on each side, at each level; 0: all of them
    mlp_ratio: float = 4.0  # hidden width of a block's MLP over `width`
    dropout: float = 0.0  # in attention outputs and MLPs
    drop_path: float = 0.1  # probability of skipping a residual branch for a whole video
    head_layers: int = 2  # convolutions of a head before its last one
    bins: int = 16  # trident: rows before (behind) a point among which its start (end) is sought

    first_range: float = 4.0  # snippets; level l takes segments up to first_range * 2^l from it
    centre_radius: float = 1.5  # rows round a segment's centre that learn it
    focal_alpha: float = 0.25  # weight of a positive in the focal loss; 1 - it of a negative
    focal_gamma: float = 2.0  # how much less an easy point counts
    iou_loss: Literal["diou", "giou"] = "diou"  # of the segments
    iou_power: float = 0.2  # a positive's class loss is weighed by its tIoU to this power
    reg_weight: float = 1.0  # of the segments' loss beside that of the classes
    video_weight: float = 1.0  # of the video-level loss, a mean over classes; 0: without
    video_ratio: int = 5  # pooled by it: snippets not hidden // video_ratio
    video_dropout: float = 0.7  # of hiding a snippet from that pooling
    norm_start: float = 100.0  # positives a step that the losses are first divided by
    norm_momentum: float = 0.9  # of their running mean
    input_noise: float = 5e-4  # standard deviation of noise on the features

    ema_labels: bool = True  # later epochs learn from the averaged model's own predictions
    ema_from: int = 60  # the last epoch with the filter's segments
    ema_min_score: float = 0.4  # predictions above it become labels; else the best one alone
    ema_decay: float = 0.999  # of the running mean of the weights, per step

    epochs: int = 100
    min_steps: int = 1  # passes are repeated until an epoch has so many steps
    batch: int = 8  # videos per step
    crop: int = 2304  # longest run of snippets taken from a video in training
    crop_share: float = 0.9  # least share of a video in a crop
    crop_keep: float = 0.5  # a crop keeps a segment of which it shows at least this share
    lr: float = 1e-4
    lr_warmup: int = 1  # epochs in which the learning rate rises to lr
    lr_schedule: Literal["constant", "cosine"] = "constant"
    weight_decay: float = 0.05  # AdamW, of matrices and kernels alone
    grad_clip: float = 1.0  # largest gradient norm; 0: no clipping
    precision: Literal["fp32", "bf16"] = "fp32"  # of products; losses and last layers are in fp32

    min_score: float = 0.001  # predictions below are dropped, before soft-NMS and behind it
    candidates: int = 2000  # best predictions of a video that soft-NMS sees
    nms_sigma: float = 0.5  # Gaussian soft-NMS: score *= exp(-tIoU^2 / sigma)
    max_per_video: int = 2000  # segments kept per video, best first

    def __post_init__(self) -> None:
        if not re.fullmatch(r"fustal|r\d+", self.proposals):
            raise ValueError(
                f"student.proposals is fustal or a round such as r2, got {self.proposals!r}"
            )
        self._hold(AT_LEAST_ONE, "at least 1", lambda value: value >= 1)
        self._hold(AT_LEAST_ZERO, "at least 0", lambda value: value >= 0)
        self._hold(POSITIVE, "above 0", lambda value: value > 0)
        self._hold(BELOW_ONE, "in [0, 1)", lambda value: 0 <= value < 1)
        self._hold(SHARES, "in [0, 1]", lambda value: 0 <= value <= 1)
        self._hold(("crop_share",), "above 0", lambda value: value > 0)
        if self.width % self.heads:
            raise ValueError(
                f"student.heads must divide student.width, got {self.heads} and {self.width}"
            )
        if self.head == "trident" and self.bins < self.first_range:
            raise ValueError(
                "student.bins must be at least student.first_range, or a trident head cannot "
                f"reach the ends that it is to learn; got {self.bins} and {self.first_range}"
            )

    def _hold(self, names: tuple[str, ...], what: str, holds: Callable[[float], bool]) -> None:
        for name in names:
            if not holds(getattr(self, name)):
                raise ValueError(f"student.{name} must be {what}, got {getattr(self, name)}")

    def step(self) -> StepParams:
        """How long and how fast, as the schedules of the training room read it."""
        return StepParams(
            epochs=self.epochs,
            min_steps=self.min_steps,
            batch=self.batch,
            crop=self.crop,
            optimiser="adamw",
            lr=self.lr,
            lr_schedule=self.lr_schedule,
            weight_decay=self.weight_decay,
            grad_clip=self.grad_clip,
            precision=self.precision,
        )
