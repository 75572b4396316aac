"""Eq. (7) by hand, against a slow loop, and its edges."""

import math

import pytest
import torch
from torch.nn import functional as F

from wtal_core.losses.contrastive import contrastive_loss

TAU = 0.5


def loss_of(
    feat_BTD: torch.Tensor,
    target_BTC: torch.Tensor,
    mask_BT: torch.Tensor | None = None,
    temperature: float = TAU,
    limits: tuple[int, int] = (256, 1024),
    reduction: str = "mean",
    scope: str = "batch",
) -> torch.Tensor:
    mask = torch.ones(feat_BTD.shape[:2], dtype=torch.bool) if mask_BT is None else mask_BT
    generator = torch.Generator().manual_seed(1)
    return contrastive_loss(
        feat_BTD, target_BTC, mask, temperature, generator, *limits, reduction, scope
    )


def slow(feat_BTD: torch.Tensor, target_BTC: torch.Tensor, per_video: bool) -> list[float]:
    """Eq. (7) as printed, one anchor after the other; an anchor is (video, snippet, class)."""
    unit = F.normalize(feat_BTD, dim=-1)
    places = [(b, t) for b in range(unit.shape[0]) for t in range(unit.shape[1])]
    losses = []
    for b, t in places:
        for c in range(target_BTC.shape[2]):
            if target_BTC[b, t, c] != 1:
                continue
            up = down = 0.0
            for v, s in places:
                value = math.exp(float(unit[b, t] @ unit[v, s]) / TAU)
                if per_video and v != b:
                    continue
                if target_BTC[v, s, c] == 1 and (v, s) != (b, t):
                    up += value
                elif bool((target_BTC[v, s] == 0).all()):
                    down += value
            if up and down:
                losses.append(-math.log(up / (up + down)))
    return losses


@pytest.fixture
def scene() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    feat_BTD = torch.randn(3, 6, 5, generator=generator)
    target_BTC = torch.randint(-1, 2, (3, 6, 2), generator=generator).to(torch.int8)
    target_BTC[0, 0] = 1  # foreground of both classes
    target_BTC[1, :3] = 0
    target_BTC[1:, 3:5, 1] = 1
    return feat_BTD, target_BTC


def test_by_hand() -> None:
    """Two foreground snippets at a right angle; background along the first."""
    feat_BTD = torch.tensor([[[3.0, 0.0], [0.0, 2.0], [5.0, 0.0]]])
    target_BTC = torch.tensor([[[1], [1], [0]]], dtype=torch.int8)
    first = -math.log(1 / (1 + math.exp(1 / TAU)))
    second = -math.log(1 / (1 + 1))
    assert float(loss_of(feat_BTD, target_BTC)) == pytest.approx((first + second) / 2)
    total = loss_of(feat_BTD, target_BTC, reduction="sum")
    assert float(total) == pytest.approx(first + second)


@pytest.mark.parametrize("scope", ["batch", "video"])
def test_slow_loop(scene: tuple[torch.Tensor, torch.Tensor], scope: str) -> None:
    expected = slow(*scene, per_video=scope == "video")
    assert len(expected) > 3
    assert float(loss_of(*scene, scope=scope)) == pytest.approx(sum(expected) / len(expected))


def test_length_of_features_does_not_matter(scene: tuple[torch.Tensor, torch.Tensor]) -> None:
    feat_BTD, target_BTC = scene
    scale = torch.arange(1.0, 19.0).reshape(3, 6, 1)
    torch.testing.assert_close(loss_of(feat_BTD * scale, target_BTC), loss_of(*scene))


def test_padding_takes_no_part(scene: tuple[torch.Tensor, torch.Tensor]) -> None:
    feat_BTD, target_BTC = scene
    longer = torch.cat([feat_BTD, torch.randn(3, 2, 5)], 1)
    labels = torch.cat([target_BTC, torch.tensor([[[1, 0], [0, 0]]] * 3, dtype=torch.int8)], 1)
    mask_BT = torch.arange(8).expand(3, 8) < 6
    torch.testing.assert_close(loss_of(longer, labels, mask_BT), loss_of(*scene))


def test_limits_per_class_and_in_all() -> None:
    """200 equal foreground snippets of each class, 300 equal negatives, all at right angles."""
    feat_BTD = torch.cat([torch.tensor([[1.0, 0, 0]] * 200), torch.tensor([[0, 1.0, 0]] * 200)])
    feat_BTD = torch.cat([feat_BTD, torch.tensor([[0, 0, 1.0]] * 300)])[None]
    target_BTC = torch.zeros(1, 700, 2, dtype=torch.int8)
    target_BTC[0, :200, 0] = target_BTC[0, 200:400, 1] = 1
    # Per anchor: 9 equal positives, 20 negatives at cosine 0; 10 anchors of each of 2 classes.
    one = -math.log(9 * math.exp(1 / TAU) / (9 * math.exp(1 / TAU) + 20))
    limits = (10, 20)
    assert float(loss_of(feat_BTD, target_BTC, limits=limits)) == pytest.approx(one, rel=1e-4)
    total = loss_of(feat_BTD, target_BTC, reduction="sum", limits=limits)
    assert float(total) == pytest.approx(20 * one, rel=1e-4)


def test_memory_grows_with_the_limits_and_not_with_the_videos() -> None:
    """Every snippet is foreground of one of 10 classes, or background: 10 K² + M N numbers."""
    length, classes, limits = 3000, 10, (20, 30)
    feat_BTD = torch.randn(2, length, 4, requires_grad=True)
    at_T = torch.arange(length) % (2 * classes)
    target_BTC = F.one_hot(at_T, 2 * classes)[..., :classes].to(torch.int8).expand(2, -1, -1)
    sizes: list[int] = []

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        sizes.append(tensor.numel())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        loss_of(feat_BTD, target_BTC, limits=limits)
    anchors = classes * limits[0]
    assert anchors * limits[1] <= max(sizes) <= max(anchors * limits[1], feat_BTD.numel())
    assert anchors * anchors not in sizes


def test_the_same_generator_draws_the_same(scene: tuple[torch.Tensor, torch.Tensor]) -> None:
    limits = (2, 2)
    assert torch.equal(loss_of(*scene, limits=limits), loss_of(*scene, limits=limits))


@pytest.mark.parametrize("labels", [[1, 1, -1], [0, 0, 0], [1, 0, 0], [-1, -1, -1]])
def test_no_usable_anchor_gives_zero_with_a_gradient(labels: list[int]) -> None:
    """No negatives, no anchors, an anchor without a second snippet, nothing confident."""
    feat_BTD = torch.randn(1, 3, 4, requires_grad=True)
    loss = loss_of(feat_BTD, torch.tensor(labels, dtype=torch.int8).reshape(1, 3, 1))
    loss.backward()
    assert loss.item() == 0
    assert feat_BTD.grad is not None
    assert not feat_BTD.grad.any()


def test_gradient_is_finite_at_a_small_temperature() -> None:
    feat_BTD = torch.randn(2, 9, 4, generator=torch.Generator().manual_seed(3), requires_grad=True)
    target_BTC = torch.tensor([[1, 0, 1, 0, 0, 1, -1, 0, 1]] * 2, dtype=torch.int8)[..., None]
    for scope in ("batch", "video"):
        loss_of(feat_BTD, target_BTC, temperature=0.001, scope=scope).backward()
        assert feat_BTD.grad is not None
        assert torch.isfinite(feat_BTD.grad).all()


def test_it_pulls_foreground_together() -> None:
    feat_BTD = torch.tensor([[[1.0, 0.1], [0.1, 1.0], [1.0, 1.0]]], requires_grad=True)
    target_BTC = torch.tensor([[[1], [1], [0]]], dtype=torch.int8)
    optimiser = torch.optim.SGD([feat_BTD], lr=0.1)
    before = loss_of(feat_BTD, target_BTC).item()
    for _ in range(20):
        optimiser.zero_grad()
        loss_of(feat_BTD, target_BTC).backward()
        optimiser.step()
    assert loss_of(feat_BTD, target_BTC).item() < before - 0.1
