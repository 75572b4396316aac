"""The loss of [UM] by hand: one video, three snippets, two classes, four channels."""

import dataclasses
import math

import pytest
import torch

from wtal_core.branches.output import BranchOutput
from wtal_core.losses.um import um_loss
from wtal_core.schema.losses import LossParams
from wtal_core.schema.um import UmParams

PARAMS = UmParams(ratio_act=2, margin=10.0, magnitude_weight=0.01, entropy_weight=0.5)
LABEL_BC = torch.tensor([[1.0, 0.0]])


def make(act: float, bkg: float) -> BranchOutput:
    """The best snippet scores 2 and 1; features of lengths 5 `act` and 5 `bkg`; background 3, 0."""
    cas_BTC = torch.tensor([[[2.0, -1.0], [0.0, 1.0], [-4.0, 0.0]]])
    length_5_BD = torch.tensor([[0.0, 3.0, 0.0, -4.0]])
    extra = {
        "act_BD": act * length_5_BD, "bkg_BD": bkg * length_5_BD,
        "bkg_BC": torch.tensor([[3.0, 0.0]]),
    }  # fmt: skip
    mask_BT = torch.ones(1, 3, dtype=torch.bool)
    return BranchOutput(cas_BTC, cas_BTC.softmax(-1), torch.zeros(1, 3, 4), mask_BT, extra)


def loss(output: BranchOutput, label_BC: torch.Tensor = LABEL_BC, **changes: float) -> float:
    params = dataclasses.replace(PARAMS, **changes)  # type: ignore[arg-type]
    return float(um_loss(output, label_BC, params, LossParams(), torch.Generator()))


# With two classes both terms of the cross-entropy are alike, so their mean is one of them.
CLS = -math.log(math.exp(2) / (math.exp(2) + math.exp(1)))
BACKGROUND = -0.5 * sum(math.log(math.exp(x) / (math.exp(3) + 1)) for x in (3, 0))


def test_all_terms() -> None:
    expected = CLS + 0.01 * ((10 - 5) + 2.5) ** 2 + 0.5 * BACKGROUND
    assert loss(make(1.0, 0.5)) == pytest.approx(expected)


def test_beyond_the_margin_only_background_counts() -> None:
    expected = CLS + 0.01 * 2.5**2 + 0.5 * BACKGROUND
    assert loss(make(3.0, 0.5)) == pytest.approx(expected)


def test_terms_of_weight_0_are_not_computed() -> None:
    bare = dataclasses.replace(make(1.0, 1.0), extra={})
    assert loss(bare, magnitude_weight=0.0, entropy_weight=0.0) == pytest.approx(CLS)


def test_two_labels_share_the_mass() -> None:
    each = [-math.log(math.exp(x) / (math.exp(2) + math.exp(1))) for x in (2, 1)]
    found = loss(
        make(1.0, 1.0), torch.tensor([[1.0, 1.0]]), magnitude_weight=0.0, entropy_weight=0.0
    )
    assert found == pytest.approx(sum(each) / 2)


def test_uniform_background_is_the_best_one() -> None:
    extra = {**make(1.0, 1.0).extra, "bkg_BC": torch.zeros(1, 2)}
    uniform = dataclasses.replace(make(1.0, 1.0), extra=extra)
    assert loss(make(1.0, 1.0)) - loss(uniform) == pytest.approx(0.5 * (BACKGROUND - math.log(2)))


def test_a_video_without_a_label_is_refused() -> None:
    with pytest.raises(ValueError, match="label for every video"):
        loss(make(1.0, 1.0), torch.zeros(1, 2))
