"""The switch between branches."""

import numpy as np
import pytest

from wtal_core.localize.fuse import fuse_scores
from wtal_core.schema.localize import LocalizeParams

CBP_TC, VLP_TC = np.array([[0.2, 0.8], [0.4, 0.6], [1, 0]]), np.array([[0.6, 0.4]] * 3)


def test_the_switch() -> None:
    assert fuse_scores(CBP_TC, VLP_TC, LocalizeParams()) is CBP_TC
    assert fuse_scores(CBP_TC, VLP_TC, LocalizeParams(branch="vlp")) is VLP_TC


@pytest.mark.parametrize(("weight", "expected"), [(0.5, 0.4), (0.75, 0.3), (0.0, 0.6), (1.0, 0.2)])
def test_the_mixture(weight: float, expected: float) -> None:
    params = LocalizeParams(branch="fused", fuse_weight=weight)
    assert fuse_scores(CBP_TC, VLP_TC, params)[0, 0] == pytest.approx(expected)


def test_a_weight_that_is_still_to_be_chosen() -> None:
    with pytest.raises(ValueError, match="fuse_weight = auto"):
        fuse_scores(CBP_TC, VLP_TC, LocalizeParams(branch="fused", fuse_weight="auto"))
    # Where nothing is mixed it does not matter.
    assert fuse_scores(CBP_TC, VLP_TC, LocalizeParams(fuse_weight="auto")) is CBP_TC
