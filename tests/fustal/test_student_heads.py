"""Boundaries of both heads, by hand; and the network's promises about padding and order."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from wtal_core.fustal.student.heads import PlainBoundaries, TridentBoundaries
from wtal_core.fustal.student.network import Student, StudentOutput
from wtal_core.fustal.student.points import lay_points
from wtal_core.schema.student import StudentParams
from wtal_core.training.state import seeded

SMALL = StudentParams(
    width=12, heads=2, embed=1, stem=1, levels=2, window=3, bins=4, first_range=3.0, head_layers=1
)
HEADS = pytest.mark.parametrize("head", ["actionformer", "trident"])
IN, CLASSES = 5, 3


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def build(head: str, **changes: object) -> Student:
    with seeded(0):
        model = Student(IN, CLASSES, replace(SMALL, head=head, **changes)).eval()  # type: ignore[arg-type]
        # Weights as after some training: fresh ones hardly tell points and classes apart.
        for parameter in model.parameters():
            parameter.data += 0.2 * torch.randn_like(parameter)
    return model


def everywhere(output: StudentOutput) -> tuple[Tensor, Tensor]:
    """Logits and offsets of every real point and class, video by video."""
    video_N, point_N, class_N = (
        output.mask_BP[..., None].expand(output.logit_BPC.shape).nonzero(as_tuple=True)
    )
    offset_N2 = output.boundaries.offsets(video_N, point_N, class_N)
    return output.logit_BPC[video_N, point_N, class_N], offset_N2


def test_plain_offsets_are_those_of_the_point() -> None:
    offset_BP2 = torch.arange(12.0).reshape(2, 3, 2)
    found = PlainBoundaries(offset_BP2).offsets(
        torch.tensor([1, 0]), torch.tensor([2, 1]), torch.tensor([0, 5])
    )
    assert found.tolist() == [[10, 11], [2, 3]]


def test_trident_offsets_by_hand() -> None:
    """Two bins; softmax weights 1 : 2 : 5 of the rows 0, 1 and 2 back give (2 + 10) / 8 = 1.5.

    The point's own weights are log 2 for one row back and 0 else, the responses log 5 two rows
    back and 0 else. On: the video ends after one row, so that only the weights count there.
    """
    points = lay_points([4], 2.0, "cpu")
    start_1P2, end_1P2 = torch.zeros(1, 5, 2), torch.zeros(1, 5, 2)
    bin_1P23 = torch.zeros(1, 5, 2, 3)
    start_1P2[0, 0, 1] = math.log(5)
    start_1P2[0, 0, 0] = 9.0  # of another class
    bin_1P23[0, 2, 0] = torch.tensor([0, math.log(2), 0])
    end_1P2[0, 3, 1] = math.log(4)
    bin_1P23[0, 2, 1] = torch.tensor([0, 0, math.log(3)])
    boundaries = TridentBoundaries(start_1P2, end_1P2, bin_1P23, points)
    ones = torch.tensor([0]), torch.tensor([2]), torch.tensor([1])
    # on: 1 : 4 : 3 for the rows 0, 1 and 2 on, (4 + 6) / 8 = 1.25
    assert boundaries.offsets(*ones)[0].tolist() == pytest.approx([1.5, 1.25])


@HEADS
def test_padding_changes_nothing(head: str) -> None:
    """Beside a longer video, and with rubbish in its padding."""
    model = build(head)
    generator = torch.Generator().manual_seed(1)
    short_TD, long_TD = (torch.randn(n, IN, generator=generator) for n in (11, 26))
    both_BTD = 50 * torch.randn(2, 26, IN, generator=generator)
    both_BTD[0, :11], both_BTD[1] = short_TD, long_TD
    mask_BT = torch.arange(26) < torch.tensor([11, 26])[:, None]
    alone = everywhere(model(short_TD[None], torch.ones(1, 11, dtype=torch.bool)))
    together = everywhere(model(both_BTD, mask_BT))
    count = len(alone[0])
    assert count == (11 + 6 + 3) * CLASSES
    for one, two in zip(alone, together, strict=True):
        torch.testing.assert_close(one, two[:count], rtol=0, atol=2e-5)


@HEADS
def test_permuted_videos_give_permuted_results(head: str) -> None:
    model = build(head)
    feat_BTD = torch.randn(3, 14, IN, generator=torch.Generator().manual_seed(2))
    mask_BT = torch.arange(14) < torch.tensor([14, 9, 12])[:, None]
    order = torch.tensor([2, 0, 1])
    first, second = model(feat_BTD, mask_BT), model(feat_BTD[order], mask_BT[order])
    torch.testing.assert_close(
        first.logit_BPC[order][second.mask_BP], second.logit_BPC[second.mask_BP]
    )
    assert torch.equal(first.mask_BP[order], second.mask_BP)
    count_B = first.mask_BP.sum(1) * CLASSES
    parts = everywhere(first)[1].split(count_B.tolist())
    torch.testing.assert_close(torch.cat([parts[i] for i in order]), everywhere(second)[1])


@HEADS
def test_a_point_sees_no_other_level(head: str) -> None:
    """The head alone: rows of one level do not change what the head says on another."""
    model = build(head)
    points = lay_points([6, 3], 3.0, "cpu")
    mask_1P = (points.level_P >= 0)[None]
    x_1PD = torch.randn(1, len(points.at_P), SMALL.width)
    other_1PD = x_1PD.clone()
    other_1PD[:, points.level_P == 1] += 1
    every = torch.arange(6)
    logits = [model.classify(x_1PD, mask_1P)[:, :6] for x_1PD in (x_1PD, other_1PD)]
    torch.testing.assert_close(*logits)
    zeros = torch.zeros_like(every)
    one, two = (
        model.bound(x, mask_1P, points).offsets(zeros, every, zeros) for x in (x_1PD, other_1PD)
    )
    torch.testing.assert_close(one, two)


@HEADS
def test_bfloat16_is_near(head: str) -> None:
    """And all that leaves the network is float32."""
    feat_BTD = torch.randn(2, 13, IN, generator=torch.Generator().manual_seed(3))
    mask_BT = torch.ones(2, 13, dtype=torch.bool)
    plain = everywhere(build(head)(feat_BTD, mask_BT))
    fast = everywhere(build(head, precision="bf16")(feat_BTD, mask_BT))
    for one, two in zip(plain, fast, strict=True):
        assert two.dtype == torch.float32
        assert 0 < (one - two).abs().max() < 0.25


def test_every_class_begins_unlikely() -> None:
    with seeded(0):
        model = Student(IN, CLASSES, SMALL).eval()
    logit_BPC = model(torch.zeros(1, 9, IN), torch.ones(1, 9, dtype=torch.bool)).logit_BPC
    assert 0.002 < logit_BPC.sigmoid().mean() < 0.05


def test_levels_and_rows() -> None:
    output = build("trident")(torch.zeros(1, 9, IN), torch.ones(1, 9, dtype=torch.bool))
    assert output.length == 9
    assert output.points.level_P.tolist() == [0] * 9 + [-1] + [1] * 5 + [-1] + [2] * 3 + [-1]
    assert output.mask_BP[0].tolist() == (output.points.level_P >= 0).tolist()
