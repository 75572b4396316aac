"""The student's losses by hand."""

import math
from dataclasses import replace

import pytest
import torch

from wtal_core.branches.output import BranchOutput
from wtal_core.fustal.contrast import label_loss
from wtal_core.fustal.student.assignment import Targets
from wtal_core.fustal.student.heads import PlainBoundaries, TridentBoundaries
from wtal_core.fustal.student.losses import (
    focal_loss,
    labels_loss,
    segment_loss,
    student_loss,
    tiou_of_offsets,
)
from wtal_core.fustal.student.network import StudentOutput
from wtal_core.fustal.student.points import lay_points
from wtal_core.schema.student import StudentParams

PARAMS = StudentParams(
    head="actionformer", video_weight=0.0, iou_power=0.0, norm_momentum=0.5, reg_weight=3.0
)


def logit(prob: float) -> float:
    return math.log(prob / (1 - prob))


def test_focal_loss_by_hand() -> None:
    """p = .8: a positive -.25 .2² log .8, a negative -.75 .8² log .2."""
    found = focal_loss(torch.full((2,), logit(0.8)), torch.tensor([1.0, 0.0]), 0.25, 2.0)
    expected = [-0.25 * 0.04 * math.log(0.8), -0.75 * 0.64 * math.log(0.2)]
    assert found.tolist() == pytest.approx(expected, rel=1e-5)


def test_without_focus_it_is_half_the_cross_entropy() -> None:
    x, y = torch.tensor([-3.0, 0.5, 2.0]), torch.tensor([0.0, 1.0, 1.0])
    cross = torch.nn.functional.binary_cross_entropy_with_logits(x, y, reduction="none")
    torch.testing.assert_close(focal_loss(x, y, 0.5, 0.0), cross / 2)


def test_diou_by_hand() -> None:
    """Round a point at 0: [-2, 4] against [-3, 1]: shared 3, union 7, centres 1 and -1.

    DIoU: 1 - 3/7 + (2/7)²; GIoU: the hull is the union, so 1 - 3/7.
    """
    ours, theirs = torch.tensor([[2.0, 4.0]]), torch.tensor([[3.0, 1.0]])
    assert tiou_of_offsets(ours, theirs).item() == pytest.approx(3 / 7)
    assert segment_loss(ours, theirs, "diou").item() == pytest.approx(4 / 7 + 4 / 49)
    assert segment_loss(ours, theirs, "giou").item() == pytest.approx(4 / 7)


@pytest.mark.parametrize("kind", ["diou", "giou"])
def test_equal_segments_cost_nothing_and_order_does_not_matter(kind: str) -> None:
    generator = torch.Generator().manual_seed(0)
    a_N2, b_N2 = (0.1 + 5 * torch.rand(9, 2, generator=generator) for _ in range(2))
    torch.testing.assert_close(segment_loss(a_N2, a_N2, kind), torch.zeros(9))
    torch.testing.assert_close(segment_loss(a_N2, b_N2, kind), segment_loss(b_N2, a_N2, kind))
    assert segment_loss(a_N2, b_N2, kind).min() > 0


@pytest.mark.parametrize("kind", ["diou", "giou"])
def test_a_segment_without_length_has_a_finite_gradient(kind: str) -> None:
    ours = torch.zeros(1, 2, requires_grad=True)
    segment_loss(ours, torch.zeros(1, 2), kind).sum().backward()
    assert ours.grad is not None
    assert bool(ours.grad.isfinite().all())


def make_case() -> tuple[StudentOutput, Targets, torch.Tensor]:
    """One level of two rows, two videos; only row 0 of video 0 learns, class 1."""
    points = lay_points([2], 4.0, "cpu")
    logit_BPC = torch.full((2, 3, 2), logit(0.3))
    mask_BP = torch.tensor([[True, True, False], [True, False, False]])
    offset_BP2 = torch.full((2, 3, 2), 9.0)
    offset_BP2[0, 0] = torch.tensor([2.0, 4.0])
    output = StudentOutput(logit_BPC, PlainBoundaries(offset_BP2), mask_BP, points, 2)
    class_BPC = torch.zeros(2, 3, 2)
    class_BPC[0, 0, 1] = 1
    own_BP = torch.full((2, 3), -1)
    own_BP[0, 0] = 1
    learnt_BP2 = torch.zeros(2, 3, 2)
    learnt_BP2[0, 0] = torch.tensor([3.0, 1.0])
    return output, Targets(class_BPC, own_BP, learnt_BP2), torch.tensor([[0.0, 1.0], [1.0, 0.0]])


NEGATIVE = -0.75 * 0.09 * math.log(0.7)
POSITIVE = -0.25 * 0.49 * math.log(0.3)


def test_the_sum_by_hand() -> None:
    """Positives: mean .5 * 7 + .5 * 1 = 4. Video 0 has one positive and three negatives; video 1
    has no segment, so its row does not count; nor does padding."""
    output, targets, label_BC = make_case()
    labelled_B = torch.tensor([True, False])
    total, terms, norm = student_loss(
        output, targets, label_BC, labelled_B, torch.tensor(7.0), PARAMS
    )
    assert norm.item() == 4
    assert terms["positives"].item() == 1
    assert terms["cls"].item() == pytest.approx((POSITIVE + 3 * NEGATIVE) / 4, rel=1e-5)
    assert terms["reg"].item() == pytest.approx((4 / 7 + 4 / 49) / 4, rel=1e-5)
    assert total.item() == pytest.approx((terms["cls"] + 3 * terms["reg"]).item())
    assert set(terms) == {"cls", "reg", "positives"}


def test_a_labelled_video_counts_all_its_real_rows() -> None:
    output, targets, label_BC = make_case()
    both = torch.tensor([True, True])
    _, terms, _ = student_loss(output, targets, label_BC, both, torch.tensor(7.0), PARAMS)
    assert terms["cls"].item() == pytest.approx((POSITIVE + 5 * NEGATIVE) / 4, rel=1e-5)


def test_the_overlap_weighs_the_positive_alone_and_learns_nothing_by_it() -> None:
    output, targets, label_BC = make_case()
    assert isinstance(output.boundaries, PlainBoundaries)
    output.boundaries.offset_BP2.requires_grad_()
    params = replace(PARAMS, iou_power=2.0)
    labelled_B = torch.tensor([True, False])
    _, terms, _ = student_loss(output, targets, label_BC, labelled_B, torch.tensor(7.0), params)
    weighed = POSITIVE * (3 / 7) ** 2
    assert terms["cls"].item() == pytest.approx((weighed + 3 * NEGATIVE) / 4, rel=1e-5)
    assert not terms["cls"].requires_grad


def test_twins_are_learnt_once_by_boundaries_that_all_classes_share() -> None:
    output, targets, label_BC = make_case()
    labelled_B, norm = torch.tensor([True, False]), torch.tensor(7.0)
    _, alone, _ = student_loss(output, targets, label_BC, labelled_B, norm, PARAMS)
    targets.class_BPC[0, 0, 0] = 1
    _, twins, _ = student_loss(output, targets, label_BC, labelled_B, norm, PARAMS)
    assert twins["reg"].item() == alone["reg"].item()


def test_twins_are_learnt_by_the_boundaries_of_each_class() -> None:
    output, targets, label_BC = make_case()
    targets.class_BPC[0, 0, 0] = 1
    start_BPC = torch.zeros(2, 3, 2, requires_grad=True)
    bins = torch.zeros(2, 3, 2, 3)
    boundaries = TridentBoundaries(start_BPC, torch.zeros(2, 3, 2), bins, output.points)
    output = replace(output, boundaries=boundaries)
    labelled_B, norm = torch.tensor([True, False]), torch.tensor(7.0)
    _, terms, _ = student_loss(output, targets, label_BC, labelled_B, norm, PARAMS)
    terms["reg"].backward()
    assert start_BPC.grad is not None
    assert start_BPC.grad[0, 0].ne(0).tolist() == [True, True]


def test_without_any_positive_the_loss_is_of_background_alone() -> None:
    output, targets, label_BC = make_case()
    none = Targets(
        torch.zeros_like(targets.class_BPC), torch.full_like(targets.own_BP, -1), targets.offset_BP2
    )
    labelled_B = torch.tensor([True, False])
    _, terms, norm = student_loss(output, none, label_BC, labelled_B, torch.tensor(3.0), PARAMS)
    assert norm.item() == 2  # one at least
    assert terms["reg"].item() == 0
    assert terms["cls"].item() == pytest.approx(4 * NEGATIVE / 2, rel=1e-5)


def test_the_labels_loss_pools_each_videos_own_snippets() -> None:
    """Nothing hidden, k = 1 of 3 and of 2 snippets; the pooled logits are (2, 0) and (0, 1)."""
    logit_BTC = torch.tensor([[[2.0, -1], [0, 0], [-9, -9]], [[-1, 1], [0, -3], [9, 9]]])
    mask_BT = torch.tensor([[True, True, True], [True, True, False]])
    label_BC = torch.tensor([[1.0, 0], [1, 1]])
    found = labels_loss(logit_BTC, mask_BT, label_BC, replace(PARAMS, video_dropout=0.0))
    p, q = 1 / (1 + math.exp(-2)), 1 / (1 + math.exp(1))  # of class 0
    first = -2 * math.log(p)
    second = -math.log(q) - math.log(1 - q)
    assert found.item() == pytest.approx((first + second) / (2 * 2), rel=1e-5)


def test_the_labels_loss_is_the_generators() -> None:
    """Its published weight is the one of a mean over classes."""
    logit_BTC, label_BC = torch.randn(2, 11, 5), torch.eye(5)[[1, 3]]
    mask_BT = torch.ones(2, 11, dtype=torch.bool)
    found = labels_loss(logit_BTC, mask_BT, label_BC, replace(PARAMS, video_dropout=0.0))
    output = BranchOutput(logit_BTC, logit_BTC, logit_BTC, mask_BT)
    assert found.item() == pytest.approx(label_loss(output, label_BC, PARAMS.video_ratio).item())


def test_hidden_snippets_are_not_pooled() -> None:
    """One snippet of 200 is far above the others: hidden most of the time, with chance .7."""
    logit_BTC = torch.zeros(1, 200, 2)
    logit_BTC[0, 77, 1] = 50.0
    mask_BT, label_BC = torch.ones(1, 200, dtype=torch.bool), torch.tensor([[1.0, 0]])
    params = replace(PARAMS, video_ratio=200, video_dropout=0.7)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        found = [labels_loss(logit_BTC, mask_BT, label_BC, params).item() for _ in range(200)]
    assert 35 < sum(loss > 5 for loss in found) < 85
