"""The CBP branch UM: contract, choice of snippets, magnitudes by hand."""

import dataclasses

import pytest
import torch
from torch import Tensor, nn

from tests.branches.contract import CLASSES, OwnLossContract
from wtal_core.branches.output import BranchOutput
from wtal_core.branches.um import UM, scale_magnitude
from wtal_core.losses.um import um_loss
from wtal_core.schema.losses import LossParams
from wtal_core.schema.um import UmParams

SMALL = UmParams(width=8, dropout=0.0, select_dropout=0.0, margin=9.0, magnitude_weight=0.1)


def build(**changes: object) -> UM:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return UM(5, CLASSES, dataclasses.replace(SMALL, **changes))  # type: ignore[arg-type]


class TestContract(OwnLossContract):
    channels = 5

    def build(self) -> nn.Module:
        return build()

    def loss(self, output: BranchOutput, label_BC: Tensor) -> Tensor:
        return um_loss(output, label_BC, SMALL, LossParams(), torch.Generator())


class TestContractBigSets(OwnLossContract):
    channels = 5
    params = dataclasses.replace(SMALL, ratio_act=2, ratio_bkg=1, entropy_weight=0.3)

    def build(self) -> nn.Module:
        return build(ratio_act=2, ratio_bkg=1)

    def loss(self, output: BranchOutput, label_BC: Tensor) -> Tensor:
        return um_loss(output, label_BC, self.params, LossParams(), torch.Generator())


def test_magnitudes_by_hand() -> None:
    """Ends (7 + 4) / 2 = 5.5 and 1; the padded 50 is neither."""
    size_BT = torch.tensor([[2.0, 7.0, 1.0, 4.0, 50.0]], requires_grad=True)
    mask_BT = torch.tensor([[True, True, True, True, False]])
    found_BT = scale_magnitude(size_BT, mask_BT, 2, 4)
    expected_BT = torch.tensor([[1 / 4.5, 1.0, 0.001, 3 / 4.5]])
    torch.testing.assert_close(found_BT[:, :4], expected_BT)
    found_BT[:, :4].sum().backward()
    assert size_BT.grad is not None  # as if nothing were clipped
    torch.testing.assert_close(size_BT.grad, torch.tensor([[1, 1, 1, 1, 0]]) / 4.5)


def test_equal_magnitudes_tell_nothing() -> None:
    found_BT = scale_magnitude(torch.full((1, 6), 3.0), torch.ones(1, 6, dtype=torch.bool), 9, 4)
    assert found_BT.tolist() == [[1.0] * 6]


def by_hand() -> UM:
    """Embeds each snippet of one channel as (x, -x), each above zero; scores 2, 3 and 0 a unit."""
    model = UM(1, 3, UmParams(width=2, ratio_act=2, ratio_bkg=3)).eval()
    with torch.no_grad():
        model.embed.weight.zero_()
        model.embed.weight[:, 0, 1] = torch.tensor([1.0, -1.0])
        assert model.embed.bias is not None
        model.embed.bias.zero_()
        model.classify.weight.copy_(torch.tensor([[2.0, 0.0], [0.0, 3.0], [0.0, 0.0]]))
    return model


def test_a_video_by_hand() -> None:
    """Magnitudes 5, 1, 3, 2: action is the first and the third, background the second."""
    feat_BTD = torch.tensor([[[5.0], [1.0], [-3.0], [-2.0]]])
    output = by_hand()(feat_BTD, torch.ones(1, 4, dtype=torch.bool))
    assert output.feat_BTD.tolist() == [[[5, 0], [1, 0], [0, 3], [0, 2]]]
    assert output.cas_BTC.tolist() == [[[10, 0, 0], [2, 0, 0], [0, 9, 0], [0, 6, 0]]]
    assert output.extra["act_BD"].tolist() == [[2.5, 1.5]]
    assert output.extra["bkg_BD"].tolist() == [[1.0, 0.0]]
    assert output.extra["bkg_BC"].tolist() == [[2.0, 0.0, 0.0]]
    scale_BT = torch.tensor([[1.0, 0.001, 2 / 3, 1 / 3]])  # from 1 to (5 + 3) / 2
    expected_BTC = output.cas_BTC.softmax(-1) * scale_BT[..., None]
    torch.testing.assert_close(output.prob_BTC, expected_BTC)


def test_hidden_snippets_are_chosen_last() -> None:
    """In training the sets come from the snippets that dropout left, for every draw."""
    feat_BTD = torch.tensor([[[5.0], [1.0], [-3.0], [-2.0]]])
    model = by_hand().train()
    seen = set()
    for seed in range(40):
        torch.manual_seed(seed)
        output = model(feat_BTD, torch.ones(1, 4, dtype=torch.bool))
        seen.add(tuple(output.extra["act_BD"][0].tolist()))
    assert (2.5, 1.5) in seen  # the biggest two
    assert (3.0, 0.0) in seen  # the first two: the third and perhaps the last were hidden
    assert len(seen) > 2


@pytest.mark.parametrize(
    ("key", "value"),
    [("width", 0), ("ratio_act", 0), ("dropout", 1.0), ("margin", 0.0), ("entropy_weight", -1.0)],
)
def test_bad_params_are_refused(key: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"um.{key} must be"):
        dataclasses.replace(SMALL, **{key: value})  # type: ignore[arg-type]
