"""CLIP's image tower ready for use: tensors of a checkpoint in, features of images out.

Shapes: N images, B at once, H W S pixels.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from wtal_core.encoders import nets
from wtal_core.encoders.backends import Backend
from wtal_core.encoders.clip import load_clip
from wtal_core.encoders.clip_image import image_size, preprocess
from wtal_core.encoders.clip_tower import ImageTower

# Cells of a batch on a processor: those of one image of 224 x 224, see i3d_net.
_CELLS, _MOST = 224 * 224, 16


def open_clip_images(
    config: str | Mapping[str, Any],
    state: Mapping[str, torch.Tensor],
    backend: Backend,
    batch: int = 1,
    streams: int = 1,
) -> nets.Net:
    """For uint8 RGB (N, H, W, 3); embeddings are not normalised.

    batch: images at once on a GPU; on a processor their number follows from the tower's picture.
    streams: threads that will call at the same time.
    Raises WtalError where the machine lacks what the backend needs.
    """
    model: Any = load_clip(config, state)
    device, size = nets.find_device(backend), image_size(model)
    rows = batch if device == "cuda" else images_at_once(size)
    tower: nets.Forward
    if backend == nets.REFERENCE:
        tower = model.visual.to(device)
    else:
        network = ImageTower(model.visual, nets.torch_dtype(backend))
        tower = nets.run_by(backend, network, torch.zeros(rows, 3, size, size), streams)

    def forward(rgb_BHWC: torch.Tensor) -> torch.Tensor:
        return tower(preprocess(rgb_BHWC, size))

    return nets.Net(forward, rows, device, int(model.visual.output_dim))


def images_at_once(size: int) -> int:
    """Images of `size` x `size` that a processor encodes together."""
    return min(_MOST, max(1, _CELLS // size**2))
