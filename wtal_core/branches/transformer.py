"""The pre-norm transformer block of both branches: padding-safe, optionally local.

B videos, T snippets, D channels; H heads of d channels; a video is cut into N blocks of S snippets,
whose attention reaches K = window + S + window snippets.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

BLOCK = 16  # S, unless the window is wider: small, since S + 2 window keys are computed for a row


def attend_all(query_BHTd: Tensor, key_BHTd: Tensor, value_BHTd: Tensor, mask_BT: Tensor) -> Tensor:
    """Attention to every real snippet of the video, (B, H, T, d), never holding a (T, T) matrix."""
    seen_B11T = mask_BT[:, None, None]
    return F.scaled_dot_product_attention(query_BHTd, key_BHTd, value_BHTd, attn_mask=seen_B11T)


def attend_near(
    query_BHTd: Tensor, key_BHTd: Tensor, value_BHTd: Tensor, mask_BT: Tensor, window: int
) -> Tensor:
    """Attention to the real snippets at most `window` away, (B, H, T, d).

    A block of snippets needs the keys of the block and of `window` on each side, so time and memory
    grow with T (S + 2 window) instead of T². Every row sees itself, so that the softmax of a padded
    row has a value.
    """
    length = query_BHTd.shape[2]
    size = max(BLOCK, window)  # at least the window, so that it ends in the next block
    count = -(-length // size)
    spare = count * size - length
    query_BNHSd, key_BNHSd, value_BNHSd = (
        F.pad(x_BHTd, (0, 0, 0, spare)).unflatten(2, (count, size)).transpose(1, 2)
        for x_BHTd in (query_BHTd, key_BHTd, value_BHTd)
    )
    at_S1 = torch.arange(size, device=mask_BT.device)[:, None]
    apart_SK = (at_S1 - torch.arange(-window, size + window, device=mask_BT.device)).abs()
    real_BNK = F.pad(mask_BT, (window, spare + window)).unfold(1, size + 2 * window, size)
    seen_BNSK = (real_BNK[:, :, None] & (apart_SK <= window)) | (apart_SK == 0)
    score_BNHSK = (
        query_BNHSd
        * query_BNHSd.shape[-1] ** -0.5
        @ _with_neighbours(key_BNHSd, window).transpose(-1, -2)
    )
    share_BNHSK = score_BNHSK.masked_fill(~seen_BNSK[:, :, None], -torch.inf).softmax(-1)
    mixed_BNHSd = share_BNHSK @ _with_neighbours(value_BNHSd, window)
    return mixed_BNHSd.transpose(1, 2).flatten(2, 3)[:, :, :length]


def _with_neighbours(x_BNHSd: Tensor, window: int) -> Tensor:
    """Each block between the last rows of the one before and the first of the next, else zeros."""
    before = F.pad(x_BNHSd[:, :-1, :, -window:], (0, 0, 0, 0, 0, 0, 1, 0))
    after = F.pad(x_BNHSd[:, 1:, :, :window], (0, 0, 0, 0, 0, 0, 0, 1))
    return torch.cat([before, x_BNHSd, after], 3)


class Attention(nn.Module):
    """Multi-head self-attention; `window` snippets on each side, 0: the whole video."""

    def __init__(self, width: int, heads: int, dropout: float, window: int = 0) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"heads must divide the width, got {heads = } and {width = }")
        self.heads = heads
        self.window = window
        self.inward = nn.Linear(width, 3 * width)
        self.outward = nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x_BTD: Tensor, mask_BT: Tensor) -> Tensor:
        """(B, T, D) from (B, T, D); what stands in padded rows has no meaning."""
        batch, length, width = x_BTD.shape
        split = self.inward(x_BTD).view(batch, length, 3, self.heads, width // self.heads)
        query, key, value = split.permute(2, 0, 3, 1, 4)
        if self.window:
            mixed = attend_near(query, key, value, mask_BT, self.window)
        else:
            mixed = attend_all(query, key, value, mask_BT)
        return self.dropout(self.outward(mixed.transpose(1, 2).reshape(batch, length, width)))


class Block(nn.Module):
    """x + MSA(LN x), then x + MLP(LN x); padding stays zero."""

    def __init__(
        self,
        width: int,
        heads: int,
        mlp_ratio: float,
        dropout: float,
        drop_path: float = 0.0,
        window: int = 0,
    ) -> None:
        super().__init__()
        hidden = int(width * mlp_ratio)
        self.norm_attention = nn.LayerNorm(width)
        self.attention = Attention(width, heads, dropout, window)
        self.norm_mlp = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width), nn.Dropout(dropout)
        )
        self.drop_path = drop_path

    def forward(self, x_BTD: Tensor, mask_BT: Tensor) -> Tensor:
        """(B, T, D) from (B, T, D)."""
        x_BTD = x_BTD + self._skip(self.attention(self.norm_attention(x_BTD), mask_BT))
        x_BTD = x_BTD + self._skip(self.mlp(self.norm_mlp(x_BTD)))
        return x_BTD * mask_BT[..., None]

    def _skip(self, residual_BTD: Tensor) -> Tensor:
        if not self.training or self.drop_path == 0:
            return residual_BTD
        keep_B11 = torch.rand(len(residual_BTD), 1, 1, device=residual_BTD.device) >= self.drop_path
        return residual_BTD * keep_B11 / (1 - self.drop_path)
