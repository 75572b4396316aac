"""The names and sums under which metrics are shown."""

import numpy as np
import pytest

from wtal_core.evaluation.detection import DetectionResult
from wtal_core.evaluation.report import (
    detection_metrics,
    quality_metrics,
    round_table,
    summarise_rounds,
    tiou_table,
)
from wtal_core.schema.evaluation import EvaluationParams


def _result(tious: tuple[float, ...]) -> DetectionResult:
    """Two classes; AP falls by a tenth of the threshold from 1 and from .5."""
    ap_CK = np.array([[top - tiou / 10 for tiou in tious] for top in (1.0, 0.5)])
    return DetectionResult(ap_CK, ("a", "b"), tious, (), ())


def test_all_averages_of_the_default_thresholds() -> None:
    metrics = detection_metrics(_result(EvaluationParams().tious))
    assert metrics["map@0.1"] == pytest.approx(0.74)
    assert metrics["map@0.55"] == pytest.approx(0.695)
    assert metrics["map_avg_0.1-0.5"] == pytest.approx(0.75 - 0.03)
    assert metrics["map_avg_0.3-0.7"] == pytest.approx(0.75 - 0.05)
    assert metrics["map_avg_0.1-0.7"] == pytest.approx(0.75 - 0.04)
    assert metrics["map_avg_0.5-0.95"] == pytest.approx(0.75 - 0.0725)


def test_averages_need_all_their_thresholds() -> None:
    metrics = detection_metrics(_result((0.3, 0.4, 0.5, 0.6, 0.7)))
    assert [key for key in metrics if "avg" in key] == ["map_avg_0.3-0.7"]


def test_both_readings_of_uncertain_labels() -> None:
    label_TC = np.array([[1], [-1], [0], [0]], dtype=np.int8)
    mask_TC = np.array([[1], [1], [1], [0]], dtype=bool)
    assert quality_metrics("vlp", [label_TC], [mask_TC]) == {
        "fg_miou_vlp": 1 / 2,
        "bg_miou_vlp": 1 / 2,
        "fg_miou_vlp_as_bg": 1 / 3,
        "bg_miou_vlp_as_bg": 1 / 3,
    }


def test_what_does_not_exist_is_left_out() -> None:
    uncertain_TC, mask_TC = np.full((3, 1), -1, dtype=np.int8), np.ones((3, 1), dtype=bool)
    assert quality_metrics("cbp", [uncertain_TC], [mask_TC]) == {
        "fg_miou_cbp_as_bg": 0.0,
        "bg_miou_cbp_as_bg": 0.0,
    }


ROUNDS = {
    "r0": {"map_avg_0.1-0.7": 0.3, "map_avg_0.3-0.7": 0.2, "map@0.5": 0.2, "fg_miou_cbp": 0.5},
    "r1": {"map_avg_0.1-0.7": 0.6, "map@0.5": 0.5, "fg_miou_cbp": 0.7},
    "r2": {"map_avg_0.1-0.7": 0.55, "map_avg_0.3-0.7": 0.4, "map@0.5": 0.4, "fg_miou_cbp": 0.6},
}


def test_summary_of_rounds() -> None:
    metrics = summarise_rounds(ROUNDS)
    assert metrics.pop("gain") == pytest.approx(0.25)
    assert metrics.pop("worst_step") == pytest.approx(-0.05)
    assert metrics == {
        "map_avg_0.1-0.7": 0.55,
        "map@0.5": 0.4,
        "fg_miou_cbp": 0.6,
        "map_avg_r0": 0.3,
        "map_avg_r1": 0.6,
        "map_avg_r2": 0.55,
    }


def test_a_run_without_rounds_gains_nothing() -> None:
    assert "gain" not in summarise_rounds({"r0": ROUNDS["r0"]})


def test_table_of_rounds() -> None:
    header, rows = round_table(ROUNDS)
    assert header[:4] == ["round", "map_avg_0.1-0.7", "map@0.5", "fg_miou_cbp"]
    assert rows[1] == [1, 0.6, 0.5, 0.7, None, None, None]


def test_table_of_thresholds() -> None:
    rounds = {"r0": {"map@0.1": 0.5, "map@0.55": 0.2, "gain": 1.0}, "r1": {"map@0.1": 0.7}}
    assert tiou_table(rounds) == (
        ["tiou", "round", "map"],
        [[0.1, "r0", 0.5], [0.55, "r0", 0.2], [0.1, "r1", 0.7]],
    )
