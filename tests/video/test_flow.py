"""Flow against known motion and the public reference; the 8-bit form by hand."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from wtal_core.schema.video import FlowParams
from wtal_core.video.flow import compute_flow, dequantise, iter_flow, quantise, to_gray, to_pixels

REFERENCE = Path(__file__).parents[3] / "shared" / "reference" / "optical_flow"
UNKNOWN = 1e8  # Middlebury's mark for pixels without ground truth


def texture(height: int, width: int, dx: float = 0.0, dy: float = 0.0) -> np.ndarray:
    """(H, W) uint8 waves, moved by (dx, dy) pixels."""
    y, x = np.mgrid[:height, :width].astype(float)
    x, y = x - dx, y - dy
    waves = np.sin(x / 3 + y / 9) + np.sin(y / 4 - x / 11) + np.sin((x + y) / 6)
    return np.round(127 + 40 * waves).astype(np.uint8)


@pytest.mark.parametrize("method", ["tvl1", "dis"])
@pytest.mark.parametrize(("dx", "dy"), [(2.0, 0.0), (0.0, -1.5), (1.25, 0.75)])
def test_a_known_shift_is_found(method: str, dx: float, dy: float) -> None:
    flow = compute_flow(texture(48, 64), texture(48, 64, dx, dy), FlowParams(method=method))  # type: ignore[arg-type]
    assert flow.shape == (48, 64, 2)
    assert flow.dtype == np.float32
    inner = flow[8:-8, 8:-8]
    np.testing.assert_allclose(np.median(inner, axis=(0, 1)), (dx, dy), atol=0.1)
    assert np.linalg.norm(inner - (dx, dy), axis=-1).mean() < 0.25


@pytest.mark.parametrize("method", ["tvl1", "dis"])
@pytest.mark.parametrize("shape", [(1, 1), (5, 7), (2, 90), (33, 35)])
def test_any_size_works_and_stillness_is_zero(method: str, shape: tuple[int, int]) -> None:
    flow = compute_flow(texture(*shape), texture(*shape), FlowParams(method=method))  # type: ignore[arg-type]
    assert flow.shape == (*shape, 2)
    assert np.abs(flow).max() < 0.01


def test_every_knob_of_tvl1_reaches_the_engine() -> None:
    a, b = texture(40, 44), texture(40, 44, 3.0, 1.0)
    plain = compute_flow(a, b, FlowParams(backend="opencv"))
    changed = {
        "time_step": 0.1, "attachment": 0.02, "tightness": 0.9, "illumination": 0.5, "scales": 1,
        "scale_step": 0.5, "warps": 1, "epsilon": 0.5, "inner_iterations": 2,
        "outer_iterations": 1, "median_filter": 1,
    }  # fmt: skip
    for name, value in changed.items():
        fields: dict[str, Any] = {"backend": "opencv", name: value}
        other = compute_flow(a, b, FlowParams(**fields))
        assert np.abs(other - plain).max() > 1e-4, f"{name} does nothing"


def test_defaults_are_opencvs() -> None:
    a, b = texture(40, 44), texture(40, 44, 2.0)
    engine = cv2.optflow.DualTVL1OpticalFlow_create()  # type: ignore[attr-defined]
    ours = compute_flow(a, b, FlowParams(backend="opencv"))
    np.testing.assert_array_equal(ours, engine.calc(a, b, None))


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (np.zeros((4, 5), np.uint8), np.zeros((5, 4), np.uint8)),
        (np.zeros((4, 5, 3), np.uint8), np.zeros((4, 5, 3), np.uint8)),
        (np.zeros((4, 5), np.float32), np.zeros((4, 5), np.float32)),
    ],
)
def test_what_is_no_pair_of_grey_pictures_is_refused(a: np.ndarray, b: np.ndarray) -> None:
    with pytest.raises(ValueError, match="want"):
        compute_flow(a, b, FlowParams())


def test_quantise_by_hand() -> None:
    pixels = np.array([-25.0, -20.0, -0.1, 0.0, 0.1, 10.0, 20.0, 1e9], np.float32)
    # (p + 20) * 6.375 + .5: 0.5, 126.8+.5.., 128, 128.6, 191.75, 255.5
    assert quantise(pixels).tolist() == [0, 0, 127, 128, 128, 191, 255, 255]
    assert quantise(np.array([2.0]), bound=4.0).tolist() == [191]


def test_dequantise_by_hand() -> None:
    levels = np.array([0, 51, 128, 255], np.uint8)
    np.testing.assert_allclose(dequantise(levels), [-1, -0.6, 1 / 255, 1], atol=1e-6)
    assert dequantise(levels).dtype == np.float32
    np.testing.assert_allclose(to_pixels(levels, 20.0), [-20, -12, 20 / 255, 20], atol=1e-5)


def test_every_level_survives_the_way_back() -> None:
    levels = np.arange(256, dtype=np.uint8)
    for bound in (20.0, 7.0):
        np.testing.assert_array_equal(quantise(to_pixels(levels, bound), bound), levels)


def test_quantising_errs_by_half_a_level() -> None:
    pixels = np.linspace(-20, 20, 4001).astype(np.float32)
    error = np.abs(to_pixels(quantise(pixels), 20.0) - pixels)
    assert error.max() <= 20 / 255 + 1e-5


def test_nan_is_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        quantise(np.array([0.0, np.nan]))


def test_iter_flow_gives_one_field_less_than_frames() -> None:
    frames = [np.repeat(texture(40, 50, 2.0 * i)[..., None], 3, axis=-1) for i in range(3)]
    fields = list(iter_flow(iter(frames), FlowParams(method="dis", bound=8.0)))
    assert [f.shape for f in fields] == [(40, 50, 2)] * 2
    moved = to_pixels(np.median(fields[1], axis=(0, 1)).astype(np.uint8), 8.0)
    np.testing.assert_allclose(moved, (2.0, 0.0), atol=0.1)
    assert list(iter_flow(frames[:1], FlowParams())) == []


def test_grey_weighs_the_colours() -> None:
    rgb = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]], np.uint8)
    assert to_gray(rgb).tolist() == [[76, 150, 29]]  # .299, .587, .114


def read_flo(path: Path) -> np.ndarray:
    content = path.read_bytes()
    width, height = np.frombuffer(content, "<i4", 2, 4)
    return np.frombuffer(content, "<f4", -1, 12).reshape(height, width, 2)
