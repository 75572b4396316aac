"""CLIP's image tower for inference alone, at any precision.

Shapes: B images, S pixels, E joint embedding.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn


class ImageTower(nn.Module):
    """The image tower `visual` of open_clip, computed at `dtype`.

    The last normalisation and the projection, whose output is the feature, stay in float32. A
    ResNet's tower has neither; its output is made float32.
    """

    def __init__(self, visual: Any, dtype: torch.dtype = torch.float32):
        super().__init__()
        self.dtype = dtype
        visual = copy.deepcopy(visual).requires_grad_(False).eval()
        norm, projection = getattr(visual, "ln_post", None), getattr(visual, "proj", None)
        visual.to(dtype)
        if isinstance(norm, nn.LayerNorm) and isinstance(projection, nn.Parameter):
            visual.ln_post = _Float32Norm(norm.float())
            visual.proj = nn.Parameter(projection.float(), requires_grad=False)
        self.visual = visual

    def forward(self, image_B3SS: torch.Tensor) -> torch.Tensor:
        """Embeddings (B, E) float32, not normalised, of prepared images (B, 3, S, S) float32."""
        embedding_BE: torch.Tensor = self.visual(image_B3SS.to(self.dtype)).float()
        return embedding_BE


class _Float32Norm(nn.Module):
    """Layer normalisation in float32, whatever comes in; float32 out."""

    def __init__(self, norm: nn.LayerNorm):
        super().__init__()
        self.norm = norm

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        norm = self.norm
        return F.layer_norm(x.float(), norm.normalized_shape, norm.weight, norm.bias, norm.eps)
