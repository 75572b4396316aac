"""Fused features: by hand, and a whole branch behind them."""

import pytest
import torch
from torch import Tensor, nn

from tests.branches.contract import CLASSES, SoftmaxContract
from wtal_core.branches.cbp import CBP
from wtal_core.branches.inputs import FusedInputs, count_fused
from wtal_core.branches.output import BranchOutput
from wtal_core.schema.branches import CbpParams

I3D, CLIP = 4, 3
SMALL = CbpParams(
    width=8, heads=2, embed=1, stem=1, levels=0, mlp_ratio=2.0,
    input_dropout=0.0, dropout=0.0, drop_path=0.0,
)  # fmt: skip


def build(kind: str) -> FusedInputs:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        inside = CBP(count_fused(I3D, CLIP, kind), CLASSES, SMALL)
        return FusedInputs(inside, I3D, CLIP, kind)


class TestMean(SoftmaxContract):
    channels = I3D + CLIP

    def build(self) -> nn.Module:
        return build("mean")


class TestConcat(SoftmaxContract):
    channels = I3D + CLIP

    def build(self) -> nn.Module:
        return build("concat")


class Shown(nn.Module):
    """Stands for a branch; gives what it is given."""

    def forward(self, feat_BTD: Tensor, mask_BT: Tensor) -> BranchOutput:
        return BranchOutput(feat_BTD, feat_BTD, feat_BTD, mask_BT)


# RGB 1 2, flow 3 4, and a CLIP feature of length 5 that becomes one of length 1.
FEAT_BTD = torch.tensor([[[1.0, 2.0, 3.0, 4.0, 0.0, 3.0, 4.0]]])
MASK_BT = torch.ones(1, 1, dtype=torch.bool)


def test_concat_keeps_the_halves_apart() -> None:
    output = FusedInputs(Shown(), I3D, CLIP, "concat")(FEAT_BTD, MASK_BT)
    expected = torch.tensor([1.0, 2.0, 0.0, 0.6, 0.8, 3.0, 4.0, 0.0, 0.6, 0.8])
    torch.testing.assert_close(output.cas_BTC.flatten(), expected)
    assert count_fused(I3D, CLIP, "concat") == 10


def test_mean_maps_clip_to_each_half() -> None:
    model = FusedInputs(Shown(), I3D, CLIP, "mean")
    for module, rows in zip(
        model.maps, ([[1.0, 0, 0], [0, 1, 0]], [[0.0, 0, 5], [0, 5, 5]]), strict=True
    ):
        module.weight.data = torch.tensor(rows)
    output = model(FEAT_BTD, MASK_BT)
    expected = torch.tensor([(1 + 0.0) / 2, (2 + 0.6) / 2, (3 + 4) / 2, (4 + 7) / 2])
    torch.testing.assert_close(output.cas_BTC.flatten(), expected)
    assert count_fused(I3D, CLIP, "mean") == I3D


def test_what_is_refused() -> None:
    with pytest.raises(ValueError, match="equal width, got 5"):
        FusedInputs(Shown(), 5, CLIP, "mean")
    with pytest.raises(ValueError, match="mean or concat, got 'sum'"):
        FusedInputs(Shown(), I3D, CLIP, "sum")
