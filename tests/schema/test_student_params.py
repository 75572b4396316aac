"""The section `student`: published values, and what is refused."""

from typing import Any

import pytest

from wtal_core.schema.student import StudentParams


def test_defaults_are_the_published_ones() -> None:
    params = StudentParams()
    assert (params.ema_from, params.epochs, params.ema_decay, params.ema_min_score) == (
        60, 100, 0.999, 0.4,
    )  # fmt: skip
    assert (params.lr, params.weight_decay, params.batch, params.lr_warmup) == (1e-4, 0.05, 8, 1)
    assert (params.embed, params.stem, params.levels, params.width) == (2, 2, 5, 512)
    assert (params.head, params.bins, params.iou_power) == ("trident", 16, 0.2)
    assert (params.centre_radius, params.first_range, params.norm_start) == (1.5, 4.0, 100.0)
    assert (params.crop, params.crop_share, params.crop_keep) == (2304, 0.9, 0.5)
    assert (params.candidates, params.nms_sigma, params.min_score) == (2000, 0.5, 0.001)
    assert (params.video_ratio, params.video_dropout, params.video_weight) == (5, 0.7, 1.0)


def test_its_step_is_what_schedules_read() -> None:
    step = StudentParams(epochs=7, batch=3, lr=0.5, lr_schedule="cosine").step()
    assert (step.epochs, step.batch, step.lr, step.lr_schedule) == (7, 3, 0.5, "cosine")


@pytest.mark.parametrize(
    ("values", "part"),
    [
        ({"proposals": "r"}, "fustal or a round"),
        ({"width": 10, "heads": 4}, "heads must divide student.width"),
        ({"levels": -1}, "student.levels must be at least 0"),
        ({"epochs": 0}, "student.epochs must be at least 1"),
        ({"lr": 0.0}, "student.lr must be above 0"),
        ({"ema_decay": 1.0}, r"student.ema_decay must be in \[0, 1\)"),
        ({"ema_min_score": 1.1}, r"student.ema_min_score must be in \[0, 1\]"),
        ({"crop_share": 0.0}, "student.crop_share must be above 0"),
        ({"norm_start": 0.0}, "student.norm_start must be at least 1"),
        ({"bins": 3}, "cannot reach the ends"),
    ],
)
def test_what_is_refused(values: dict[str, Any], part: str) -> None:
    with pytest.raises(ValueError, match=part):
        StudentParams(**values)


def test_bins_bind_the_trident_head_alone() -> None:
    assert StudentParams(head="actionformer", bins=3).bins == 3
