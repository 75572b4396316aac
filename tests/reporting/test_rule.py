"""The torch-free rule gives what the rule that trains gives."""

import numpy as np
import pytest
import torch

from wtal_core.pseudo_labels import distil
from wtal_core.reporting.rule import raw_levels, rule_labels
from wtal_core.schema.pseudo_labels import PseudoLabelParams
from wtal_core.schema.thresholds import ThresholdParams


@pytest.mark.parametrize("distilled", [False, True])
@pytest.mark.parametrize("minmax", [False, True])
@pytest.mark.parametrize("recentre", [False, True])
def test_as_distil_for_a_teacher_alone(distilled: bool, minmax: bool, recentre: bool) -> None:
    prob_TC = np.random.default_rng(3).random((53, 4), dtype=np.float32)
    prob_TC[0, 0], prob_TC[1, 1] = 0.0, 1.0
    prob_TC[:, 3] = 0.2  # a flat class has nothing to stretch
    thresholds = ThresholdParams(delta_h=0.35, delta_l=0.15)
    labelling = PseudoLabelParams(minmax=minmax, recentre=recentre)
    every = torch.ones(1, 4)  # nobody says which class a test video has
    wanted = distil(
        [torch.from_numpy(prob_TC)], None, every, thresholds, labelling,
        distilled=(distilled, False),
    )[0].label_TC.numpy()  # fmt: skip
    found = rule_labels(prob_TC, thresholds, labelling, distilled=distilled)
    assert found.dtype == np.int8
    assert found.tolist() == wanted.tolist()


@pytest.mark.parametrize("distilled", [False, True])
@pytest.mark.parametrize("recentre", [False, True])
def test_labels_change_at_the_levels(distilled: bool, recentre: bool) -> None:
    thresholds = ThresholdParams(delta_h=0.35, delta_l=0.15)
    labelling = PseudoLabelParams(recentre=recentre)
    levels = raw_levels(thresholds, labelling, distilled=distilled)
    assert levels
    near_TC = np.array([[levels[0] + 1e-3], [levels[0] - 1e-3], [levels[1] + 1e-3],
                        [levels[1] - 1e-3]], dtype=np.float32)  # fmt: skip
    found = rule_labels(near_TC, thresholds, labelling, distilled=distilled)
    assert found[:, 0].tolist() == [1, -1, -1, 0]


def test_levels_by_hand() -> None:
    # logits of .3 and .1 are -0.8473 and -2.1972, so even odds move to their middle, -1.5223
    moved = raw_levels(ThresholdParams(), PseudoLabelParams(), distilled=True)
    assert moved == pytest.approx((0.6626, 0.3374), abs=1e-4)
    assert raw_levels(ThresholdParams(), PseudoLabelParams(), distilled=False) == (0.3, 0.1)
    assert raw_levels(ThresholdParams(), PseudoLabelParams(minmax=True), distilled=False) is None
    assert raw_levels(ThresholdParams(delta_l=0), PseudoLabelParams(), distilled=True) is None


def test_by_hand() -> None:
    score_TC = np.array([[0.05], [0.1], [0.2], [0.3], [0.31]], dtype=np.float32)
    found = rule_labels(score_TC, ThresholdParams(), PseudoLabelParams(), distilled=False)
    # 0.1 and 0.3 in single precision lie a little above; at or between the thresholds is uncertain
    assert found[:, 0].tolist() == [0, -1, -1, 1, 1]


def test_thresholds_at_the_ends() -> None:
    ends = ThresholdParams(delta_h=0.5, delta_l=0.0)
    found = rule_labels(np.array([[0.2], [0.9]], "f4"), ends, PseudoLabelParams(), distilled=True)
    assert found[:, 0].tolist() == [-1, -1]  # the odds move by infinity: nothing is certain
