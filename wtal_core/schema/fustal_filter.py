"""Which proposals become pseudo-segments (section `fustal_filter`); torch-free."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class FustalFilterParams:
    """The prior-based filter of FuSTAL; published values."""

    rule: Literal["both", "score", "prior"] = "both"  # which of the two limits must hold
    min_score: float = 0.4  # a proposal's score is above it
    min_support: float = 0.2  # its summed tIoU with others of its video, at least
    # the others: proposals left by suppression (released code), or the runs of all levels before it
    support: Literal["proposals", "runs"] = "proposals"

    def __post_init__(self) -> None:
        if self.rule not in ("both", "score", "prior"):
            raise ValueError(f"fustal_filter.rule is both, score or prior, got {self.rule!r}")
        if self.support not in ("proposals", "runs"):
            raise ValueError(f"fustal_filter.support is proposals or runs, got {self.support!r}")
        if self.min_support < 0:
            raise ValueError(f"fustal_filter.min_support is at least 0, got {self.min_support}")
