"""Parameters of evaluation and of the summary."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class EvaluationParams:
    """Which detections count as right. Raises ValueError, naming the key, for a bad value."""

    protocol: Literal["activitynet", "thumos14", "wtalc-grid", "tad"] = "activitynet"
    # equal scores and overlaps: in an order of their own, or as ActivityNet's code sorts them here
    ties: Literal["stable", "official"] = "stable"
    tious: tuple[float, ...] = (
        # .1 to .9 for the averages .1:.5, .3:.7, .1:.7; the steps of .05 for .5:.95
        0.1, 0.2, 0.3, 0.4, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95,
    )  # fmt: skip

    def __post_init__(self) -> None:
        protocols = ("activitynet", "thumos14", "wtalc-grid", "tad")
        if self.protocol not in protocols:
            raise ValueError(
                f"evaluation.protocol is one of {', '.join(protocols)}, got {self.protocol!r}"
            )
        if self.ties not in ("stable", "official"):
            raise ValueError(f"evaluation.ties is stable or official, got {self.ties!r}")
        if self.ties == "official" and self.protocol == "thumos14":
            raise ValueError("evaluation.ties: thumos14 has an order of its own, so use stable")
        if not self.tious or not all(0 < t <= 1 for t in self.tious):
            raise ValueError(f"evaluation.tious are values in 0..1, got {self.tious}")
        if len(set(self.tious)) != len(self.tious):
            raise ValueError(f"evaluation.tious holds a value twice, got {self.tious}")


@dataclass(frozen=True)
class SummaryParams:
    """What the summary draws."""

    pictures: int = 3  # test videos that get a picture of their scores and segments

    def __post_init__(self) -> None:
        if self.pictures < 0:
            raise ValueError(f"summary.pictures is at least 0, got {self.pictures}")
