"""The four thresholds that people type (section `thresholds`); torch-free."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ThresholdParams:
    """δ and θ of [DVLP], section 4.1."""

    delta_h: float = 0.3  # a score above it is foreground, Eq. (4)
    delta_l: float = 0.1  # a score below it is background, Eq. (4)
    theta_cls: float = 0.85  # video-level score of a class that is localised
    theta_loc: float = 0.45  # snippet score inside a proposal

    def __post_init__(self) -> None:
        for name in ("delta_h", "delta_l", "theta_cls", "theta_loc"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"thresholds.{name} must be in [0, 1], got {getattr(self, name)}")
        if self.delta_l >= self.delta_h:
            raise ValueError(
                "thresholds.delta_l must be below thresholds.delta_h, "
                f"got {self.delta_l} and {self.delta_h}"
            )
