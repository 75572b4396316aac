"""The CBP branch CO2-Net with its own loss and with DELU's: contract, attention by hand."""

import dataclasses

import pytest
import torch
from torch import Tensor, nn

from tests.branches.contract import CLASSES, OwnLossContract
from wtal_core.branches.co2net import CO2Net
from wtal_core.branches.output import BranchOutput
from wtal_core.losses.co2net import co2net_loss
from wtal_core.losses.delu import delu_loss
from wtal_core.schema.co2net import Co2NetParams
from wtal_core.schema.delu import DeluParams
from wtal_core.schema.losses import LossParams

SMALL = Co2NetParams(width=8, attention_width=5, dropout=0.0, attention_dropout=0.0)
SMALL_DELU = DeluParams(
    width=7, attention_width=4, dropout=0.0, attention_dropout=0.0, evidence_ratio=3
)


def build(params: Co2NetParams) -> CO2Net:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return CO2Net(6, CLASSES, params)


class Contract(OwnLossContract):
    """The two first videos share no label; the labels of the pair below are equal."""

    channels = 6

    def everything_learns_from_the_loss(self, labels: Tensor) -> None:
        model = self.build().train()
        self.loss(self.run(model, self.videos(), 13), labels).backward()
        for name, parameter in model.named_parameters():
            assert parameter.grad is not None, name
            assert torch.isfinite(parameter.grad).all(), name
            assert parameter.grad.any(), name

    def test_everything_learns_from_the_loss(self) -> None:
        self.everything_learns_from_the_loss(self.labels())

    def test_everything_learns_from_videos_with_the_same_label(self) -> None:
        self.everything_learns_from_the_loss(torch.eye(CLASSES)[[1, 1]])


class TestContract(Contract):
    def build(self) -> nn.Module:
        return build(SMALL)

    def loss(self, output: BranchOutput, label_BC: Tensor) -> Tensor:
        return co2net_loss(output, label_BC, SMALL, LossParams(), torch.Generator())


class TestContractDelu(Contract):
    def build(self) -> nn.Module:
        return build(SMALL_DELU)

    def loss(self, output: BranchOutput, label_BC: Tensor) -> Tensor:
        return delu_loss(output, label_BC, SMALL_DELU, LossParams(), torch.Generator())


class TestContractPairs(TestContract):
    """Both videos show the same class, so that the co-activity term is at work."""

    def labels(self) -> Tensor:
        return torch.eye(CLASSES)[[1, 1]]


def by_hand() -> CO2Net:
    """Two columns; all weights 0 but those that a test sets."""
    model = CO2Net(2, 2, dataclasses.replace(SMALL, width=3, attention_width=1)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    return model


FEAT_BTD = torch.tensor([[[2.0, -1.0], [6.0, 3.0], [1.0, 5.0], [50.0, 50.0]]])
MASK_BT = torch.tensor([[True, True, True, False]])


def test_gate_by_hand() -> None:
    """RGB's mean is 3, flow's local view -1, 3, 5 (below zero a fifth): σ(3 l) of each column."""
    model = by_hand()
    with torch.no_grad():
        model.rgb.overall.weight.fill_(1.0)
        model.rgb.local.weight[..., 1] = 1.0
    _, clean_BTD = model.rgb(FEAT_BTD[..., :1], FEAT_BTD[..., 1:], MASK_BT)
    gate_T = torch.sigmoid(3.0 * torch.tensor([-0.2, 3.0, 5.0]))
    torch.testing.assert_close(clean_BTD[0, :3, 0], gate_T * torch.tensor([2.0, 6.0, 1.0]))


def test_a_video_by_hand() -> None:
    """Gates of σ(0) = 1/2. RGB's attention is σ(2.5) where that and its neighbours sum to 3 more.

    Columns after the gate: RGB 1, 3, .5, flow -.5, 1.5, 2.5. RGB's attention convolves with
    (0, 1, 1), so that it reads 4, 3.5, .5 (nothing is beyond the last snippet); less 1.5 it is
    2.5, 2, -1 and a fifth of that below zero, twice. Flow's attention is 1/2 throughout.
    """
    model = by_hand()
    with torch.no_grad():
        model.rgb.first.weight[0, 0] = torch.tensor([0.0, 1.0, 1.0])
        model.rgb.first.bias.fill_(-1.5)  # type: ignore[union-attr]
        model.rgb.second.weight[0, 0, 1] = 1.0
        model.rgb.last.weight.fill_(1.0)
        model.fuse.weight[0] = torch.tensor([1.0, 0.0])
        model.fuse.weight[2] = torch.tensor([0.0, 1.0])
        model.hidden.weight[0, 0, 1] = 2.0
        model.last.weight[1, 0] = 1.0
        model.last.bias.copy_(torch.tensor([0.0, -3.0, 1.0]))
    output = model(FEAT_BTD, MASK_BT)
    fused_BTD = torch.tensor([[[1.0, 0.0, -0.1], [3.0, 0.0, 1.5], [0.5, 0.0, 2.5]]])
    torch.testing.assert_close(output.feat_BTD[:, :3], fused_BTD)
    logit_BTK = torch.tensor([[[0.0, -1.0, 1.0], [0.0, 3.0, 1.0], [0.0, -2.0, 1.0]]])
    torch.testing.assert_close(output.extra["logit_BTK"][:, :3], logit_BTK)
    rgb_T = torch.sigmoid(torch.tensor([2.5, 2.0, -0.04]))
    both_T = (rgb_T + 0.5) / 2
    attn_BT3 = torch.stack([both_T, rgb_T, torch.full((3,), 0.5)], dim=-1)[None]
    torch.testing.assert_close(output.extra["attn_BT3"][:, :3], attn_BT3)
    scale_BT1 = both_T[None, :, None]
    torch.testing.assert_close(output.cas_BTC[:, :3], logit_BTK[..., :2] * scale_BT1)
    prob_BTC = logit_BTK.softmax(-1)[..., :2] * scale_BT1
    torch.testing.assert_close(output.prob_BTC[:, :3], prob_BTC)


def test_each_modality_looks_at_itself_and_at_the_other() -> None:
    """Which attention hears of a change of one snippet in one half of the columns."""
    model = build(SMALL).eval()
    feat_BTD = torch.randn(1, 9, 6, generator=torch.Generator().manual_seed(1))
    mask_BT = torch.ones(1, 9, dtype=torch.bool)
    before = model(feat_BTD, mask_BT).extra["attn_BT3"]
    for half in (slice(0, 3), slice(3, 6)):
        other_BTD = feat_BTD.clone()
        other_BTD[0, 4, half] += 1.0
        changed = (model(other_BTD, mask_BT).extra["attn_BT3"] != before)[0, :, 1:]
        assert changed.any(0).all()
        # Of the main modality the mean, too: every snippet hears of it.
        assert changed.all(0).tolist() == [half.start == 0, half.start == 3]


def test_columns_must_be_two_halves() -> None:
    with pytest.raises(ValueError, match="equal width, got 5"):
        CO2Net(5, CLASSES, SMALL)


@pytest.mark.parametrize("cls", [Co2NetParams, DeluParams])
@pytest.mark.parametrize(
    ("values", "part"),
    [
        ({"width": 0}, "width must be at least 1"),
        ({"attention_width": 0}, "attention_width must be at least 1"),
        ({"topk_ratio": 0}, "topk_ratio must be at least 1"),
        ({"attention_dropout": 1.0}, r"attention_dropout must be in \[0, 1\)"),
        ({"margin": -0.1}, "margin must be at least 0"),
        ({"guide_weight": -1.0}, "guide_weight must be at least 0"),
        ({"mil_weight": 0.0, "suppressed_weight": 0.0}, "must not both be 0"),
    ],
)
def test_bad_params_are_refused(
    cls: type[Co2NetParams], values: dict[str, float], part: str
) -> None:
    with pytest.raises(ValueError, match=part):
        cls(**values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("values", "part"),
    [
        ({"evidence_ratio": 0}, "evidence_ratio must be at least 1"),
        ({"amplitude": 1.2}, r"amplitude must be in \[0, 1\]"),
        ({"video_evidence_weight": -0.5}, "video_evidence_weight must be at least 0"),
        ({"snippet_evidence_weight": -0.5}, "snippet_evidence_weight must be at least 0"),
    ],
)
def test_bad_evidence_is_refused(values: dict[str, float], part: str) -> None:
    with pytest.raises(ValueError, match=part):
        DeluParams(**values)  # type: ignore[arg-type]
