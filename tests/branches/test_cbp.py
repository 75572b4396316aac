"""The CBP branch: contract, pyramid arithmetic, receptive field."""

import dataclasses

import pytest
import torch
from torch import nn

from tests.branches.contract import CLASSES, SoftmaxContract
from wtal_core.branches.cbp import CBP, stretch_level
from wtal_core.schema.branches import CbpParams

SMALL = CbpParams(
    width=8, heads=2, embed=1, stem=1, levels=2, window=2, mlp_ratio=2.0,
    input_dropout=0.0, dropout=0.0, drop_path=0.0,
)  # fmt: skip


def build(**changes: object) -> CBP:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return CBP(5, CLASSES, dataclasses.replace(SMALL, **changes))  # type: ignore[arg-type]


class TestContract(SoftmaxContract):
    channels = 5

    def build(self) -> nn.Module:
        return build()


class TestContractMaxGlobal(SoftmaxContract):
    channels = 5

    def build(self) -> nn.Module:
        return build(fuse="max", window=0, nonnegative=False, bias=True, stem=0, levels=3)


class TestContractLevel0(SoftmaxContract):
    channels = 5

    def build(self) -> nn.Module:
        return build(fuse="level0", levels=0, window=3, embed=2)


def test_stretch_by_hand() -> None:
    """Rows at snippets 0, 2, 4; between them the mean; behind the last real one its value."""
    x_BSD = torch.tensor([[[1.0], [3.0], [7.0]]])
    whole = stretch_level(x_BSD, torch.ones(1, 3, dtype=torch.bool), 6, 1)
    assert whole.flatten().tolist() == [1.0, 2.0, 3.0, 5.0, 7.0, 7.0]
    short = stretch_level(x_BSD, torch.tensor([[True, True, False]]), 6, 1)
    assert short.flatten().tolist()[:4] == [1.0, 2.0, 3.0, 3.0]


def test_stretch_of_a_higher_level() -> None:
    x_BSD = torch.tensor([[[0.0], [8.0]]])
    found = stretch_level(x_BSD, torch.ones(1, 2, dtype=torch.bool), 7, 2)
    assert found.flatten().tolist() == [0.0, 2.0, 4.0, 6.0, 8.0, 8.0, 8.0]


def test_pyramid_halves_each_level() -> None:
    mask_BT = torch.arange(13) < torch.tensor([[13], [6]])
    levels = build(levels=3).pyramid(torch.randn(2, 13, 8), mask_BT)
    assert [x.shape[1] for x, _ in levels] == [13, 7, 4, 2]
    assert [mask.sum(1).tolist() for _, mask in levels] == [[13, 6], [7, 3], [4, 2], [2, 1]]


def test_cas_is_not_negative() -> None:
    feat_BTD, mask_BT = torch.randn(2, 40, 5), torch.ones(2, 40, dtype=torch.bool)
    assert build()(feat_BTD, mask_BT).cas_BTC.min() == 0
    assert build(nonnegative=False)(feat_BTD, mask_BT).cas_BTC.min() < 0


def test_background_without_evidence_is_uniform() -> None:
    """CAS zero for all classes: the softmax falls to 1 / C."""
    model = build()
    nn.init.zeros_(model.last.conv.weight)
    output = model(torch.randn(1, 9, 5), torch.ones(1, 9, dtype=torch.bool))
    torch.testing.assert_close(output.prob_BTC, torch.full((1, 9, CLASSES), 1 / CLASSES))


@pytest.mark.parametrize(("window", "reach"), [(1, 5), (2, 6)])
def test_receptive_field(window: int, reach: int) -> None:
    """Without halved levels: 1 for each of 4 convolutions, and the window of one block."""
    model = build(levels=0, window=window, nonnegative=False)
    feat_BTD = torch.randn(1, 25, 5, requires_grad=True)
    model(feat_BTD, torch.ones(1, 25, dtype=torch.bool)).cas_BTC[0, 12].sum().backward()
    assert feat_BTD.grad is not None
    seen = feat_BTD.grad[0].any(-1).nonzero().flatten().tolist()
    assert seen == list(range(12 - reach, 12 + reach + 1))


def test_global_attention_sees_everything() -> None:
    feat_BTD = torch.randn(1, 25, 5, requires_grad=True)
    model = build(levels=0, window=0, nonnegative=False)
    model(feat_BTD, torch.ones(1, 25, dtype=torch.bool)).cas_BTC[0, 12].sum().backward()
    assert feat_BTD.grad is not None
    assert feat_BTD.grad[0].any(-1).all()


@pytest.mark.parametrize(
    ("key", "value", "part"),
    [
        ("heads", 3, "cbp.heads must divide cbp.width"),
        ("embed", 0, "cbp.embed must be at least 1"),
        ("dropout", 1.0, "cbp.dropout must be in"),
        ("mlp_ratio", 0.0, "cbp.mlp_ratio"),
    ],
)
def test_bad_params_are_refused(key: str, value: float, part: str) -> None:
    with pytest.raises(ValueError, match=part):
        dataclasses.replace(SMALL, **{key: value})  # type: ignore[arg-type]
