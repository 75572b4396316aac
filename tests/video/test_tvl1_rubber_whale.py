"""OpenCV's own test of its TV-L1, on every path: 95 % of the pixels within .1 px of its gold."""

from functools import cache

import cv2
import numpy as np
import pytest

from tests.video.test_flow import REFERENCE, UNKNOWN, read_flo
from tests.video.tvl1_device import NEEDS_GPU, reference
from tests.video.tvl1_paths import PATHS, kernels_of
from wtal_core.schema.video import FlowParams
from wtal_core.video.flow import compute_flow
from wtal_core.video.tvl1.solver import Solver

EVERY_PATH = (
    "opencv", "auto", *PATHS, pytest.param("torch", marks=pytest.mark.slow),
    pytest.param("cuda", marks=[pytest.mark.gpu, NEEDS_GPU]),
)  # fmt: skip


@cache
def pictures() -> tuple[np.ndarray, np.ndarray]:
    names = [str(REFERENCE / f"RubberWhale{n}.png") for n in (1, 2)]
    first, second = (np.asarray(cv2.imread(name, cv2.IMREAD_GRAYSCALE)) for name in names)
    return first, second


def flow_by(path: str) -> np.ndarray:
    first, second = pictures()
    if path == "torch":
        return reference([(first, second)], FlowParams())[0]
    if path in PATHS:
        size = first.shape[0], first.shape[1]
        return Solver(size, FlowParams(), kernels_of(path)).solve(first, second)
    return compute_flow(first, second, FlowParams(backend=path))  # type: ignore[arg-type]


@pytest.mark.reference
@pytest.mark.skipif(not REFERENCE.is_dir(), reason="no ../shared/reference/optical_flow")
@pytest.mark.parametrize("path", EVERY_PATH)
def test_rubber_whale_by_opencvs_own_rule(path: str) -> None:
    flow = flow_by(path)
    gold, truth = read_flo(REFERENCE / "tvl1_flow.flo"), read_flo(REFERENCE / "RubberWhale.flo")
    assert (np.linalg.norm(flow - gold, axis=-1) <= 0.1).mean() >= 0.95
    known = (np.abs(truth) < UNKNOWN).all(axis=-1)
    error = np.linalg.norm((flow - truth)[known], axis=-1).mean()
    assert error < 0.1703  # what the gold flow itself has; zero flow has 1.256
