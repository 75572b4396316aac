"""The VLP branch: CLIP features and prompted class names (Figure 2 of [DVLP], lower half).

B videos, T snippets, C classes, E joint embedding, P prompt vectors or table rows, W token width.
"""

from typing import Protocol, Self, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from wtal_core.branches.output import BranchOutput
from wtal_core.branches.transformer import Block
from wtal_core.schema.branches import VlpParams


class TextTower(Protocol):
    """A frozen text encoder that knows the class names."""

    @property
    def width(self) -> int:
        """W: channels of a token embedding, hence of a prompt vector."""

    @property
    def dim(self) -> int:
        """E: channels of the joint embedding."""

    def __call__(self, prefix_PW: Tensor, suffix_PW: Tensor) -> Tensor:
        """(C, E) text features with the prompt vectors around each class name."""

    def plain(self, template: str) -> Tensor:
        """(C, E) text features of the template filled with each class name."""


class VLP(nn.Module):
    """Vision-language branch, Eq. (2) and (3) of [DVLP]: only prompts and temporal layers learn.

    `vanilla=True` gives the branch before any training: no temporal layers, the plain class name.
    Differs: Eq. (3) shows no temperature, yet a softmax of cosines over 20 classes stays under
    0.28 and could never pass δ_h; logits are cosine / τ. Image features enter with unit length,
    so that what the layers add does not depend on the scale of the encoder.
    """

    def __init__(
        self,
        text: nn.Module,
        dim: int,
        classes: int,
        params: VlpParams,
        *,
        vanilla: bool = False,
    ) -> None:
        super().__init__()
        tower = cast(TextTower, text)
        if tower.dim != dim:
            raise ValueError(f"image features have {dim} channels, text features {tower.dim}")
        self.text = text.requires_grad_(False)
        self.classes = classes
        self.vanilla = vanilla
        self.template = params.template_vanilla
        self.temperature = params.temperature_vanilla if vanilla else params.temperature
        self._text_CE: Tensor | None = None
        if not vanilla:
            self.prefix_PW = nn.Parameter(torch.empty(params.prefix, tower.width))
            self.suffix_PW = nn.Parameter(torch.empty(params.suffix, tower.width))
            self.position_PE = nn.Parameter(torch.empty(params.positions, dim))
            self.layers = nn.ModuleList(
                Block(dim, params.heads, params.mlp_ratio, params.dropout, window=params.window)
                for _ in range(params.layers)
            )
            self._start_near_identity(params.init_std)

    def forward(self, feat_BTE: Tensor, mask_BT: Tensor) -> BranchOutput:
        """CAS (cosine / τ), class probabilities and F_vid."""
        video_BTE = F.normalize(feat_BTE, dim=-1) * mask_BT[..., None]
        if not self.vanilla:
            video_BTE = self._relate(video_BTE, mask_BT)
        text_CE = self._text()
        # Eight bits of a cosine are too few once it is divided by τ.
        with torch.autocast(video_BTE.device.type, enabled=False):
            text_CE = F.normalize(text_CE.float(), dim=-1)
            cas_BTC = F.normalize(video_BTE.float(), dim=-1) @ text_CE.T / self.temperature
        return BranchOutput(cas_BTC, cas_BTC.softmax(-1), video_BTE, mask_BT)

    def train(self, mode: bool = True) -> Self:
        """The frozen text tower never enters training mode; cached text features are dropped."""
        super().train(mode)
        self.text.eval()
        self._text_CE = None
        return self

    def _text(self) -> Tensor:
        """Once per step in training (the prompts change), once in all at evaluation."""
        if self._text_CE is not None and not torch.is_grad_enabled():
            return self._text_CE
        if self.vanilla:
            text_CE = cast(TextTower, self.text).plain(self.template)
        else:
            text_CE = self.text(self.prefix_PW, self.suffix_PW)
        if len(text_CE) != self.classes:
            raise ValueError(f"{self.classes} classes, but the text tower gave {len(text_CE)} rows")
        if not self.training and not torch.is_grad_enabled():
            self._text_CE = text_CE
        return text_CE

    def _relate(self, x_BTE: Tensor, mask_BT: Tensor) -> Tensor:
        """Φ_temp of Eq. (2): positions, then transformer layers."""
        x_BTE = (x_BTE + interpolate_rows(self.position_PE, mask_BT)) * mask_BT[..., None]
        for layer in self.layers:
            x_BTE = layer(x_BTE, mask_BT)
        return x_BTE

    def _start_near_identity(self, std: float) -> None:
        """N(0, std) for what learns (supplement of [DVLP]); biases 0, layer norms as they are."""
        for name, parameter in self.named_parameters():
            if not parameter.requires_grad or ".norm_" in name:
                continue
            if parameter.ndim == 1:
                nn.init.zeros_(parameter)
            else:
                nn.init.normal_(parameter, std=std)


def interpolate_rows(table_PE: Tensor, mask_BT: Tensor) -> Tensor:
    """A row of the table for each snippet, (B, T, E).

    A video of at most P snippets takes the first rows; a longer one spreads over the whole table.
    The scale comes from each video's own length, so padding changes nothing.
    """
    last_row = len(table_PE) - 1
    last_B1 = (mask_BT.sum(1, keepdim=True) - 1).clamp(min=1)
    scale_B1 = (last_row / last_B1).clamp(max=1)
    at_BT = torch.arange(mask_BT.shape[1], device=mask_BT.device) * scale_B1
    at_BT = at_BT.clamp(max=last_row)
    left_BT = at_BT.floor().long()
    right_BT = (left_BT + 1).clamp(max=last_row)
    share_BT1 = (at_BT - left_BT)[..., None].to(table_PE.dtype)
    return table_PE[left_BT] * (1 - share_BT1) + table_PE[right_BT] * share_BT1
