"""The CBP branch: I3D features to a class activation sequence (Figure 2 of [DVLP], upper half).

B videos, T snippets, C classes, D feature channels, L pyramid levels.
"""

import torch
from torch import Tensor, nn

from wtal_core.branches.output import BranchOutput
from wtal_core.branches.transformer import Block
from wtal_core.schema.branches import CbpParams


class MaskedConv(nn.Module):
    """1D convolution, kernel 3, over (B, T, D); it sees zeros where there is no snippet."""

    def __init__(
        self, inward: int, outward: int, stride: int = 1, groups: int = 1, bias: bool = True
    ) -> None:
        super().__init__()
        self.conv = nn.Conv1d(
            inward, outward, 3, stride=stride, padding=1, groups=groups, bias=bias
        )

    def forward(self, x_BTD: Tensor, mask_BT: Tensor) -> Tensor:
        """(B, ceil(T / stride), outward); padded rows are not masked on the way out."""
        return self.conv((x_BTD * mask_BT[..., None]).transpose(1, 2)).transpose(1, 2)


class ConvNormRelu(nn.Module):
    """Convolution, layer norm, ReLU."""

    def __init__(self, inward: int, outward: int) -> None:
        super().__init__()
        self.conv = MaskedConv(inward, outward, bias=False)
        self.norm = nn.LayerNorm(outward)

    def forward(self, x_BTD: Tensor, mask_BT: Tensor) -> Tensor:
        """(B, T, outward) from (B, T, inward)."""
        return self.norm(self.conv(x_BTD, mask_BT)).relu()


class Pyramid(nn.Module):
    """Transformer pyramid: blocks at full resolution, then one block per halved resolution."""

    def __init__(self, params: CbpParams) -> None:
        super().__init__()

        def block() -> Block:
            return Block(
                params.width,
                params.heads,
                params.mlp_ratio,
                params.dropout,
                params.drop_path,
                params.window,
            )

        self.stem = nn.ModuleList(block() for _ in range(params.stem))
        self.halve = nn.ModuleList(
            MaskedConv(params.width, params.width, stride=2, groups=params.width)
            for _ in range(params.levels)
        )
        self.levels = nn.ModuleList(block() for _ in range(params.levels))

    def forward(self, x_BTD: Tensor, mask_BT: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Features and mask of each level, finest first; level l has ceil(T / 2^l) rows."""
        for block in self.stem:
            x_BTD = block(x_BTD, mask_BT)
        found = [(x_BTD, mask_BT)]
        for halve, block in zip(self.halve, self.levels, strict=True):
            x_BTD, mask_BT = halve(x_BTD, mask_BT), mask_BT[:, ::2]
            x_BTD = block(x_BTD * mask_BT[..., None], mask_BT)
            found.append((x_BTD, mask_BT))
        return found


def stretch_level(x_BSD: Tensor, mask_BS: Tensor, length: int, level: int) -> Tensor:
    """A level's S rows interpolated linearly to `length` snippets, (B, length, D).

    Row s stands at snippet s * 2^level. Beyond a video's last row its value is held, so that
    padding plays no part.
    """
    if level == 0:
        return x_BSD
    at_T = torch.arange(length, device=x_BSD.device)
    left_T = at_T >> level
    right_T = (left_T + 1).clamp(max=x_BSD.shape[1] - 1)
    share_T1 = ((at_T - (left_T << level)) / 2**level).to(x_BSD.dtype)[:, None]
    left_BTD = x_BSD[:, left_T]
    right_BTD = torch.where(mask_BS[:, right_T, None], x_BSD[:, right_T], left_BTD)
    return left_BTD + share_T1 * (right_BTD - left_BTD)


class CBP(nn.Module):
    """Classification-based branch: embedding, transformer pyramid, 3-layer decoder.

    Section 3.2 and supplement of [DVLP], which give the parts and no sizes.
    Differs: attention is local and the CAS is non-negative without a bias (both can be switched
    off), because top-k pooling gives background no reason to be uniform: with a global view and
    free logits the whole video takes its label, and the branch is no longer the incomplete one
    that the method relies on.
    """

    def __init__(self, in_channels: int, classes: int, params: CbpParams) -> None:
        super().__init__()
        self.fuse = params.fuse
        self.nonnegative = params.nonnegative
        self.input_dropout = nn.Dropout(params.input_dropout)
        self.embed = nn.ModuleList(
            ConvNormRelu(params.width if i else in_channels, params.width)
            for i in range(params.embed)
        )
        self.pyramid = Pyramid(params)
        self.decoder = nn.ModuleList(ConvNormRelu(params.width, params.width) for _ in range(2))
        self.dropout = nn.Dropout(params.dropout)
        self.last = MaskedConv(params.width, classes, bias=params.bias)

    def forward(self, feat_BTD: Tensor, mask_BT: Tensor) -> BranchOutput:
        """CAS, class probabilities and the feature before the last convolution."""
        x_BTD = self.input_dropout(feat_BTD)
        for layer in self.embed:
            x_BTD = layer(x_BTD, mask_BT)
        x_BTD = self._fuse(self.pyramid(x_BTD * mask_BT[..., None], mask_BT))
        for layer in self.decoder:
            x_BTD = layer(x_BTD, mask_BT)
        # In bfloat16 the logits of many snippets would be equal, and the top k a matter of order.
        with torch.autocast(x_BTD.device.type, enabled=False):
            cas_BTC = self.last(self.dropout(x_BTD.float()), mask_BT)
        cas_BTC = cas_BTC.relu() if self.nonnegative else cas_BTC
        return BranchOutput(cas_BTC, cas_BTC.softmax(-1), x_BTD, mask_BT)

    def _fuse(self, found: list[tuple[Tensor, Tensor]]) -> Tensor:
        length = found[0][0].shape[1]
        if self.fuse == "level0":
            return found[0][0]
        levels_LBTD = torch.stack(
            [stretch_level(x, mask, length, level) for level, (x, mask) in enumerate(found)]
        )
        return levels_LBTD.mean(0) if self.fuse == "mean" else levels_LBTD.amax(0)
