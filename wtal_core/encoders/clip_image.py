"""CLIP's image tower: from uint8 RGB to embeddings. `model` is what `clip.build_clip` gives.

Shapes: B images, H W pixels, E joint embedding.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F

# Of the images that OpenAI trained on, per channel, for values in [0, 1].
_MEAN = (0.48145466, 0.4578275, 0.40821073)
_STD = (0.26862954, 0.26130258, 0.27577711)


def image_size(model: Any) -> int:
    """Side in pixels of the square that the image tower sees."""
    size = model.visual.image_size
    return int(size[0] if isinstance(size, Sequence) else size)


def preprocess(rgb_BHWC: torch.Tensor, size: int) -> torch.Tensor:
    """CLIP's image preparation: bicubic resize of the short side, centre crop, normalisation.

    uint8 RGB in, float32 (B, 3, size, size) out. In torch, with PIL's rounding to grey levels.
    """
    if rgb_BHWC.ndim != 4 or rgb_BHWC.shape[-1] != 3 or rgb_BHWC.dtype != torch.uint8:
        raise ValueError(
            f"CLIP takes uint8 RGB (B, H, W, 3): got {rgb_BHWC.shape = }, {rgb_BHWC.dtype = }"
        )
    image_BCHW = rgb_BHWC.permute(0, 3, 1, 2).float()
    height, width = image_BCHW.shape[2:]
    short = min(height, width)
    if short != size:
        target = (int(size * height / short), int(size * width / short))
        image_BCHW = F.interpolate(
            image_BCHW, target, mode="bicubic", antialias=True, align_corners=False
        )
        image_BCHW = image_BCHW.round().clamp(0, 255)
    top, left = (round((side - size) / 2) for side in image_BCHW.shape[2:])
    image_BCHW = image_BCHW[:, :, top : top + size, left : left + size] / 255
    mean, std = (image_BCHW.new_tensor(c).view(1, 3, 1, 1) for c in (_MEAN, _STD))
    return (image_BCHW - mean) / std


def encode_images(model: Any, rgb_BHWC: torch.Tensor) -> torch.Tensor:
    """Image embeddings (B, E), not normalised, of uint8 RGB images (B, H, W, 3)."""
    embedding_BE: torch.Tensor = model.encode_image(preprocess(rgb_BHWC, image_size(model)))
    return embedding_BE
