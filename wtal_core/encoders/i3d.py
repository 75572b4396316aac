"""Inception-v1 inflated to 3D (I3D), layer for layer as in DeepMind's kinetics-i3d.

Source: Carreira & Zisserman, "Quo Vadis, Action Recognition?", 2017. Modules bear the names of
the TensorFlow checkpoint, so `tf_variable_name` maps a parameter to its variable by rule. What a
port gets wrong most easily: "SAME" padding is uneven for strides, BatchNorm has no scale, and its
epsilon is 0.001.
Shapes: B clips, C channels, F frames, H W pixels, D feature channels.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

# (0) 1x1 | (1) 1x1 -> 3x3 | (2) 1x1 -> 3x3 | (3) pool -> 1x1: output channels per convolution.
_MIXED = {
    "Mixed_3b": (64, 96, 128, 16, 32, 32),
    "Mixed_3c": (128, 128, 192, 32, 96, 64),
    "Mixed_4b": (192, 96, 208, 16, 48, 64),
    "Mixed_4c": (160, 112, 224, 24, 64, 64),
    "Mixed_4d": (128, 128, 256, 24, 64, 64),
    "Mixed_4e": (112, 144, 288, 32, 64, 64),
    "Mixed_4f": (256, 160, 320, 32, 128, 128),
    "Mixed_5b": (256, 160, 320, 32, 128, 128),
    "Mixed_5c": (384, 192, 384, 48, 128, 128),
}
_POOL_BEFORE = {
    "Mixed_3b": ("MaxPool3d_3a_3x3", (1, 3, 3), (1, 2, 2)),
    "Mixed_4b": ("MaxPool3d_4a_3x3", (3, 3, 3), (2, 2, 2)),
    "Mixed_5b": ("MaxPool3d_5a_2x2", (2, 2, 2), (2, 2, 2)),
}
_LEAF = {
    "weight": "w",
    "bias": "b",
    "beta": "beta",
    "mean": "moving_mean",
    "variance": "moving_variance",
}
BATCH_NORM_EPS = 1e-3
Triple = tuple[int, int, int]


class InceptionI3d(nn.Module):
    """One stream of I3D; `width` scales every channel count, so a narrow network is the same code.

    `in_channels` is 3 (RGB) or 2 (flow), values in [-1, 1]. With `classes` the network also has
    the logits layer. `dim` is D, the number of feature channels: 1024 at width 1.
    """

    def __init__(
        self, in_channels: int, width: float = 1.0, classes: int | None = None, dropout: float = 0.0
    ):
        super().__init__()
        if in_channels < 1 or width <= 0:
            raise ValueError(
                f"I3D needs in_channels >= 1 and width > 0: got {in_channels = }, {width = }"
            )

        def scaled(channels: int) -> int:
            return max(4, round(channels * width))

        stem, mid = scaled(64), scaled(192)
        trunk: OrderedDict[str, nn.Module] = OrderedDict()
        trunk["Conv3d_1a_7x7"] = Unit3d(in_channels, stem, 7, stride=2)
        trunk["MaxPool3d_2a_3x3"] = SameMaxPool3d((1, 3, 3), (1, 2, 2))
        trunk["Conv3d_2b_1x1"] = Unit3d(stem, stem, 1)
        trunk["Conv3d_2c_3x3"] = Unit3d(stem, mid, 3)
        self.dim = mid
        for name, channels in _MIXED.items():
            if name in _POOL_BEFORE:
                pool, kernel, stride = _POOL_BEFORE[name]
                trunk[pool] = SameMaxPool3d(kernel, stride)
            mixed = Mixed(
                self.dim, tuple(scaled(c) for c in channels), second_3x3=_second_3x3(name)
            )
            trunk[name] = mixed
            self.dim = mixed.out_channels
        self.in_channels = in_channels
        self.trunk = nn.Sequential(trunk)
        self.dropout = nn.Dropout(dropout)
        self.Logits = None if classes is None else _LogitsLayer(self.dim, classes)

    def forward(self, clip_BCFHW: torch.Tensor) -> torch.Tensor:
        """Features (B, D) of clips (B, C, F, H, W), averaged over all that is left of F, H, W."""
        return self._activations(clip_BCFHW).mean(dim=(2, 3, 4))

    def logits(self, clip_BCFHW: torch.Tensor) -> torch.Tensor:
        """Class logits (B, K): 2x7x7 mean, dropout, 1x1 convolution, mean over what is left.

        Differs: below 224 pixels or 16 frames the 2x7x7 window shrinks to what there is.
        """
        if self.Logits is None:
            raise ValueError("this I3D was built without classes, so it has no logits")
        act_BDFHW = self._activations(clip_BCFHW)
        window = [
            min(kernel, size) for kernel, size in zip((2, 7, 7), act_BDFHW.shape[2:], strict=True)
        ]
        pooled_BDFHW = self.dropout(F.avg_pool3d(act_BDFHW, window, stride=1))
        return self.Logits(pooled_BDFHW).mean(dim=(2, 3, 4))

    def _activations(self, clip_BCFHW: torch.Tensor) -> torch.Tensor:
        return self.trunk(clip_BCFHW.contiguous(memory_format=torch.channels_last_3d))


def load_i3d(width: float, state: Mapping[str, torch.Tensor]) -> InceptionI3d:
    """A frozen I3D in evaluation mode; the input channels and classes follow from `state`.

    Raises RuntimeError, as torch does, when the keys or shapes are not those of this width.
    """
    in_channels = state["trunk.Conv3d_1a_7x7.conv_3d.weight"].shape[1]
    bias = state.get("Logits.Conv3d_0c_1x1.conv_3d.bias")
    model = InceptionI3d(in_channels, width, None if bias is None else len(bias))
    model.load_state_dict(state, strict=True)
    return model.requires_grad_(False).eval()


class Unit3d(nn.Module):
    """Convolution with "SAME" padding, BatchNorm without scale, ReLU."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int, stride: int = 1):
        super().__init__()
        self.conv_3d = nn.Conv3d(in_channels, out_channels, kernel, stride, bias=False)
        self.batch_norm = BatchNormNoScale(out_channels)
        self.kernel, self.stride = (kernel,) * 3, (stride,) * 3
        nn.init.kaiming_normal_(self.conv_3d.weight, nonlinearity="relu")
        # Channels last is the faster layout on CPUs; loading weights keeps it.
        self.conv_3d.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]

    def forward(self, x_BCFHW: torch.Tensor) -> torch.Tensor:
        conv = self.conv_3d
        before, after = same_padding(_sizes(x_BCFHW), self.kernel, self.stride)
        if before == after:
            x_BCFHW = F.conv3d(x_BCFHW, conv.weight, None, conv.stride, before)
        else:
            x_BCFHW = F.conv3d(pad(x_BCFHW, before, after, 0.0), conv.weight, None, conv.stride)
        return F.relu(self.batch_norm(x_BCFHW), inplace=True)


class BatchNormNoScale(nn.Module):
    """BatchNorm with an offset and no scale (γ = 1), as Sonnet builds it for I3D."""

    mean: torch.Tensor
    variance: torch.Tensor
    scale: torch.Tensor

    def __init__(self, channels: int, momentum: float = 0.1):
        super().__init__()
        self.momentum = momentum
        self.beta = nn.Parameter(torch.zeros(channels))
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("variance", torch.ones(channels))
        self.register_buffer("scale", torch.ones(channels), persistent=False)

    def forward(self, x_BCFHW: torch.Tensor) -> torch.Tensor:
        return F.batch_norm(
            x_BCFHW,
            self.mean,
            self.variance,
            self.scale,
            self.beta,
            self.training,
            self.momentum,
            BATCH_NORM_EPS,
        )


class SameMaxPool3d(nn.Module):
    """Max-pooling with "SAME" padding; padded places never win."""

    def __init__(self, kernel: Triple, stride: Triple):
        super().__init__()
        self.kernel, self.stride = kernel, stride

    def forward(self, x_BCFHW: torch.Tensor) -> torch.Tensor:
        before, after = same_padding(_sizes(x_BCFHW), self.kernel, self.stride)
        if before == after:
            return F.max_pool3d(x_BCFHW, self.kernel, self.stride, before)
        return F.max_pool3d(pad(x_BCFHW, before, after, float("-inf")), self.kernel, self.stride)


class Mixed(nn.Module):
    """Inception block: four branches, concatenated over channels."""

    def __init__(
        self, in_channels: int, channels: tuple[int, ...], second_3x3: str = "Conv3d_0b_3x3"
    ):
        super().__init__()
        one, reduce_a, wide_a, reduce_b, wide_b, pooled = channels
        self.Branch_0 = _branch(Conv3d_0a_1x1=Unit3d(in_channels, one, 1))
        self.Branch_1 = _branch(
            Conv3d_0a_1x1=Unit3d(in_channels, reduce_a, 1),
            Conv3d_0b_3x3=Unit3d(reduce_a, wide_a, 3),
        )
        self.Branch_2 = _branch(
            **{
                "Conv3d_0a_1x1": Unit3d(in_channels, reduce_b, 1),
                second_3x3: Unit3d(reduce_b, wide_b, 3),
            }
        )
        self.Branch_3 = _branch(
            MaxPool3d_0a_3x3=SameMaxPool3d((3, 3, 3), (1, 1, 1)),
            Conv3d_0b_1x1=Unit3d(in_channels, pooled, 1),
        )
        self.out_channels = one + wide_a + wide_b + pooled

    def forward(self, x_BCFHW: torch.Tensor) -> torch.Tensor:
        return torch.cat([branch(x_BCFHW) for branch in self.branches], dim=1)

    @property
    def branches(self) -> tuple[nn.Sequential, ...]:
        """In the order of their output channels."""
        return self.Branch_0, self.Branch_1, self.Branch_2, self.Branch_3


class _LogitsLayer(nn.Module):
    def __init__(self, dim: int, classes: int):
        super().__init__()
        self.Conv3d_0c_1x1 = _branch(conv_3d=nn.Conv3d(dim, classes, 1))

    def forward(self, x_BDFHW: torch.Tensor) -> torch.Tensor:
        return self.Conv3d_0c_1x1(x_BDFHW)


def same_padding(sizes: Triple, kernel: Triple, stride: Triple) -> tuple[Triple, Triple]:
    """TensorFlow's "SAME": cells to add before and after each axis.

    They make the output ceil(size / stride) cells long; of an odd total the extra cell goes after.
    """
    totals = [
        max((-(-size // step) - 1) * step + width - size, 0)
        for size, width, step in zip(sizes, kernel, stride, strict=True)
    ]
    before = (totals[0] // 2, totals[1] // 2, totals[2] // 2)
    return before, (totals[0] - before[0], totals[1] - before[1], totals[2] - before[2])


def tf_variable_name(key: str, stream: str) -> str:
    """DeepMind's name for the tensor under `key` of a state dict; `stream` is "RGB" or "Flow"."""
    *modules, leaf = key.removeprefix("trunk.").split(".")
    return "/".join([stream, "inception_i3d", *modules, _LEAF[leaf]])


def from_tf_layout(array: np.ndarray) -> torch.Tensor:
    """A variable of DeepMind's checkpoint in our layout: kernels DHWio -> oiDHW, vectors flat."""
    return torch.from_numpy(
        np.ascontiguousarray(array.transpose(4, 3, 0, 1, 2) if _is_kernel(array) else array.ravel())
    )


def _is_kernel(array: np.ndarray) -> bool:
    # BatchNorm variables may come as (1, 1, 1, 1, C); a kernel has more than one input channel.
    return array.ndim == 5 and max(array.shape[:4]) > 1


def _second_3x3(name: str) -> str:
    # The published checkpoint has this one slip of the pen.
    return "Conv3d_0a_3x3" if name == "Mixed_5b" else "Conv3d_0b_3x3"


def _branch(**layers: nn.Module) -> nn.Sequential:
    return nn.Sequential(OrderedDict(layers))


def pad(x_BCFHW: torch.Tensor, before: Triple, after: Triple, value: float) -> torch.Tensor:
    # F.pad counts from the last axis.
    padding = [cells for axis in (2, 1, 0) for cells in (before[axis], after[axis])]
    return F.pad(x_BCFHW, padding, value=value)


def _sizes(x_BCFHW: torch.Tensor) -> Triple:
    return _triple(tuple(x_BCFHW.shape[2:]))


def _triple(values: tuple[int, ...]) -> Triple:
    frames, height, width = values
    return frames, height, width
