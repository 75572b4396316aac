"""One stream of I3D ready for use: tensors of a checkpoint in, features of clips out.

Shapes: N clips, C channels, F frames, H W pixels.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch

from wtal_core.encoders import nets
from wtal_core.encoders.backends import Backend
from wtal_core.encoders.i3d import Triple, load_i3d
from wtal_core.encoders.i3d_folded import FoldedI3d

# Cells of a batch on a processor: those of one clip of 16 x 224 x 224, whose largest layer fills
# 26 MB in float32: enough for each operation. Of smaller pictures several share the cost of a call.
_CELLS, _MOST = 16 * 224 * 224, 8


def open_i3d(
    width: float,
    state: Mapping[str, torch.Tensor],
    sizes: Triple,
    backend: Backend,
    batch: int = 1,
    streams: int = 1,
) -> nets.Net:
    """For clips (N, C, F, H, W) float32 in [-1, 1] of (F, H, W) = `sizes`.

    batch: clips at once on a GPU; on a processor their number follows from `sizes`.
    streams: threads that will call at the same time.
    Raises WtalError where the machine lacks what the backend needs.
    """
    model = load_i3d(width, state)
    device = nets.find_device(backend)
    rows = batch if device == "cuda" else clips_at_once(sizes)
    if backend == nets.REFERENCE:
        return nets.Net(model.to(device), rows, device, model.dim)
    folded = FoldedI3d(model, sizes, nets.torch_dtype(backend))
    example = torch.zeros(rows, model.in_channels, *sizes)
    return nets.Net(nets.run_by(backend, folded, example, streams), rows, device, model.dim)


def clips_at_once(sizes: Triple) -> int:
    """Clips of (F, H, W) that a processor encodes together."""
    frames, height, width = sizes
    return min(_MOST, max(1, _CELLS // (frames * height * width)))
