"""Who sees whom, and the block against torch's own."""

import torch
from torch import nn

from wtal_core.branches.transformer import Block, attention_mask


def test_mask_by_hand() -> None:
    mask_BT = torch.tensor([[True, True, True, False]])
    assert attention_mask(mask_BT, 1)[0, 0].int().tolist() == [
        [1, 1, 0, 0],
        [1, 1, 1, 0],
        [0, 1, 1, 0],
        [0, 0, 1, 1],  # padding: it may look, nobody reads what it sees
    ]
    assert attention_mask(mask_BT, 0)[0, 0, 0].int().tolist() == [1, 1, 1, 0]


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
    torch.testing.assert_close(ours(x_BTD, mask_BT, attention_mask(mask_BT, 0)), expected)


def test_drop_path_skips_whole_videos_and_keeps_the_mean() -> None:
    torch.manual_seed(0)
    block = Block(width=4, heads=2, mlp_ratio=1.0, dropout=0.0, drop_path=0.25).train()
    residual = block._skip(torch.ones(4000, 1, 1)).flatten()
    assert set(residual.tolist()) == {0.0, torch.tensor(1 / 0.75).item()}
    assert abs(float(residual.mean()) - 1) < 0.03
    block.eval()
    assert torch.equal(block._skip(torch.ones(3, 1, 1)), torch.ones(3, 1, 1))
