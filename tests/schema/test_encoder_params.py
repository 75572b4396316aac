"""Parameters of the encoders refuse what cannot be."""

from typing import Any

import pytest

from wtal_core.schema.encoders import ClipParams, ClipPretrainParams, I3dParams, I3dPretrainParams


@pytest.mark.parametrize(
    ("kind", "values", "named"),
    [
        (I3dParams, {"batch": 0}, "i3d: batch"),
        (ClipParams, {"batch": 0}, "clip: batch"),
        (I3dPretrainParams, {"epochs": 0}, "epochs"),
        (I3dPretrainParams, {"lr": 0.0}, "lr"),
        (I3dPretrainParams, {"weight_decay": -0.1}, "weight_decay"),
        (I3dPretrainParams, {"width": 0.0}, "width"),
        (I3dPretrainParams, {"shift": -1}, "shift"),
        (I3dPretrainParams, {"brightness": -0.1}, "brightness"),
        (I3dPretrainParams, {"label_smoothing": 1.0}, "label_smoothing"),
        (I3dPretrainParams, {"dropout": 1.0}, "dropout"),
        (I3dPretrainParams, {"holdout": 1.0}, "holdout"),
        (ClipPretrainParams, {"batch": 1}, "batch"),
        (ClipPretrainParams, {"patch": 0}, "patch"),
        (ClipPretrainParams, {"image_size": 41}, "image_size must be a multiple of patch"),
        (ClipPretrainParams, {"vision_width": 65}, "vision_width must be a multiple of head_width"),
        (ClipPretrainParams, {"text_width": 33}, "text_width must be a multiple of head_width"),
        (ClipPretrainParams, {"text_layers": 0}, "text_layers"),
        (ClipPretrainParams, {"context_length": 2}, "context_length"),
        (ClipPretrainParams, {"holdout": -0.1}, "holdout"),
    ],
)
def test_bad_values_are_named(kind: type, values: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        kind(**values)


def test_config_has_as_many_heads_as_fit() -> None:
    config = ClipPretrainParams(text_width=96, vision_width=64, head_width=32).config()
    assert config["text_cfg"]["heads"] == 3
    assert config["vision_cfg"]["head_width"] == 32
