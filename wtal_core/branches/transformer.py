"""The pre-norm transformer block of both branches: padding-safe, optionally local.

B videos, T snippets, D channels.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def attention_mask(mask_BT: Tensor, window: int) -> Tensor:
    """Which snippets each snippet may see, bool (B, 1, T, T).

    Real ones at most `window` away (0: any distance). Every row sees itself, so that the softmax
    of a padded row has a value.
    """
    index_T = torch.arange(mask_BT.shape[1], device=mask_BT.device)
    apart_TT = (index_T[:, None] - index_T).abs()
    near_TT = apart_TT <= window if window else torch.ones_like(apart_TT, dtype=torch.bool)
    return ((near_TT & mask_BT[:, None, :]) | (apart_TT == 0))[:, None]


class Attention(nn.Module):
    """Multi-head self-attention."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"heads must divide the width, got {heads = } and {width = }")
        self.heads = heads
        self.inward = nn.Linear(width, 3 * width)
        self.outward = nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x_BTD: Tensor, seen_B1TT: Tensor) -> Tensor:
        """(B, T, D) from (B, T, D); `seen_B1TT` as `attention_mask` makes it."""
        batch, length, width = x_BTD.shape
        split = self.inward(x_BTD).view(batch, length, 3, self.heads, width // self.heads)
        query, key, value = split.permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=seen_B1TT)
        return self.dropout(self.outward(mixed.transpose(1, 2).reshape(batch, length, width)))


class Block(nn.Module):
    """x + MSA(LN x), then x + MLP(LN x); padding stays zero."""

    def __init__(
        self, width: int, heads: int, mlp_ratio: float, dropout: float, drop_path: float = 0.0
    ) -> None:
        super().__init__()
        hidden = int(width * mlp_ratio)
        self.norm_attention = nn.LayerNorm(width)
        self.attention = Attention(width, heads, dropout)
        self.norm_mlp = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width), nn.Dropout(dropout)
        )
        self.drop_path = drop_path

    def forward(self, x_BTD: Tensor, mask_BT: Tensor, seen_B1TT: Tensor) -> Tensor:
        """(B, T, D) from (B, T, D)."""
        x_BTD = x_BTD + self._skip(self.attention(self.norm_attention(x_BTD), seen_B1TT))
        x_BTD = x_BTD + self._skip(self.mlp(self.norm_mlp(x_BTD)))
        return x_BTD * mask_BT[..., None]

    def _skip(self, residual_BTD: Tensor) -> Tensor:
        if not self.training or self.drop_path == 0:
            return residual_BTD
        keep_B11 = torch.rand(len(residual_BTD), 1, 1, device=residual_BTD.device) >= self.drop_path
        return residual_BTD * keep_B11 / (1 - self.drop_path)
