"""I3D for inference alone: BatchNorm folded, channels last, any precision, one size of clip.

Windows that overlap are encoded each by itself. What two of them compute alike is little: the
first convolution goes over time in steps of 2 with 2 frames of padding before and 3 after, so of
its 8 outputs over 16 frames only 1..5 see no padding; after Conv3d_2c, which looks one step to
either side, 2..4 of them; after Mixed_3b one, and nothing after Mixed_4b. At a stride of 4 a
window could take 3 of 8 outputs of the first convolution (13.2 of 55.6 GFLOP) from its neighbour
and 1 of 8 of Conv3d_2c (16.6 GFLOP): 13 % of the operations of I3D, and less of the whole way, of
which flow takes the larger part (benchmarks/whole.py). Nor could the bytes be those of other
strides any more. So it is not done.

Shapes: B clips, C channels, F frames, H W pixels, D feature channels.
"""

from __future__ import annotations

from collections import OrderedDict

import torch
import torch.nn.functional as F
from torch import nn

from wtal_core.encoders.i3d import (
    BATCH_NORM_EPS,
    InceptionI3d,
    Mixed,
    SameMaxPool3d,
    Triple,
    Unit3d,
    pad,
    same_padding,
)


class FoldedI3d(nn.Module):
    """The features of `model` for clips of (F, H, W) = `sizes`, computed at `dtype`.

    BatchNorm without scale is y = (x - mean) / sqrt(variance + eps) + beta, so a convolution with
    weights / sqrt(variance + eps) and bias beta - mean / sqrt(variance + eps) does both; the
    product is formed in float32 and rounded once. The mean over time and space is taken in
    float32. Paddings follow from `sizes` here and not from each input, so that the network is a
    fixed list of operations, which compilers and OpenVINO need.
    """

    def __init__(self, model: InceptionI3d, sizes: Triple, dtype: torch.dtype = torch.float32):
        super().__init__()
        self.dim, self.sizes, self.dtype = model.dim, sizes, dtype
        trunk, _ = _fold(model.trunk, sizes)
        self.trunk = trunk.to(dtype).requires_grad_(False).eval()

    def forward(self, clip_BCFHW: torch.Tensor) -> torch.Tensor:
        """Features (B, D) float32 of clips (B, C, F, H, W) float32."""
        clip_BCFHW = clip_BCFHW.to(self.dtype, memory_format=torch.channels_last_3d)
        act_BDFHW: torch.Tensor = self.trunk(clip_BCFHW)
        return act_BDFHW.float().mean(dim=(2, 3, 4))


class FoldedUnit3d(nn.Module):
    """Convolution with "SAME" padding for inputs of `sizes`, bias, ReLU."""

    weight: torch.Tensor
    bias: torch.Tensor

    def __init__(self, unit: Unit3d, sizes: Triple):
        super().__init__()
        conv, norm = unit.conv_3d, unit.batch_norm
        scale_O = torch.rsqrt(norm.variance + BATCH_NORM_EPS)
        weight = conv.weight.detach() * scale_O.view(-1, 1, 1, 1, 1)
        weight = weight.contiguous(memory_format=torch.channels_last_3d)
        self.register_buffer("weight", weight)
        self.register_buffer("bias", norm.beta.detach() - norm.mean * scale_O)
        self.stride = unit.stride
        self.before, self.after = same_padding(sizes, unit.kernel, unit.stride)
        self.even = self.before == self.after

    def forward(self, x_BCFHW: torch.Tensor) -> torch.Tensor:
        if self.even:
            y_BOFHW = F.conv3d(x_BCFHW, self.weight, self.bias, self.stride, self.before)
        else:
            padded = pad(x_BCFHW, self.before, self.after, 0.0)
            y_BOFHW = F.conv3d(padded, self.weight, self.bias, self.stride)
        return F.relu_(y_BOFHW)


class FixedMaxPool3d(nn.Module):
    """Max-pooling with "SAME" padding for inputs of `sizes`.

    An extra cell after the last one is a window that reaches out of the picture, which torch's
    ceil_mode allows without a padded copy.
    """

    def __init__(self, pool: SameMaxPool3d, sizes: Triple):
        super().__init__()
        self.kernel, self.stride = pool.kernel, pool.stride
        before, after = same_padding(sizes, pool.kernel, pool.stride)
        if any(b != a and (b, a) != (0, 1) for b, a in zip(before, after, strict=True)):
            raise ValueError(f"no such padding in I3D: {before}, {after} at {sizes}")
        self.padding, self.uneven = before, before != after

    def forward(self, x_BCFHW: torch.Tensor) -> torch.Tensor:
        return F.max_pool3d(x_BCFHW, self.kernel, self.stride, self.padding, ceil_mode=self.uneven)


class FoldedMixed(nn.Module):
    """Inception block: four branches, concatenated over channels."""

    def __init__(self, mixed: Mixed, sizes: Triple):
        super().__init__()
        self.branches = nn.ModuleList(_fold(b, sizes)[0] for b in mixed.branches)

    def forward(self, x_BCFHW: torch.Tensor) -> torch.Tensor:
        return torch.cat([branch(x_BCFHW) for branch in self.branches], dim=1)


def _fold(module: nn.Module, sizes: Triple) -> tuple[nn.Module, Triple]:
    """The module for inputs of `sizes`, and the sizes of its output."""
    if isinstance(module, nn.Sequential):
        steps: OrderedDict[str, nn.Module] = OrderedDict()
        for name, child in module.named_children():
            steps[name], sizes = _fold(child, sizes)
        return nn.Sequential(steps), sizes
    if isinstance(module, Mixed):
        return FoldedMixed(module, sizes), sizes
    if isinstance(module, Unit3d):
        return FoldedUnit3d(module, sizes), _output(sizes, module.stride)
    if isinstance(module, SameMaxPool3d):
        return FixedMaxPool3d(module, sizes), _output(sizes, module.stride)
    raise TypeError(f"I3D has no {type(module).__name__}")


def _output(sizes: Triple, stride: Triple) -> Triple:
    frames, height, width = (-(-n // step) for n, step in zip(sizes, stride, strict=True))
    return frames, height, width
