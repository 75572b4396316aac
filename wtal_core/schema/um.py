"""Parameters of the CBP branch UM (section `um`); torch-free."""

from dataclasses import dataclass


@dataclass(frozen=True)
class UmParams:
    """Uncertainty modelling [UM]; the defaults are the published values."""

    width: int = 2048  # channels of the embedded feature, whose length is the magnitude
    dropout: float = 0.7  # probability of dropping an embedded channel before the classifier
    select_dropout: float = 0.7  # in training, of hiding a snippet from the choice of both sets
    ratio_act: int = 9  # pseudo-action snippets: valid snippets // ratio_act, biggest magnitudes
    ratio_bkg: int = 4  # pseudo-background snippets: valid snippets // ratio_bkg, smallest ones
    margin: float = 100.0  # magnitude that the mean pseudo-action feature is to reach
    magnitude_weight: float = 5e-4  # of the term on magnitudes
    entropy_weight: float = 1.0  # of the term that makes pseudo-background uniform over classes

    def __post_init__(self) -> None:
        for name in ("width", "ratio_act", "ratio_bkg"):
            if getattr(self, name) < 1:
                raise ValueError(f"um.{name} must be at least 1, got {getattr(self, name)}")
        for name in ("dropout", "select_dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"um.{name} must be in [0, 1), got {getattr(self, name)}")
        if self.margin <= 0:
            raise ValueError(f"um.margin must be positive, got {self.margin}")
        for name in ("magnitude_weight", "entropy_weight"):
            if getattr(self, name) < 0:
                raise ValueError(f"um.{name} must be at least 0, got {getattr(self, name)}")
