"""Parameters of the CBP branch DELU (section `delu`); torch-free."""

from dataclasses import dataclass

from wtal_core.schema.co2net import Co2NetParams


@dataclass(frozen=True)
class DeluParams(Co2NetParams):
    """Dual-evidential learning [DELU]: CO2-Net's keys and those of two evidential terms.

    The defaults are the values published for THUMOS14.
    """

    guide_weight: float = 0.4  # half of CO2-Net's: the snippet-level term guides, too
    video_evidence_weight: float = 1.3  # of the evidential loss of the video-level labels
    snippet_evidence_weight: float = 0.4  # of the guide weighed by each snippet's uncertainty
    evidence_ratio: int = 9  # valid snippets // evidence_ratio, of highest attention, are evidence
    amplitude: float = 0.7  # of the weight by uncertainty: from 1 + amplitude to 1 - amplitude

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("video_evidence_weight", "snippet_evidence_weight"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be at least 0, got {getattr(self, name)}")
        if self.evidence_ratio < 1:
            raise ValueError(f"evidence_ratio must be at least 1, got {self.evidence_ratio}")
        if not 0 <= self.amplitude <= 1:
            raise ValueError(f"amplitude must be in [0, 1], got {self.amplitude}")
