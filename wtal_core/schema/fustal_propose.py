"""From class scores to the proposals of FuSTAL (section `fustal_propose`); torch-free."""

from dataclasses import dataclass


@dataclass(frozen=True)
class FustalProposeParams:
    """How proposals are read off a video's scores, whoever scored it; CoLA's values.

    Levels are spaced equally from their first to their last, both included, on sequences
    stretched to [0, 1].
    """

    labels_only: bool = True  # a training video gets proposals of its own labels alone
    class_floor: float = 0.2  # else, and in test videos: classes from this video-level score on
    class_levels: int = 10  # levels on a class's own scores
    class_first: float = 0.0
    class_last: float = 0.225
    action_levels: int = 33  # levels on the scores of action of any class
    action_first: float = 0.1
    action_last: float = 0.9
    upsample: int = 24  # linear interpolation of the scores before the levels
    oic_margin: float = 0.25  # outer margin on each side, share of the proposal's length
    oic_video_weight: float = 0.2  # of the video-level score in a proposal's score
    nms_tiou: float = 0.5  # what overlaps a better proposal of its class by more is dropped
    max_per_video: int = 200  # proposals kept per video, best first

    def __post_init__(self) -> None:
        for name in ("upsample", "max_per_video"):
            if getattr(self, name) < 1:
                raise ValueError(f"fustal_propose.{name} is at least 1, got {getattr(self, name)}")
        for name in ("class_levels", "action_levels", "oic_margin", "oic_video_weight"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"fustal_propose.{name} is at least 0, got {getattr(self, name)}")
        if self.class_levels + self.action_levels == 0:
            raise ValueError("fustal_propose.class_levels and action_levels are not both 0")
        for name in ("class_floor", "nms_tiou"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"fustal_propose.{name} lies in 0..1, got {getattr(self, name)}")
        for kind in ("class", "action"):
            first, last = getattr(self, f"{kind}_first"), getattr(self, f"{kind}_last")
            if not 0 <= first <= last < 1:
                raise ValueError(
                    f"fustal_propose.{kind}_first and {kind}_last rise within 0..1, "
                    f"got {first} and {last}"
                )
