"""I3D: padding, layers and names as in DeepMind's network."""

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from wtal_core.encoders.i3d import (
    InceptionI3d,
    SameMaxPool3d,
    Unit3d,
    from_tf_layout,
    load_i3d,
    same_padding,
    tf_variable_name,
)

VARIABLES = Path(__file__).parents[3] / "shared" / "reference" / "i3d"


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def narrow(in_channels: int = 3, classes: int | None = None, seed: int = 0) -> InceptionI3d:
    """A network whose every parameter and running average has been set to something."""
    torch.manual_seed(seed)
    model = InceptionI3d(in_channels, 0.07, classes)
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if name.endswith(("beta", "mean")):
                tensor.normal_(std=0.3)
            elif name.endswith("variance"):
                tensor.uniform_(0.5, 2)
    return model.eval()


def classifier(model: InceptionI3d) -> tuple[torch.Tensor, torch.Tensor]:
    """Weight (K, D) and bias (K,) of the logits layer."""
    state = model.state_dict()
    prefix = "Logits.Conv3d_0c_1x1.conv_3d"
    return state[f"{prefix}.weight"].flatten(1), state[f"{prefix}.bias"]


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "expected"),
    [
        (224, 7, 2, (2, 3)),  # the first convolution: uneven
        (16, 7, 2, (2, 3)),
        (5, 7, 2, (3, 3)),
        (112, 3, 2, (0, 1)),
        (5, 3, 2, (1, 1)),
        (7, 2, 2, (0, 1)),
        (8, 2, 2, (0, 0)),
        (9, 3, 1, (1, 1)),
        (4, 1, 1, (0, 0)),
        (4, 1, 2, (0, 0)),  # a stride beyond the kernel leaves cells out, never negative padding
    ],
)
def test_padding_of_one_axis(
    size: int, kernel: int, stride: int, expected: tuple[int, int]
) -> None:
    # Other axes of another size, so that a mixed-up axis shows.
    before, after = same_padding((size, 10, 3), (kernel, 1, 3), (stride, 1, 1))
    assert (before[0], after[0]) == expected
    assert (before[1:], after[1:]) == ((0, 1), (0, 1))


Place = tuple[Any, ...]  # one index per axis


def slow_windows(
    x_CFHW: np.ndarray, kernel: Place, stride: Place
) -> tuple[list[int], list[tuple[Place, list[tuple[Place, np.ndarray]]]]]:
    """TensorFlow's SAME by loops: for each output, the inputs it sees and their kernel cells."""
    sizes = x_CFHW.shape[1:]
    outputs = [int(np.ceil(n / s)) for n, s in zip(sizes, stride, strict=True)]
    starts = [
        max((o - 1) * s + k - n, 0) // 2
        for o, s, k, n in zip(outputs, stride, kernel, sizes, strict=True)
    ]
    cells = []
    for out in product(*map(range, outputs)):
        inside = []
        for offset in product(*map(range, kernel)):
            at = tuple(
                o * s - b + d for o, s, b, d in zip(out, stride, starts, offset, strict=True)
            )
            if all(0 <= a < n for a, n in zip(at, sizes, strict=True)):
                inside.append((offset, x_CFHW[:, *at]))
        cells.append((out, inside))
    return outputs, cells


@pytest.mark.parametrize("sizes", [(4, 5, 6), (5, 4, 7), (3, 8, 5), (1, 2, 3)])
@pytest.mark.parametrize(("kernel", "stride"), [(7, 2), (3, 1), (3, 2), (1, 1)])
def test_unit_equals_slow_reference(sizes: tuple[int, ...], kernel: int, stride: int) -> None:
    torch.manual_seed(1)
    unit = Unit3d(2, 3, kernel, stride).eval()
    nn.init.normal_(unit.batch_norm.beta)
    unit.batch_norm.mean.normal_()
    unit.batch_norm.variance.uniform_(0.01, 2)  # small ones tell epsilon 1e-3 from 1e-5
    x = np.random.default_rng(2).normal(size=(2, *sizes)).astype(np.float32)

    weight = unit.conv_3d.weight.detach().numpy()
    outputs, cells = slow_windows(x, (kernel,) * 3, (stride,) * 3)
    expected = np.zeros((3, *outputs))
    for out, inside in cells:
        for offset, values in inside:
            expected[:, *out] += weight[:, :, *offset] @ values
    beta, mean, variance = (
        t.detach().numpy()[:, None, None, None]
        for t in (unit.batch_norm.beta, unit.batch_norm.mean, unit.batch_norm.variance)
    )
    expected = np.maximum((expected - mean) / np.sqrt(variance + 0.001) + beta, 0)

    actual = unit(torch.from_numpy(x)[None])[0].detach().numpy()
    assert actual.shape == expected.shape
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("sizes", [(4, 5, 6), (5, 4, 7), (1, 2, 3)])
@pytest.mark.parametrize(
    ("kernel", "stride"),
    [
        ((1, 3, 3), (1, 2, 2)),
        ((3, 3, 3), (2, 2, 2)),
        ((2, 2, 2), (2, 2, 2)),
        ((3, 3, 3), (1, 1, 1)),
    ],
)
def test_max_pool_equals_slow_reference(
    sizes: tuple[int, ...], kernel: tuple[int, int, int], stride: tuple[int, int, int]
) -> None:
    # All values negative: padding with zeros would win.
    x = -np.random.default_rng(3).uniform(1, 2, size=(2, *sizes)).astype(np.float32)
    outputs, cells = slow_windows(x, kernel, stride)
    expected = np.zeros((2, *outputs), np.float32)
    for out, inside in cells:
        expected[:, *out] = np.max([values for _, values in inside], axis=0)
    actual = SameMaxPool3d(kernel, stride)(torch.from_numpy(x)[None])[0].numpy()
    np.testing.assert_array_equal(actual, expected)


@pytest.mark.reference
@pytest.mark.parametrize(("stream", "channels"), [("RGB", 3), ("Flow", 2)])
def test_every_published_variable_has_its_tensor(stream: str, channels: int) -> None:
    table = VARIABLES / f"{stream.lower()}_imagenet_variables.tsv"
    if not table.exists():
        pytest.skip("the table of DeepMind's variables is not beside the repository")
    published = dict(line.split("\t") for line in table.read_text().splitlines())
    assert len(published) == 230

    model = InceptionI3d(channels, classes=400)
    ours = {tf_variable_name(key, stream): value for key, value in model.state_dict().items()}
    assert set(ours) == set(published)
    for name, shape in published.items():
        variable = np.broadcast_to(np.float32(0), [int(n) for n in shape.split("x")])
        assert from_tf_layout(variable).shape == ours[name].shape, name


def test_tf_layout_moves_every_axis() -> None:
    kernel = np.arange(2 * 3 * 4 * 5 * 6, dtype=np.float32).reshape(2, 3, 4, 5, 6)
    assert from_tf_layout(kernel)[5, 4, 1, 2, 3] == kernel[1, 2, 3, 4, 5]
    assert from_tf_layout(np.ones((1, 1, 1, 7, 2), np.float32)).shape == (2, 7, 1, 1, 1)
    assert from_tf_layout(np.ones((1, 1, 1, 1, 9), np.float32)).shape == (9,)
    assert from_tf_layout(np.ones(9, np.float32)).shape == (9,)


def test_sizes_of_the_full_network() -> None:
    model = InceptionI3d(3, classes=400)
    assert model.dim == 1024
    # 12.3 million without the classifier, as published.
    weights = sum(p.numel() for name, p in model.named_parameters() if "Logits" not in name)
    assert weights == 12_279_984
    assert InceptionI3d(2, 0.25).dim == 256
    assert InceptionI3d(2, 0.01).dim == 4 * 4  # no layer gets under four channels


def test_features_average_what_is_left_of_a_small_clip() -> None:
    model = narrow()
    clip = torch.randn(2, 3, 16, 40, 41)
    left = model.trunk(clip)
    assert left.shape == (2, model.dim, 2, 2, 2)
    features = model(clip)
    torch.testing.assert_close(features, left.flatten(2).mean(2))
    torch.testing.assert_close(model(clip[1:]), features[1:])  # no clip sees its neighbour


def test_logits_of_a_full_sized_clip_classify_its_features() -> None:
    model = narrow(in_channels=2, classes=5)
    clip = torch.randn(1, 2, 16, 224, 224)
    assert model.trunk(clip).shape[2:] == (2, 7, 7)
    weight, bias = classifier(model)
    expected = model(clip) @ weight.T + bias
    torch.testing.assert_close(model.logits(clip), expected)


def test_logits_weigh_time_as_sliding_windows_do() -> None:
    model = narrow(classes=5)
    clip = torch.randn(1, 3, 24, 32, 32)
    left_DF = model.trunk(clip)[0].mean(dim=(2, 3))
    assert left_DF.shape[1] == 3
    # Windows (0, 1) and (1, 2): the middle step counts twice, so this is not the plain mean.
    pooled_D = left_DF @ torch.tensor([0.25, 0.5, 0.25])
    weight, bias = classifier(model)
    expected = weight @ pooled_D + bias
    torch.testing.assert_close(model.logits(clip)[0], expected)


def test_logits_need_classes() -> None:
    with pytest.raises(ValueError, match="without classes"):
        narrow().logits(torch.zeros(1, 3, 8, 16, 16))


def test_load_infers_channels_and_classes() -> None:
    trained = narrow(in_channels=2, classes=5)
    clip = torch.randn(2, 2, 8, 24, 24)
    loaded = load_i3d(0.07, trained.state_dict())
    torch.testing.assert_close(loaded.logits(clip), trained.logits(clip), rtol=0, atol=0)
    assert not loaded.training
    assert not any(p.requires_grad for p in loaded.parameters())
    with pytest.raises(RuntimeError, match="size mismatch"):
        load_i3d(0.2, trained.state_dict())
