"""Parameters of the two branches (sections `cbp` and `vlp`); torch-free."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class CbpParams:
    """The classification-based branch: embedding convolutions, pyramid, decoder.

    The paper names the parts and no sizes; they follow common practice for temporal pyramids.
    """

    width: int = 512  # channels of every layer
    heads: int = 4  # attention heads; must divide width
    embed: int = 2  # convolutions (kernel 3) before the first transformer block
    stem: int = 2  # transformer blocks at full temporal resolution
    levels: int = 3  # further blocks, each after halving the temporal resolution
    window: int = 4  # snippets that attention sees on each side, at each level; 0: all of them
    mlp_ratio: float = 4.0  # hidden width of a block's MLP over `width`
    input_dropout: float = 0.5  # probability of dropping an input channel value
    dropout: float = 0.1  # in attention outputs, MLPs and the decoder
    drop_path: float = 0.1  # probability of skipping a residual branch for a whole video
    fuse: Literal["mean", "max", "level0"] = "mean"  # how the pyramid's levels become one
    nonnegative: bool = True  # ReLU on the CAS: background falls to the uniform softmax
    bias: bool = False  # bias of the last convolution

    def __post_init__(self) -> None:
        if self.width <= 0 or self.heads <= 0 or self.width % self.heads:
            raise ValueError(f"cbp.heads must divide cbp.width, got {self.heads} and {self.width}")
        if self.embed < 1 or min(self.stem, self.levels, self.window) < 0:
            raise ValueError(
                "cbp.embed must be at least 1, cbp.stem, cbp.levels and cbp.window at least 0, "
                f"got {self.embed}, {self.stem}, {self.levels}, {self.window}"
            )
        for name in ("input_dropout", "dropout", "drop_path"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"cbp.{name} must be in [0, 1), got {getattr(self, name)}")
        if self.mlp_ratio <= 0:
            raise ValueError(f"cbp.mlp_ratio must be positive, got {self.mlp_ratio}")


@dataclass(frozen=True)
class VlpParams:
    """The vision-language branch: prompts, temporal layers, temperature."""

    prefix: int = 16  # learnable prompt vectors before the class name
    suffix: int = 16  # learnable prompt vectors after the class name
    layers: int = 2  # temporal transformer layers
    heads: int = 8  # attention heads; must divide the embedding width
    window: int = 0  # snippets that attention sees on each side; 0: all of them
    mlp_ratio: float = 4.0
    dropout: float = 0.0
    positions: int = 1000  # rows of the positional table; longer videos interpolate it
    init_std: float = 0.01  # of prompts, positions and temporal layers
    temperature: float = 0.07  # τ of the softmax over classes
    temperature_vanilla: float = 0.07  # τ of the untrained branch (round r0)
    template_vanilla: str = "{}"  # text of the untrained branch; {} is the class name

    def __post_init__(self) -> None:
        if min(self.prefix, self.suffix, self.layers, self.window) < 0 or self.positions < 2:
            raise ValueError(
                "vlp.prefix, vlp.suffix, vlp.layers and vlp.window must be at least 0 and "
                f"vlp.positions at least 2, got {self.prefix}, {self.suffix}, {self.layers}, "
                f"{self.window}, {self.positions}"
            )
        if self.heads <= 0:
            raise ValueError(f"vlp.heads must be positive, got {self.heads}")
        for name in ("mlp_ratio", "init_std", "temperature", "temperature_vanilla"):
            if getattr(self, name) <= 0:
                raise ValueError(f"vlp.{name} must be positive, got {getattr(self, name)}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"vlp.dropout must be in [0, 1), got {self.dropout}")
        if self.template_vanilla.count("{}") != 1:
            raise ValueError(
                f"vlp.template_vanilla must hold {{}} once, got {self.template_vanilla!r}"
            )
