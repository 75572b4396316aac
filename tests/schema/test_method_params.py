"""Sections of the method: the paper's defaults, and what is refused."""

from typing import Any

import pytest

from wtal_core.schema.losses import LossParams
from wtal_core.schema.pseudo_labels import PseudoLabelParams
from wtal_core.schema.thresholds import ThresholdParams
from wtal_core.schema.training import StepParams, WarmUpParams


def test_defaults_are_the_papers() -> None:
    thresholds, loss, step = ThresholdParams(), LossParams(), StepParams()
    assert (thresholds.delta_h, thresholds.delta_l) == (0.3, 0.1)
    assert (thresholds.theta_cls, thresholds.theta_loc) == (0.85, 0.45)
    assert (loss.fb_weight, loss.temperature) == (0.05, 0.07)
    assert (step.epochs, step.batch, step.crop, step.lr) == (20, 64, 1000, 1e-4)
    assert (step.optimiser, step.cls_weight, WarmUpParams().epochs) == ("adam", 0.0, 10)
    # recentring is ours: it keeps later rounds from widening the segments
    assert PseudoLabelParams() == PseudoLabelParams("labelled", False, "ignore", True)


@pytest.mark.parametrize(
    ("cls", "values", "part"),
    [
        (ThresholdParams, {"delta_l": 0.3}, "delta_l must be below thresholds.delta_h"),
        (ThresholdParams, {"theta_loc": 1.5}, "theta_loc must be in"),
        (LossParams, {"topk_ratio": 0}, "loss.topk_ratio"),
        (LossParams, {"kd_weight": 0.0, "fb_weight": 0.0}, "not both 0"),
        (LossParams, {"fb_weight": -1.0}, "at least 0"),
        (LossParams, {"temperature": 0.0}, "loss.temperature"),
        (LossParams, {"fb_negatives": 0}, "loss.fb_negatives"),
        (StepParams, {"epochs": -1}, "epochs must be at least 0"),
        (WarmUpParams, {"epochs": 0}, "epochs must be at least 1"),
        (StepParams, {"lr": 0.0}, "lr must be positive"),
        (StepParams, {"cls_weight": -0.1}, "cls_weight"),
        (WarmUpParams, {"batch": 0}, "batch must be at least 1"),
    ],
)
def test_what_is_refused(cls: Any, values: dict[str, Any], part: str) -> None:
    with pytest.raises(ValueError, match=part):
        cls(**values)
