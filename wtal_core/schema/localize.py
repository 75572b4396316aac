"""Parameters of localization: from class scores to kept segments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class LocalizeParams:
    """How segments are read off the class scores of a video.

    The thresholds θ_cls and θ_loc stand in section `thresholds`; they act in the `paper`
    presets. Raises ValueError, naming the key, for a value out of range.
    """

    branch: Literal["cbp", "vlp", "fused"] = "cbp"  # whose scores are localized; the paper: cbp
    # share of cbp in `fused`, 0 to 1; auto: what explains the training videos' labels best
    fuse_weight: float | Literal["auto"] = 0.5
    class_selection: Literal["threshold", "paper"] = "threshold"
    class_floor: float = 0.2  # `threshold`: a video shows a class from this video-level score on
    proposals: Literal["multi", "paper"] = "multi"
    proposal_thresholds: tuple[float, ...] = (
        # `multi`: levels on the score sequence stretched to [0, 1]: ten, equally spaced
        0.1, 0.189, 0.278, 0.367, 0.456, 0.544, 0.633, 0.722, 0.811, 0.9,
    )  # fmt: skip
    upsample: int = 1  # linear interpolation of the score sequence before thresholding
    score: Literal["max", "oic"] = "max"  # maximum inside, or outer-inner contrast
    oic_margin: float = 0.25  # outer margin on each side, share of the proposal's length
    oic_video_weight: float = 0.2  # share of the video-level score added to the contrast
    nms_sigma: float = 0.3  # Gaussian soft-NMS: score *= exp(-tIoU^2 / sigma)
    min_score: float = 0.0  # proposals whose decayed score falls below are dropped
    max_per_video: int = 200  # segments kept per video, best first

    def __post_init__(self) -> None:
        for name, value, allowed in (
            ("branch", self.branch, ("cbp", "vlp", "fused")),
            ("class_selection", self.class_selection, ("threshold", "paper")),
            ("proposals", self.proposals, ("multi", "paper")),
            ("score", self.score, ("max", "oic")),
        ):
            if value not in allowed:
                raise ValueError(f"localize.{name} is one of {', '.join(allowed)}, got {value!r}")
        if self.fuse_weight != "auto" and not (
            isinstance(self.fuse_weight, float | int) and 0 <= self.fuse_weight <= 1
        ):
            raise ValueError(f"localize.fuse_weight is auto or in 0..1, got {self.fuse_weight!r}")
        if not 0 <= self.class_floor <= 1:
            raise ValueError(f"localize.class_floor lies in 0..1, got {self.class_floor}")
        for name in ("oic_margin", "oic_video_weight", "min_score"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"localize.{name} is at least 0, got {getattr(self, name)}")
        if not self.nms_sigma > 0:
            raise ValueError(f"localize.nms_sigma is above 0, got {self.nms_sigma}")
        for name in ("upsample", "max_per_video"):
            if getattr(self, name) < 1:
                raise ValueError(f"localize.{name} is at least 1, got {getattr(self, name)}")
        if not self.proposal_thresholds or not all(0 <= t < 1 for t in self.proposal_thresholds):
            raise ValueError(
                f"localize.proposal_thresholds are values in 0..1, got {self.proposal_thresholds}"
            )
