"""Which network is the CBP branch, and on what features (section `branch`); torch-free."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class BranchParams:
    """Tables 1, 2 and 6 of [DVLP]; each network has a section of parameters of its own."""

    cbp: Literal["pyramid", "um"] = "pyramid"  # the pyramid's section is `cbp`
    inputs: Literal["i3d", "mean", "concat"] = "i3d"  # I3D alone, or with CLIP's features
