"""Eq. (6) by hand; KL with hard labels is binary cross-entropy."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.distributions import Bernoulli, kl_divergence

from wtal_core.losses.distillation import balance_frames, binary_divergence, distillation_loss

# One video of class 0 of two; snippets: foreground, background, uncertain, padding.
PROB_BTC = torch.tensor([[[0.8, 0.2], [0.3, 0.4], [0.5, 0.9], [0.1, 0.1]]])
TARGET_BTC = torch.tensor([[[1, 0], [0, 0], [-1, 0], [0, 0]]], dtype=torch.int8)
LABEL_BC = torch.tensor([[1.0, 0.0]])
MASK_BT = torch.tensor([[True, True, True, False]])
FRAME_0 = -math.log(0.8) - math.log(0.8)
FRAME_1 = -math.log(0.7) - math.log(0.6)


def test_frames_by_hand() -> None:
    loss = distillation_loss(PROB_BTC, TARGET_BTC, LABEL_BC, MASK_BT)
    assert float(loss) == pytest.approx((FRAME_0 + FRAME_1) / 2)


def test_pairs_by_hand() -> None:
    loss = distillation_loss(PROB_BTC, TARGET_BTC, LABEL_BC, MASK_BT, count="pairs")
    assert float(loss) == pytest.approx((FRAME_0 + FRAME_1 - math.log(0.1)) / 5)


def test_weights_scale_each_pair() -> None:
    weight_BTC = torch.ones(1, 4, 2)
    weight_BTC[0, 0, 0] = 0.5
    loss = distillation_loss(PROB_BTC, TARGET_BTC, LABEL_BC, MASK_BT, weight_BTC)
    assert float(loss) == pytest.approx((FRAME_0 + 0.5 * math.log(0.8) + FRAME_1) / 2)


def test_balance_gives_each_side_half() -> None:
    prob_BTC = torch.cat([PROB_BTC, PROB_BTC[:, 1:2]], 1)
    target_BTC = torch.cat([TARGET_BTC, TARGET_BTC[:, 1:2]], 1)
    mask_BT = torch.tensor([[True, True, True, False, True]])
    plain, balanced = (
        distillation_loss(prob_BTC, target_BTC, LABEL_BC, mask_BT, balance=kind)
        for kind in ("none", "frames")
    )
    assert float(plain) == pytest.approx((FRAME_0 + 2 * FRAME_1) / 3)
    assert float(balanced) == pytest.approx((FRAME_0 + FRAME_1) / 2)


def test_background_weight_by_hand() -> None:
    loss = distillation_loss(PROB_BTC, TARGET_BTC, LABEL_BC, MASK_BT, bg_weight=3.0)
    assert float(loss) == pytest.approx((FRAME_0 + 3 * FRAME_1) / 4)


def test_balance_has_mean_one_over_confident_frames() -> None:
    own_BT = torch.tensor([[True, True, False, True, True, True]])
    target_BTC = torch.tensor([[[1], [0], [1], [0], [0], [0]]])
    weight_BT = balance_frames(target_BTC, own_BT)
    assert float(weight_BT[own_BT].mean()) == pytest.approx(1)
    assert float(weight_BT[0, 0]) == pytest.approx(4 * float(weight_BT[0, 1]))


def test_nothing_confident_gives_zero_and_no_gradient() -> None:
    prob_BTC = PROB_BTC.clone().requires_grad_()
    uncertain = torch.full_like(TARGET_BTC, -1)
    loss = distillation_loss(prob_BTC, uncertain, LABEL_BC, MASK_BT)
    loss.backward()
    assert loss.item() == 0
    assert prob_BTC.grad is not None
    assert not prob_BTC.grad.any()


def test_uncertain_and_padded_get_no_gradient() -> None:
    prob_BTC = PROB_BTC.clone().requires_grad_()
    distillation_loss(prob_BTC, TARGET_BTC, LABEL_BC, MASK_BT).backward()
    assert prob_BTC.grad is not None
    assert prob_BTC.grad[0].any(-1).tolist() == [True, True, False, False]


@given(st.floats(0.01, 0.99), st.booleans())
def test_divergence_is_bernoulli_kl(prob: float, fg: bool) -> None:
    prob_, target = torch.tensor(prob).double(), torch.tensor(int(fg), dtype=torch.int8)
    expected = kl_divergence(Bernoulli(target.double()), Bernoulli(prob_))
    torch.testing.assert_close(binary_divergence(prob_, target), expected)


def test_certain_mistakes_stay_finite() -> None:
    loss = binary_divergence(torch.tensor([0.0, 1.0]), torch.tensor([1, 0]))
    assert torch.isfinite(loss).all()
    assert (loss > 13).all()
