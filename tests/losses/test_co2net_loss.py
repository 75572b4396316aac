"""The loss of [CO2]: each term by hand, co-activity against loops."""

import dataclasses
import math
from itertools import permutations

import pytest
import torch
from torch import Tensor

from wtal_core.branches.output import BranchOutput
from wtal_core.losses.co2net import co2net_loss, coactivity_loss, guide_gap, suppress
from wtal_core.schema.co2net import WEIGHTS, Co2NetParams
from wtal_core.schema.losses import LossParams

# One video, three snippets and a padded one, two classes and background.
LOGIT_BTK = torch.tensor([[[3.0, -1.0, 0.0], [1.0, 0.0, 2.0], [-2.0, 0.0, 4.0], [90, 90, -90]]])
ATTN_BT3 = torch.tensor([[[0.8, 1.0, 0.6], [0.5, 0.2, 0.8], [0.1, 0.0, 0.2], [1.0, 1.0, 0.0]]])
MASK_BT = torch.tensor([[True, True, True, False]])
LABEL_BC = torch.tensor([[1.0, 0.0]])


def make(logit_BTK: Tensor = LOGIT_BTK, attn_BT3: Tensor = ATTN_BT3) -> BranchOutput:
    extra = {"logit_BTK": logit_BTK, "attn_BT3": attn_BT3}
    cas_BTC = torch.zeros_like(logit_BTK[..., :-1])
    feat_BTD = torch.ones(*logit_BTK.shape[:2], 5)
    return BranchOutput(cas_BTC, cas_BTC.softmax(-1), feat_BTD, MASK_BT, extra)


def only(name: str, weight: float = 1.0) -> Co2NetParams:
    """One of the two terms that can stand alone."""
    weights = dict.fromkeys(WEIGHTS, 0.0) | {name: weight}
    return Co2NetParams(topk_ratio=2, **weights)  # type: ignore[arg-type]


def loss(params: Co2NetParams, output: BranchOutput | None = None) -> float:
    output = output or make()
    return float(co2net_loss(output, LABEL_BC, params, LossParams(), torch.Generator()))


def term(name: str) -> float:
    """A term that cannot stand alone, as what it adds to the MIL term."""
    both = dataclasses.replace(only("mil_weight"), **{name: 1.0})  # type: ignore[arg-type]
    return loss(both) - loss(only("mil_weight"))


def log_share(score: list[float], which: int) -> float:
    return score[which] - math.log(sum(math.exp(x) for x in score))


def test_logits_suppressed_by_hand() -> None:
    """min + A (x - min), with the mean attention .8, .5 and .1."""
    expected_TK = torch.tensor([[2.2, -1.0, -0.2], [0.5, 0.0, 1.0], [-2.0, -1.8, -1.4]])
    torch.testing.assert_close(suppress(make())[0, :3], expected_TK)


def test_labels_and_background_share_the_mass() -> None:
    """k = 3 // 2 = 1: the best scores are 3, 0 and 4."""
    best = [3.0, 0.0, 4.0]
    expected = -(log_share(best, 0) + log_share(best, 2)) / 2
    assert loss(only("mil_weight")) == pytest.approx(expected)
    assert loss(only("mil_weight", 0.3)) == pytest.approx(0.3 * expected)


def test_suppressed_logits_show_no_background() -> None:
    assert loss(only("suppressed_weight")) == pytest.approx(-log_share([2.2, 0.0, 1.0], 0))


def test_mutual_term() -> None:
    """Squares of .4, -.6 and -.2, and each attention moves by half of the square's slope."""
    expected = (0.16 + 0.36 + 0.04) / 3
    assert term("mutual_weight") == pytest.approx(expected, abs=1e-6)
    attn_BT3 = ATTN_BT3.clone().requires_grad_()
    params = dataclasses.replace(only("mil_weight"), mutual_weight=1.0)
    output = make(attn_BT3=attn_BT3)
    co2net_loss(output, LABEL_BC, params, LossParams(), torch.Generator()).backward()
    assert attn_BT3.grad is not None
    expected_T2 = torch.tensor([[0.4, -0.4], [-0.6, 0.6], [-0.2, 0.2], [0.0, 0.0]]) / 3
    torch.testing.assert_close(attn_BT3.grad[0, :, 1:], expected_T2)


def test_sparsity_term() -> None:
    assert term("sparsity_weight") == pytest.approx((0.8 + 0.5 + 0.1) / 3, abs=1e-6)


def test_guide_term() -> None:
    background = [math.exp(log_share([float(x) for x in row], 2)) for row in LOGIT_BTK[0, :3]]
    gap = [
        sum(abs(1 - float(a) - b) for a in row) / 3
        for row, b in zip(ATTN_BT3[0, :3], background, strict=True)
    ]
    torch.testing.assert_close(guide_gap(make())[0, :3], torch.tensor(gap))
    assert term("guide_weight") == pytest.approx(sum(gap) / 3, abs=1e-6)


def test_terms_of_weight_0_are_not_computed() -> None:
    bare = dataclasses.replace(make(), feat_BTD=torch.full((1, 4, 5), torch.nan))
    assert math.isfinite(loss(only("mil_weight"), bare))


def test_the_default_weights_add_up() -> None:
    """A single video has no partner, so the co-activity term is 0."""
    params = Co2NetParams(topk_ratio=2)
    expected = loss(only("mil_weight")) + loss(only("suppressed_weight")) + term("mutual_weight")
    expected += 0.8 * (term("sparsity_weight") + term("guide_weight"))
    assert loss(params) == pytest.approx(expected, abs=1e-5)


def test_coactivity_by_hand() -> None:
    """Two videos of two snippets; scores so far apart that softmax picks a single snippet.

    The first looks like (1, 0) where active and like (0, 1) elsewhere, the second like (0, 1)
    where active and like (1, 0) elsewhere: d(h, h') = 1, d(h, l') = 0 both ways.
    """
    first_TD, second_TD = torch.tensor([[2.0, 0.0], [0.0, 3.0]]), torch.tensor([[7.0, 0], [0, 1]])
    score_BTC = torch.tensor([[[99.0, 0.0], [0.0, 0.0]], [[0.0, 0.0], [99.0, 0.0]]])
    feat_BTD, mask_BT = torch.stack([first_TD, second_TD]), torch.ones(2, 2, dtype=torch.bool)
    label_BC = torch.tensor([[1.0, 0.0], [1.0, 1.0]])
    found = coactivity_loss(feat_BTD, score_BTC, label_BC, mask_BT, margin=0.5)
    assert float(found) == pytest.approx(1 - 0 + 0.5)
    alike = coactivity_loss(feat_BTD[[0, 0]], score_BTC[[0, 0]], label_BC, mask_BT, margin=0.5)
    assert float(alike) == 0.0  # d(h, h') = 0 and d(h, l') = 1: beyond the margin
    wide = coactivity_loss(feat_BTD[[0, 0]], score_BTC[[0, 0]], label_BC, mask_BT, margin=1.2)
    assert float(wide) == pytest.approx(0.2)


def coactivity_by_loops(
    videos: list[tuple[Tensor, Tensor]], label_BC: Tensor, margin: float
) -> float:
    found = []
    for a, b in permutations(range(len(videos)), 2):
        for c in (label_BC[a] * label_BC[b]).nonzero().flatten().tolist():
            (feat_TD, score_TC), (feat_SD, score_SC) = videos[a], videos[b]
            weight_T, weight_S = score_TC[:, c].softmax(0), score_SC[:, c].softmax(0)
            high_D, other_D = weight_T @ feat_TD, weight_S @ feat_SD
            low_D = (1 - weight_S) / max(len(weight_S) - 1, 1) @ feat_SD
            near = 1 - torch.cosine_similarity(high_D, other_D, dim=0)
            far = 1 - torch.cosine_similarity(high_D, low_D, dim=0)
            found.append(max(0.0, float(near - far + margin)))
    return sum(found) / len(found) if found else 0.0


LENGTHS = (9, 4, 1, 7, 6)


@pytest.mark.parametrize(
    "label_BC",
    [
        torch.tensor([[1, 0, 0], [1, 1, 0], [1, 1, 0], [0, 0, 1], [0, 1, 0]]),
        torch.tensor([[1, 1, 0], [1, 1, 0], [0, 0, 1], [0, 0, 1], [0, 0, 1]]),
        torch.tensor([[1, 0, 0], [0, 1, 1], [0, 0, 0], [0, 0, 0], [0, 0, 0]]),
    ],
)
def test_coactivity_agrees_with_loops_whatever_the_padding(label_BC: Tensor) -> None:
    generator = torch.Generator().manual_seed(2)
    videos = [
        (torch.randn(n, 8, generator=generator), 2 * torch.randn(n, 3, generator=generator))
        for n in LENGTHS
    ]
    expected = coactivity_by_loops(videos, label_BC, 0.5)
    for length in (9, 14):
        feat_BTD, score_BTC = torch.full((5, length, 8), 30.0), torch.full((5, length, 3), 40.0)
        for b, (feat_TD, score_TC) in enumerate(videos):
            feat_BTD[b, : LENGTHS[b]], score_BTC[b, : LENGTHS[b]] = feat_TD, score_TC
        mask_BT = torch.arange(length) < torch.tensor(LENGTHS)[:, None]
        found = coactivity_loss(feat_BTD, score_BTC, label_BC.float(), mask_BT, 0.5)
        assert float(found) == pytest.approx(expected, abs=1e-5)


def test_a_batch_without_a_pair_teaches_nothing() -> None:
    feat_BTD = torch.randn(3, 4, 5).requires_grad_()
    score_BTC = torch.randn(3, 4, 3).requires_grad_()
    mask_BT = torch.ones(3, 4, dtype=torch.bool)
    found = coactivity_loss(feat_BTD, score_BTC, torch.eye(3), mask_BT, 0.5)
    found.backward()
    assert found.item() == 0.0
    assert feat_BTD.grad is not None
    assert not feat_BTD.grad.any()


def test_a_video_without_a_label_is_refused() -> None:
    with pytest.raises(ValueError, match="label for every video"):
        co2net_loss(make(), torch.zeros(1, 2), Co2NetParams(), LossParams(), torch.Generator())
