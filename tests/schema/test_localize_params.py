"""Wrong parameters of localization and evaluation are named."""

from typing import Any, cast

import pytest

from wtal_core.schema.evaluation import EvaluationParams, SummaryParams
from wtal_core.schema.localize import LocalizeParams


@pytest.mark.parametrize(
    "wrong",
    [
        {"branch": "both"},
        {"class_selection": "softmax"},
        {"proposals": "single"},
        {"score": "mean"},
        {"fuse_weight": 1.1},
        {"fuse_weight": "automatic"},
        {"class_floor": -0.1},
        {"oic_margin": float("nan")},
        {"oic_video_weight": -1.0},
        {"min_score": -0.5},
        {"nms_sigma": 0.0},
        {"upsample": 0},
        {"max_per_video": 0},
        {"proposal_thresholds": ()},
        {"proposal_thresholds": (0.5, 1.0)},
    ],
)
def test_a_wrong_value_names_its_key(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"localize.{next(iter(wrong))} "):
        LocalizeParams(**wrong)


@pytest.mark.parametrize("tious", [(), (0.0, 0.5), (0.5, 1.5), (0.5, 0.5)])
def test_thresholds_of_the_evaluation(tious: Any) -> None:
    with pytest.raises(ValueError, match=r"evaluation\.tious"):
        EvaluationParams(tious=tious)


def test_other_keys_of_reports() -> None:
    with pytest.raises(ValueError, match=r"evaluation.protocol .*'thumos'"):
        EvaluationParams(protocol=cast(Any, "thumos"))
    with pytest.raises(ValueError, match=r"summary\.pictures"):
        SummaryParams(pictures=-1)
