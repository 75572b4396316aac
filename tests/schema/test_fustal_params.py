"""FuSTAL's generator, proposals and filter: published values, and what is refused."""

from typing import Any

import pytest

from wtal_core.schema.fustal_filter import FustalFilterParams
from wtal_core.schema.fustal_generate import FustalGenerateParams
from wtal_core.schema.fustal_propose import FustalProposeParams
from wtal_core.schema.training import StepParams
from wtal_core.training.batches import count_steps


def test_defaults_are_the_published_values() -> None:
    generate, propose, filter_ = FustalGenerateParams(), FustalProposeParams(), FustalFilterParams()
    assert (generate.easy_ratio, generate.hard_ratio, generate.topk_ratio) == (5, 20, 5)
    assert (generate.inner, generate.outer, generate.temperature) == (3, 6, 0.07)
    assert (generate.contrast_weight, generate.cross_weight) == (0.01, 0.2)
    assert (propose.class_levels, propose.action_levels, propose.nms_tiou) == (10, 33, 0.5)
    assert (filter_.min_support, filter_.min_score, filter_.rule) == (0.2, 0.4, "both")


def test_the_steps_of_the_generator() -> None:
    """200 videos of THUMOS14: near the 6000 steps that were published."""
    step = FustalGenerateParams(lr=0.3, batch=16, precision="bf16").step()
    assert step == StepParams(60, 100, 16, 750, "adam", 0.3, "constant", 5e-4, 0.0, "bf16")
    assert step.epochs * count_steps(200, step.batch, step.min_steps) == 6240


@pytest.mark.parametrize(
    ("cls", "values", "part"),
    [
        (FustalGenerateParams, {"easy_ratio": 0}, "easy_ratio must be at least 1"),
        (FustalGenerateParams, {"epochs": 0}, "epochs must be at least 1"),
        (FustalGenerateParams, {"outer": 3}, "outer must be above fustal_generate.inner"),
        (FustalGenerateParams, {"dropout": 1.0}, r"dropout must be in \[0, 1\)"),
        (FustalGenerateParams, {"temperature": 0.0}, "temperature is above 0"),
        (FustalGenerateParams, {"cross_weight": -0.1}, "cross_weight must be at least 0"),
        (FustalGenerateParams, {"lr": 0.0}, "lr must be positive"),
        (FustalProposeParams, {"upsample": 0}, "upsample is at least 1"),
        (FustalProposeParams, {"action_levels": 0, "class_levels": 0}, "not both 0"),
        (FustalProposeParams, {"nms_tiou": 1.1}, "nms_tiou lies in"),
        (FustalProposeParams, {"class_first": 0.3}, "class_first and class_last rise"),
        (FustalProposeParams, {"action_last": 1.0}, "action_first and action_last rise"),
        (FustalFilterParams, {"rule": "none"}, "rule is both, score or prior"),
        (FustalFilterParams, {"support": "all"}, "support is proposals or runs"),
        (FustalFilterParams, {"min_support": -1.0}, "min_support is at least 0"),
    ],
)
def test_what_is_refused(cls: Any, values: dict[str, Any], part: str) -> None:
    with pytest.raises(ValueError, match=part):
        cls(**values)
