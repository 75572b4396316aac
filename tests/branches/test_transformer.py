"""Who sees whom, against the plain formula, and the block against torch's own."""

import pytest
import torch
from torch import Tensor, nn

from wtal_core.branches.transformer import BLOCK, Attention, Block, attend_all, attend_near


def dense(query: Tensor, key: Tensor, value: Tensor, mask_BT: Tensor, window: int) -> Tensor:
    """softmax(q k / sqrt d) v with every pair of snippets, the unseen ones at minus infinity."""
    at_T = torch.arange(mask_BT.shape[1])
    apart_TT = (at_T[:, None] - at_T).abs()
    near_TT = apart_TT <= window if window else torch.ones_like(apart_TT, dtype=torch.bool)
    seen_BTT = (near_TT & mask_BT[:, None]) | (apart_TT == 0)
    score = query @ key.transpose(-1, -2) / query.shape[-1] ** 0.5
    return score.masked_fill(~seen_BTT[:, None], -torch.inf).softmax(-1) @ value


@pytest.mark.parametrize("window", [0, 1, 4, BLOCK, BLOCK + 3])
@pytest.mark.parametrize("length", [1, 7, BLOCK, BLOCK + 1, 5 * BLOCK - 2])
def test_attention_equals_the_dense_form(length: int, window: int) -> None:
    """Values and gradients of the real snippets; the second video is padded."""
    generator = torch.Generator().manual_seed(length)
    mask_BT = torch.arange(length) < torch.tensor([[length], [(length + 1) // 2]])
    query, key, value = (
        torch.randn(2, 3, length, 5, generator=generator, requires_grad=True) for _ in range(3)
    )

    def gradients(mixed: Tensor) -> tuple[Tensor, ...]:
        real = mixed.transpose(1, 2)[mask_BT]
        return real, *torch.autograd.grad(real.square().sum(), (query, key, value))

    if window:
        found = attend_near(query, key, value, mask_BT, window)
    else:
        found = attend_all(query, key, value, mask_BT)
    assert found.shape == query.shape
    expected = dense(query, key, value, mask_BT, window)
    for one, other in zip(gradients(found), gradients(expected), strict=True):
        torch.testing.assert_close(one, other)


def test_who_sees_whom_by_hand() -> None:
    """Equal scores: a snippet takes the mean of the numbers that it sees; the last is padding."""
    mask_BT = torch.tensor([[True, True, True, False]])
    zero = torch.zeros(1, 1, 4, 1)
    value = torch.tensor([1.0, 3.0, 8.0, 1000.0]).reshape(1, 1, 4, 1)
    assert attend_near(zero, zero, value, mask_BT, 1)[0, 0, :3, 0].tolist() == [2.0, 4.0, 5.5]
    assert attend_all(zero, zero, value, mask_BT)[0, 0, :3, 0].tolist() == [4.0, 4.0, 4.0]


@pytest.mark.parametrize("window", [0, 2])
def test_no_tensor_of_a_step_has_a_side_for_each_pair_of_snippets(window: int) -> None:
    """What autograd keeps for the backward grows with T, not with T²."""

    def kept(length: int) -> int:
        sizes: list[int] = []

        def pack(tensor: Tensor) -> Tensor:
            sizes.append(tensor.untyped_storage().nbytes())
            return tensor

        mask_BT = torch.ones(1, length, dtype=torch.bool)
        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            Attention(6, 2, 0.0, window)(torch.randn(1, length, 6), mask_BT)
        return max(sizes)

    assert kept(40 * BLOCK) <= 11 * kept(4 * BLOCK)


def test_block_equals_torchs_layer() -> None:
    """nn.TransformerEncoderLayer with norm_first is the same formula."""
    torch.manual_seed(0)
    ours = Block(width=6, heads=3, mlp_ratio=2.0, dropout=0.0).eval()
    theirs = nn.TransformerEncoderLayer(
        6, 3, 12, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
    )
    pairs = {
        "self_attn.in_proj_weight": ours.attention.inward.weight,
        "self_attn.in_proj_bias": ours.attention.inward.bias,
        "self_attn.out_proj.weight": ours.attention.outward.weight,
        "self_attn.out_proj.bias": ours.attention.outward.bias,
        "norm1.weight": ours.norm_attention.weight,
        "norm1.bias": ours.norm_attention.bias,
        "norm2.weight": ours.norm_mlp.weight,
        "norm2.bias": ours.norm_mlp.bias,
        "linear1.weight": ours.mlp[0].weight,
        "linear1.bias": ours.mlp[0].bias,
        "linear2.weight": ours.mlp[2].weight,
        "linear2.bias": ours.mlp[2].bias,
    }
    theirs.load_state_dict(pairs)
    x_BTD = torch.randn(2, 5, 6)
    mask_BT = torch.ones(2, 5, dtype=torch.bool)
    # Training mode keeps torch off its fused path; without dropout it computes the same.
    expected = theirs.train()(x_BTD)
    torch.testing.assert_close(ours(x_BTD, mask_BT), expected)


def test_drop_path_skips_whole_videos_and_keeps_the_mean() -> None:
    torch.manual_seed(0)
    block = Block(width=4, heads=2, mlp_ratio=1.0, dropout=0.0, drop_path=0.25).train()
    residual = block._skip(torch.ones(4000, 1, 1)).flatten()
    assert set(residual.tolist()) == {0.0, torch.tensor(1 / 0.75).item()}
    assert abs(float(residual.mean()) - 1) < 0.03
    block.eval()
    assert torch.equal(block._skip(torch.ones(3, 1, 1)), torch.ones(3, 1, 1))
