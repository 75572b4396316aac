"""The CBP branches that there are, and the one that the parameters ask for."""

import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from stages.parts.features import Features
from wtal_core.branches import inputs
from wtal_core.branches.cbp import CBP
from wtal_core.branches.co2net import CO2Net
from wtal_core.branches.inputs import FusedInputs, count_fused
from wtal_core.branches.output import BranchOutput
from wtal_core.branches.um import UM
from wtal_core.errors import WtalError
from wtal_core.losses.co2net import co2net_loss
from wtal_core.losses.delu import delu_loss
from wtal_core.losses.um import um_loss
from wtal_core.params import read_params
from wtal_core.schema.branch import NETWORKS, BranchParams
from wtal_core.schema.losses import LossParams
from wtal_core.training.loop import OwnLoss


@dataclass(frozen=True)
class Kind:
    """A network, built by `(in_channels, classes, params)`, and its video-level loss."""

    network: Callable[[int, int, Any], nn.Module]
    loss: Callable[..., Tensor] | None = None  # in the place of Eq. (1); None: Eq. (1)


# Their parameters are in `schema.branch.NETWORKS`.
KINDS = {
    "pyramid": Kind(CBP),
    "um": Kind(UM, um_loss),
    "co2net": Kind(CO2Net, co2net_loss),
    "delu": Kind(CO2Net, delu_loss),  # CO2-Net's network
}
# Code that decides what a trained branch is like.
MODULES = (
    inputs,
    *(sys.modules[kind.network.__module__] for kind in KINDS.values()),
    *(sys.modules[kind.loss.__module__] for kind in KINDS.values() if kind.loss),
)


@dataclass(frozen=True)
class ChosenBranch:
    """The CBP branch of a run: which network, on what features, with what parameters."""

    cbp: str
    inputs: str
    params: Any

    @property
    def needs_clip(self) -> bool:
        """Does it see CLIP's features, too?"""
        return self.inputs != "i3d"

    def feed(self, features: Features) -> list[Tensor]:
        """What the branch sees of each video, (T, D) or (T, D + E)."""
        if not self.needs_clip:
            return features.i3d
        pairs = zip(features.i3d, features.clip, strict=True)
        return [torch.cat(pair, dim=-1) for pair in pairs]

    def meta(self, features: Features) -> dict[str, Any]:
        """What a checkpoint must say so that the branch can be built again."""
        return {
            "branch": "cbp",
            "network": self.cbp,
            "inputs": self.inputs,
            "classes": list(features.labels.classes),
            "in_channels": features.i3d[0].shape[1],
            "clip_channels": features.clip[0].shape[1] if self.needs_clip else 0,
            "params": asdict(self.params),
        }

    def build(self, meta: dict[str, Any]) -> nn.Module:
        """The network that a checkpoint's facts describe, untrained."""
        i3d, clip, classes = meta["in_channels"], meta["clip_channels"], len(meta["classes"])
        network = KINDS[self.cbp].network
        if not self.needs_clip:
            return network(i3d, classes, self.params)
        inside = network(count_fused(i3d, clip, self.inputs), classes, self.params)
        return FusedInputs(inside, i3d, clip, self.inputs)

    def check(self, meta: dict[str, Any], checkpoint: Path) -> None:
        """Raise WtalError when the checkpoint holds another network, or one for other features."""
        held, asked = (meta["network"], meta["inputs"]), (self.cbp, self.inputs)
        if held != asked:
            raise WtalError(
                f"{checkpoint}: holds the branch {held[0]} on {held[1]}, but branch.cbp and "
                f"branch.inputs ask for {asked[0]} on {asked[1]}; train it (`dvc repro`) or set "
                "the two keys back"
            )

    def own_loss(self, loss: LossParams) -> OwnLoss | None:
        """The branch's own video-level loss; None for that of Eq. (1)."""
        found = KINDS[self.cbp].loss
        if found is None:
            return None

        def own(output: BranchOutput, label_BC: Tensor, generator: torch.Generator) -> Tensor:
            return found(output, label_BC, self.params, loss, generator)

        return own


def read_branch(params: Path, dataset_yaml: Path) -> ChosenBranch:
    """The CBP branch that params.yaml and dataset.yaml ask for."""
    asked = read_params(params, dataset_yaml, "branch", BranchParams)
    section, cls = NETWORKS[asked.cbp]
    return ChosenBranch(asked.cbp, asked.inputs, read_params(params, dataset_yaml, section, cls))
