"""Eq. (1) by hand."""

import math

import pytest
import torch

from wtal_core.losses.mil import video_loss

# Two snippets, three classes; with ratio 2 the one best snippet of each class: 2, 0, 1.
CAS_BTC = torch.tensor([[[2.0, -1.0, 0.0], [0.0, 0.0, 1.0]]])
MASK_BT = torch.ones(1, 2, dtype=torch.bool)
SUM = math.exp(2) + math.exp(0) + math.exp(1)


def test_one_label() -> None:
    loss = video_loss(CAS_BTC, MASK_BT, torch.tensor([[1.0, 0.0, 0.0]]), 2)
    assert float(loss) == pytest.approx(-math.log(math.exp(2) / SUM))


def test_two_labels_share_the_mass() -> None:
    loss = video_loss(CAS_BTC, MASK_BT, torch.tensor([[1.0, 0.0, 1.0]]), 2)
    assert float(loss) == pytest.approx(math.log(SUM) - (2 + 1) / 2)


def test_bce_adds_the_absent_classes() -> None:
    p = [math.exp(x) / SUM for x in (2, 0, 1)]
    expected = -math.log(p[0]) - math.log(1 - p[1]) - math.log(1 - p[2])
    loss = video_loss(CAS_BTC, MASK_BT, torch.tensor([[1.0, 0.0, 0.0]]), 2, "bce")
    assert float(loss) == pytest.approx(expected)


def test_mean_over_videos() -> None:
    label_BC = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    both = video_loss(CAS_BTC.repeat(2, 1, 1), MASK_BT.repeat(2, 1), label_BC, 2)
    each = [video_loss(CAS_BTC, MASK_BT, label_C[None], 2) for label_C in label_BC]
    assert float(both) == pytest.approx(float(sum(each)) / 2)


def test_a_video_without_a_label_is_refused() -> None:
    with pytest.raises(ValueError, match="label for every video"):
        video_loss(CAS_BTC, MASK_BT, torch.zeros(1, 3), 2)
