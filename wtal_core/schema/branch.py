"""Which network is the CBP branch, and on what features (section `branch`); torch-free."""

from dataclasses import dataclass
from typing import Literal

from wtal_core.schema.branches import CbpParams
from wtal_core.schema.co2net import Co2NetParams
from wtal_core.schema.delu import DeluParams
from wtal_core.schema.um import UmParams

# Of each network that can be the CBP branch: its section of params.yaml, and what that holds.
NETWORKS: dict[str, tuple[str, type]] = {
    "pyramid": ("cbp", CbpParams),
    "um": ("um", UmParams),
    "co2net": ("co2net", Co2NetParams),
    "delu": ("delu", DeluParams),
}


@dataclass(frozen=True)
class BranchParams:
    """Tables 1, 2 and 6 of [DVLP]."""

    cbp: str = "pyramid"  # one of NETWORKS
    inputs: Literal["i3d", "mean", "concat"] = "i3d"  # I3D alone, or with CLIP's features

    def __post_init__(self) -> None:
        if self.cbp not in NETWORKS:
            raise ValueError(f"branch.cbp must be one of {', '.join(NETWORKS)}, got {self.cbp!r}")
