"""Top-k pooling and stretching: by hand, and blind to padding."""

import pytest
import torch

from wtal_core.pooling import choose_topk, pool_mean, pool_topk, stretch_minmax


def test_by_hand() -> None:
    cas_BTC = torch.tensor([[[1.0, 5.0], [4.0, 0.0], [2.0, 6.0], [3.0, 1.0], [9.0, 9.0]]])
    mask_BT = torch.tensor([[True, True, True, True, False]])
    # Four real snippets, ratio 2: the two highest, never the padded 9.
    torch.testing.assert_close(pool_topk(cas_BTC, mask_BT, 2), torch.tensor([[3.5, 5.5]]))


def test_k_follows_each_videos_own_length() -> None:
    cas_BTC = torch.arange(16.0).reshape(1, 16, 1).repeat(2, 1, 1)
    mask_BT = torch.arange(16) < torch.tensor([[16], [7]])
    # 16 // 8 = 2 snippets (15 and 14), 7 // 8 = 0, so at least one (6).
    assert pool_topk(cas_BTC, mask_BT, 8).flatten().tolist() == [14.5, 6.0]


def test_padding_gets_no_gradient() -> None:
    cas_BTC = torch.zeros(1, 6, 3, requires_grad=True)
    mask_BT = torch.arange(6)[None] < 4
    pool_topk(cas_BTC, mask_BT, 1).sum().backward()
    assert cas_BTC.grad is not None
    torch.testing.assert_close(cas_BTC.grad[0, :, 0], torch.tensor([0.25] * 4 + [0.0] * 2))


def test_a_video_without_snippets_is_refused() -> None:
    with pytest.raises(ValueError, match="valid snippet"):
        pool_topk(torch.zeros(2, 3, 4), torch.tensor([[True] * 3, [False] * 3]), 8)


def test_choice_by_hand() -> None:
    score_BT = torch.tensor([[1.0, 5.0, 3.0, 4.0, 9.0], [2.0, 7.0, 9.0, 9.0, 9.0]])
    mask_BT = torch.arange(5) < torch.tensor([[4], [2]])
    # 4 // 2 = 2 snippets (5 and 4, never the padded 9), 2 // 2 = 1 (7).
    expected_BT = torch.tensor([[0, 0.5, 0, 0.5, 0], [0, 1, 0, 0, 0]])
    torch.testing.assert_close(choose_topk(score_BT, mask_BT, 2), expected_BT)


def test_choice_agrees_with_pooling() -> None:
    cas_BTC = torch.randn(3, 17, 1, generator=torch.Generator().manual_seed(0))
    mask_BT = torch.arange(17) < torch.tensor([[17], [9], [1]])
    chosen_BT = choose_topk(cas_BTC[..., 0], mask_BT, 4)
    expected_B = pool_topk(cas_BTC, mask_BT, 4)[:, 0]
    torch.testing.assert_close((chosen_BT * cas_BTC[..., 0]).sum(1), expected_B)


def test_stretch_by_hand() -> None:
    score_TC = torch.tensor([[0.2, 0.7], [0.4, 0.7], [0.3, 0.7]])
    expected = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.5, 0.0]])
    torch.testing.assert_close(stretch_minmax(score_TC), expected)


def test_mean_by_hand() -> None:
    x_BTD = torch.tensor([[[1.0, 8.0], [3.0, 0.0], [90, 90]], [[5.0, -6.0], [90, 90], [90, 90]]])
    mask_BT = torch.arange(3) < torch.tensor([[2], [1]])
    assert pool_mean(x_BTD, mask_BT).tolist() == [[2.0, 4.0], [5.0, -6.0]]
