"""The evidential terms of [DELU] by hand."""

import dataclasses
import math

import pytest
import torch
from torch import Tensor

from wtal_core.branches.output import BranchOutput
from wtal_core.losses.co2net import co2net_loss, guide_gap
from wtal_core.losses.delu import delu_loss, evidential_loss, weigh_snippets
from wtal_core.schema.delu import DeluParams
from wtal_core.schema.losses import LossParams


def test_one_label_by_hand() -> None:
    """Evidence 7, 1 and 1: S = 12, u = 1/4, so 3/4 of log(12 / 8)."""
    logit_BC = torch.tensor([[math.log(7), 0.0, 0.0]])
    found = evidential_loss(logit_BC, torch.tensor([[1.0, 0.0, 0.0]]))
    torch.testing.assert_close(found, torch.tensor([0.75 * math.log(12 / 8)]))


def test_the_label_of_least_evidence_counts_most() -> None:
    """α is 8 and 2: of the two shares 1/8 and 1/2 make .4 and 1.6."""
    logit_BC = torch.tensor([[math.log(7), 0.0, 0.0]])
    found = evidential_loss(logit_BC, torch.tensor([[1.0, 0.0, 1.0]]))
    expected = 0.75 * (0.4 * math.log(12 / 8) + 1.6 * math.log(12 / 2))
    torch.testing.assert_close(found, torch.tensor([expected]))


def test_a_video_of_no_evidence_teaches_next_to_nothing() -> None:
    """u near 1; and evidence beyond exp(10) is cut, so that nothing overflows."""
    label_BC = torch.tensor([[0.0, 1.0]])
    assert float(evidential_loss(torch.full((1, 2), -30.0), label_BC)) == pytest.approx(0, abs=1e-4)
    huge = evidential_loss(torch.tensor([[5000.0, -5000.0]]), label_BC)
    assert float(huge) == pytest.approx(math.log(math.exp(10) + 2), abs=1e-2)


def test_weights_by_hand() -> None:
    """Evidence rises 2, 0, 3, 1: the third snippet is the most certain. θ is ±3/4 and ±1/4."""
    evidence_T = torch.tensor([2.0, 0.0, 3.0, 1.0, 50.0])
    suppressed_BTK = evidence_T[None, :, None].repeat(1, 1, 3)
    mask_BT = torch.arange(5)[None] < 4
    found_BT = weigh_snippets(suppressed_BTK, mask_BT, 0.6)
    theta_BT = torch.tensor([[-0.25, 0.75, -0.75, 0.25]])
    torch.testing.assert_close(found_BT[:, :4], 1 - 0.6 * theta_BT.tanh())
    assert float(found_BT[:, :4].mean()) == pytest.approx(1)


def test_weights_of_a_video_are_its_own() -> None:
    """Neither padding nor other videos count; without amplitude all snippets weigh the same."""
    suppressed_BTK = torch.randn(3, 11, 4, generator=torch.Generator().manual_seed(0))
    mask_BT = torch.arange(11) < torch.tensor([[11], [1], [6]])
    found_BT = weigh_snippets(suppressed_BTK, mask_BT, 0.9)
    for b, length in enumerate((11, 1, 6)):
        alone_BT = weigh_snippets(
            suppressed_BTK[b : b + 1, :length], mask_BT[b : b + 1, :length], 0.9
        )
        torch.testing.assert_close(found_BT[b : b + 1, :length], alone_BT)
    assert float(found_BT[1, 0]) == 1.0
    assert weigh_snippets(suppressed_BTK, mask_BT, 0.0).unique().tolist() == [1.0]


def make(attn_BT: Tensor) -> BranchOutput:
    """Two videos of 6 and 4 snippets, two classes and background."""
    logit_BTK = torch.randn(2, 6, 3, generator=torch.Generator().manual_seed(4))
    mask_BT = torch.arange(6) < torch.tensor([[6], [4]])
    extra = {"logit_BTK": logit_BTK, "attn_BT3": attn_BT[..., None].repeat(1, 1, 3)}
    cas_BTC = logit_BTK[..., :2]
    return BranchOutput(cas_BTC, cas_BTC.softmax(-1), torch.ones(2, 6, 5), mask_BT, extra)


LABEL_BC = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
PARAMS = DeluParams(topk_ratio=2, evidence_ratio=2)
NO_EVIDENCE = dataclasses.replace(PARAMS, video_evidence_weight=0.0, snippet_evidence_weight=0.0)


def loss(output: BranchOutput, params: DeluParams) -> float:
    return float(delu_loss(output, LABEL_BC, params, LossParams(), torch.Generator()))


def test_without_evidence_it_is_the_loss_of_co2net() -> None:
    output = make(torch.rand(2, 6))
    bare = co2net_loss(output, LABEL_BC, NO_EVIDENCE, LossParams(), torch.Generator())
    assert loss(output, NO_EVIDENCE) == float(bare)


def test_evidence_of_a_video_is_that_of_its_most_attended_snippets() -> None:
    """With attention 1 there nothing is suppressed; k is 6 // 2 = 3 and 4 // 2 = 2."""
    attn_BT = torch.tensor([[1.0, 0.3, 1.0, 0.2, 0.1, 1.0], [0.4, 1.0, 1.0, 0.1, 1.0, 1.0]])
    output = make(attn_BT)
    logit_BTK = output.extra["logit_BTK"]
    mean_BC = torch.stack([logit_BTK[0, [0, 2, 5], :2].mean(0), logit_BTK[1, [1, 2], :2].mean(0)])
    expected = 1.3 * float(evidential_loss(mean_BC, LABEL_BC).mean())
    params = dataclasses.replace(PARAMS, snippet_evidence_weight=0.0)
    assert loss(output, params) - loss(output, NO_EVIDENCE) == pytest.approx(expected, abs=1e-6)


def test_certain_snippets_guide_most() -> None:
    output = make(torch.rand(2, 6, generator=torch.Generator().manual_seed(5)))
    params = dataclasses.replace(PARAMS, video_evidence_weight=0.0)
    found = loss(output, params) - loss(output, NO_EVIDENCE)
    logit_BTK, attn_BT1 = output.extra["logit_BTK"], output.extra["attn_BT3"][..., :1]
    low_BT1 = logit_BTK.amin(-1, keepdim=True)
    evidence_BT = (low_BT1 + attn_BT1 * (logit_BTK - low_BT1)).exp().sum(-1)
    videos = []
    for b, length in enumerate((6, 4)):
        best_first = evidence_BT[b, :length].argsort(descending=True).tolist()
        weights = [
            1 - 0.7 * math.tanh((2 * best_first.index(t) + 1) / length - 1) for t in range(length)
        ]
        gaps = guide_gap(output)[b, :length].tolist()
        videos.append(sum(w * g for w, g in zip(weights, gaps, strict=True)) / length)
    assert found == pytest.approx(0.4 * sum(videos) / 2, abs=1e-6)


def test_the_published_weights() -> None:
    params = DeluParams()
    assert (params.video_evidence_weight, params.snippet_evidence_weight) == (1.3, 0.4)
    assert (params.amplitude, params.guide_weight, params.sparsity_weight) == (0.7, 0.4, 0.8)
