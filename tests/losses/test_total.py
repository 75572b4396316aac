"""Eq. (5): the sum is the weighted terms, nothing is computed for a weight of zero."""

import dataclasses

import pytest
import torch

from wtal_core.losses.contrastive import contrastive_loss
from wtal_core.losses.distillation import distillation_loss
from wtal_core.losses.mil import video_loss
from wtal_core.losses.total import TERMS, LossInputs, total_loss
from wtal_core.schema.losses import LossParams


@pytest.fixture
def seen() -> LossInputs:
    generator = torch.Generator().manual_seed(0)
    cas_BTC = torch.randn(2, 7, 3, generator=generator)
    return LossInputs(
        cas_BTC,
        cas_BTC.softmax(-1),
        torch.randn(2, 7, 5, generator=generator),
        torch.arange(7) < torch.tensor([[7], [4]]),
        torch.tensor([[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]]),
        torch.tensor([1, 0, -1, 1, 0, 1, 0]).to(torch.int8)[None, :, None]
        * torch.tensor([1, 0, 0], dtype=torch.int8).expand(2, 7, 3),
        None,
    )


def fresh() -> torch.Generator:
    return torch.Generator().manual_seed(5)


def test_sum_of_weighted_terms(seen: LossInputs) -> None:
    params = LossParams()
    assert seen.target_BTC is not None
    expected = (
        2 * video_loss(seen.cas_BTC, seen.mask_BT, seen.label_BC, 8)
        + 3 * distillation_loss(seen.prob_BTC, seen.target_BTC, seen.label_BC, seen.mask_BT)
        + 0.5 * contrastive_loss(seen.feat_BTD, seen.target_BTC, seen.mask_BT, 0.07, fresh())
    )
    total, terms = total_loss(seen, {"cls": 2, "kd": 3, "fb": 0.5}, params, fresh())
    torch.testing.assert_close(total, expected)
    assert list(terms) == ["cls", "kd", "fb"]
    assert float(terms["fb"]) > 0


def test_weight_zero_is_not_computed(seen: LossInputs) -> None:
    """Without pseudo-labels two of the terms could not even be."""
    bare = dataclasses.replace(seen, target_BTC=None)
    total, terms = total_loss(bare, {"cls": 1, "kd": 0, "fb": 0}, LossParams(), fresh())
    assert set(terms) == {"cls"}
    torch.testing.assert_close(total, terms["cls"])
    with pytest.raises(ValueError, match="need pseudo-labels"):
        total_loss(bare, {"cls": 0, "kd": 1, "fb": 0}, LossParams(), fresh())


@pytest.mark.parametrize(
    "weights", [{"cls": 1.0}, {"cls": 1.0, "kd": 1.0, "fb": 0.1, "LAMBDA": 2.0}]
)
def test_names_must_be_those_of_the_terms(seen: LossInputs, weights: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="weights must be for"):
        total_loss(seen, weights, LossParams(), fresh())


def test_all_zero_is_refused(seen: LossInputs) -> None:
    with pytest.raises(ValueError, match="weight 0"):
        total_loss(seen, dict.fromkeys(TERMS, 0.0), LossParams(), fresh())


OTHER: dict[str, object] = {
    "cls": "bce",
    "topk_ratio": 2,
    "temperature": 0.5,
    "kd_count": "pairs",
    "kd_balance": "frames",
    "kd_bg_weight": 2.5,
    "kd_confidence": True,
    "kd_weight": 0.3,
    "fb_weight": 0.4,
    "fb_reduction": "sum",
    "fb_scope": "video",
    "fb_positives": 3,
    "fb_negatives": 2,
}
# The weights are the caller's, and confidence is a weight that comes with the pseudo-labels.
ELSEWHERE = ("kd_confidence", "kd_weight", "fb_weight")


@pytest.mark.parametrize(
    ("switch", "value"), [item for item in OTHER.items() if item[0] not in ELSEWHERE]
)
def test_every_switch_does_something(seen: LossInputs, switch: str, value: object) -> None:
    weights = dict.fromkeys(TERMS, 1.0)
    changed = dataclasses.replace(LossParams(), **{switch: value})  # type: ignore[arg-type]
    plain, _ = total_loss(seen, weights, LossParams(), fresh())
    other, _ = total_loss(seen, weights, changed, fresh())
    assert float(plain) != float(other)


OF_EQ_1 = ("cls", "topk_ratio")  # dvc.yaml lists them at the warm-up, and no others


def test_switches_of_the_video_level_loss_alone(seen: LossInputs) -> None:
    """With weight 0 for the pseudo-labels' terms every other switch is without effect."""
    plain, _ = total_loss(seen, {"cls": 1.0, "kd": 0.0, "fb": 0.0}, LossParams(), fresh())
    felt = set()
    for field in dataclasses.fields(LossParams):
        changed = dataclasses.replace(LossParams(), **{field.name: OTHER[field.name]})  # type: ignore[arg-type]
        other, _ = total_loss(seen, {"cls": 1.0, "kd": 0.0, "fb": 0.0}, changed, fresh())
        if float(plain) != float(other):
            felt.add(field.name)
    assert felt == set(OF_EQ_1)
