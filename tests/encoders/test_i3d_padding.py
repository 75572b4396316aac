"""TensorFlow's SAME on every size that can come: by two rules and by counting; and the head."""

from itertools import product

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from wtal_core.encoders.i3d import InceptionI3d, SameMaxPool3d, Unit3d, same_padding

# Kernel and stride of every axis of I3D's layers.
AXES = [(7, 2), (1, 1), (3, 1), (3, 2), (1, 2), (2, 2)]


def by_remainder(size: int, kernel: int, stride: int) -> int:
    """TensorFlow's documentation: cells in all, from the remainder of the division."""
    rest = size % stride
    return max(kernel - (stride if rest == 0 else rest), 0)


def by_counting(size: int, kernel: int, stride: int) -> int:
    """The least number of cells with which ceil(size / stride) windows fit."""
    total = 0
    while (size + total - kernel) // stride + 1 < -(-size // stride) or size + total < kernel:
        total += 1
    return total


@pytest.mark.parametrize(("kernel", "stride"), AXES)
def test_cells_of_every_size(kernel: int, stride: int) -> None:
    for size in range(1, 260):
        before, after = same_padding((3, size, 9), (1, kernel, 3), (1, stride, 1))
        total = before[1] + after[1]
        assert total == by_remainder(size, kernel, stride) == by_counting(size, kernel, stride)
        assert after[1] - before[1] == total % 2  # the odd cell goes behind
        assert (before[0], after[0], before[2], after[2]) == (0, 0, 1, 1)


@pytest.mark.parametrize("kernel", [(3, 3, 3), (1, 3, 3), (2, 2, 2)])
def test_pooling_of_what_is_not_negative_is_the_ports(kernel: tuple[int, int, int]) -> None:
    """Zeros around it and ceil mode, as the ports have it, after ReLU; odd and even sizes."""
    torch.manual_seed(5)
    strides = [(2, 2, 2), (1, 2, 2), (1, 1, 1)]
    for stride, frames, height, width in product(strides, (1, 2, 5), (4, 7), (3, 8)):
        x = torch.randn(2, 3, frames, height, width).relu()
        sizes, widths = (frames, height, width), []
        for axis in (2, 1, 0):
            total = by_remainder(sizes[axis], kernel[axis], stride[axis])
            widths += [total // 2, total - total // 2]
        expected = F.max_pool3d(F.pad(x, widths), kernel, stride, ceil_mode=True)
        found = SameMaxPool3d(kernel, stride)(x)
        assert found.shape[2:] == tuple(-(-n // s) for n, s in zip(sizes, stride, strict=True))
        assert torch.equal(found, expected)


def test_epsilon_of_batch_norm() -> None:
    """Of a variance of zero nothing but epsilon is left: 0.001, where PyTorch has 0.00001."""
    unit = Unit3d(1, 1, 1).eval()
    with torch.no_grad():
        unit.conv_3d.weight.fill_(1)
        unit.batch_norm.variance.zero_()
        x = torch.full((1, 1, 1, 1, 1), 0.5)
        np.testing.assert_allclose(unit(x).item(), 0.5 / 0.001**0.5, rtol=1e-6)
    assert "scale" not in unit.batch_norm.state_dict()


@pytest.mark.parametrize("frames", [16, 17, 32])
@torch.inference_mode()
def test_head_by_loops(frames: int) -> None:
    """2x7x7 means at every place, one matrix, a mean over places; slowly, in numpy."""
    torch.set_num_threads(1)
    torch.manual_seed(6)
    model = InceptionI3d(2, 0.03, classes=5).eval()
    clip = torch.rand(1, 2, frames, 256, 224)
    left = model.trunk(clip)[0].double().numpy()
    _, steps, height, width = left.shape
    assert (steps, height, width) == (-(-frames // 8), 8, 7)
    weight = model.state_dict()["Logits.Conv3d_0c_1x1.conv_3d.weight"].double().numpy()
    bias = model.state_dict()["Logits.Conv3d_0c_1x1.conv_3d.bias"].double().numpy()
    logits = []
    for t, y, x in product(range(steps - 1), range(height - 6), range(width - 6)):
        pooled_D = left[:, t : t + 2, y : y + 7, x : x + 7].mean(axis=(1, 2, 3))
        logits.append(weight[:, :, 0, 0, 0] @ pooled_D + bias)
    np.testing.assert_allclose(model.logits(clip)[0].numpy(), np.mean(logits, 0), rtol=1e-4)
    np.testing.assert_allclose(model(clip)[0].numpy(), left.mean(axis=(1, 2, 3)), rtol=1e-4)
