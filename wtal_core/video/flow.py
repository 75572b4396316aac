"""Optical flow between two frames, and its 8-bit form."""

from collections.abc import Iterable, Iterator
from typing import Any

import cv2
import numpy as np

from wtal_core.schema.video import FlowParams

# Work is spread over videos, one process each; OpenCV's own threads would only fight over cores.
cv2.setNumThreads(1)

_DIS_PRESETS = {
    "ultrafast": cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST,
    "fast": cv2.DISOPTICAL_FLOW_PRESET_FAST,
    "medium": cv2.DISOPTICAL_FLOW_PRESET_MEDIUM,
}
# DIS refuses pictures under 12 pixels; they are padded by repeating the border.
_SMALLEST_SIDE = 16


def compute_flow(gray_prev: np.ndarray, gray_next: np.ndarray, params: FlowParams) -> np.ndarray:
    """Displacement of every pixel from `gray_prev` to `gray_next`.

    Takes two (H, W) uint8 pictures; returns (H, W, 2) float32 in pixels, x (right) then y (down).
    TV-L1 is [TVL1], Zach et al. 2007, as in OpenCV-contrib; DIS is Kroeger et al. 2016.
    Raises ValueError for shapes or types that differ from this.
    """
    if gray_prev.ndim != 2 or gray_prev.shape != gray_next.shape:
        raise ValueError(f"want two (H, W) pictures, got {gray_prev.shape}, {gray_next.shape}")
    if gray_prev.dtype != np.uint8 or gray_next.dtype != np.uint8:
        raise ValueError(f"want uint8 pictures, got {gray_prev.dtype}, {gray_next.dtype}")
    height, width = gray_prev.shape
    pad = (0, max(0, _SMALLEST_SIDE - height)), (0, max(0, _SMALLEST_SIDE - width))
    if any(after for _, after in pad):
        gray_prev, gray_next = (np.pad(g, pad, mode="edge") for g in (gray_prev, gray_next))
    flow: np.ndarray = _engine(params).calc(gray_prev, gray_next, None)
    return np.ascontiguousarray(flow[:height, :width], dtype=np.float32)


def iter_flow(frames: Iterable[np.ndarray], params: FlowParams) -> Iterator[np.ndarray]:
    """Quantised flow (H, W, 2) uint8 from each of F frames (H, W, 3) to the next: F - 1 fields."""
    previous: np.ndarray | None = None
    for frame in frames:
        gray = to_gray(frame)
        if previous is not None:
            yield quantise(compute_flow(previous, gray, params), params.bound)
        previous = gray


def to_gray(rgb: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8 RGB -> (H, W) uint8 luma (ITU-R BT.601)."""
    gray: np.ndarray = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    return gray


def quantise(flow: np.ndarray, bound: float = 20.0) -> np.ndarray:
    """Pixels -> uint8, as the flow that I3D was trained on: clip to ±bound, 256 levels.

    level = floor((flow + bound) * 255 / (2 bound) + 1/2), so halves go up: no motion is level
    128 (the scale's middle, 127.5, is not a level), -bound is 0 and +bound is 255.
    One level is 2 bound / 255 pixels: .157 px at bound 20. Raises ValueError for a NaN.
    """
    if not np.isfinite(flow).all():
        raise ValueError("flow holds values that are not finite")
    scaled = (np.clip(flow, -bound, bound).astype(np.float64) + bound) * (255 / (2 * bound))
    return np.floor(scaled + 0.5).astype(np.uint8)


def dequantise(levels: np.ndarray) -> np.ndarray:
    """uint8 levels -> float32 in [-1, 1], I3D's input range, whatever the bound was.

    I3D reads level / 255 * 2 - 1, so no motion (level 128) enters as +.0039, as in training.
    """
    return levels.astype(np.float32) * np.float32(2 / 255) - np.float32(1)


def to_pixels(levels: np.ndarray, bound: float) -> np.ndarray:
    """uint8 levels -> float32 displacement in pixels, within half a level of the clipped flow."""
    return levels.astype(np.float32) * np.float32(2 * bound / 255) - np.float32(bound)


def _engine(params: FlowParams) -> Any:  # OpenCV's stubs lack both constructors
    constructors: Any = cv2
    if params.method == "dis":
        return constructors.DISOpticalFlow_create(_DIS_PRESETS[params.preset])
    return constructors.optflow.DualTVL1OpticalFlow_create(
        tau=params.time_step,
        lambda_=params.attachment,
        theta=params.tightness,
        nscales=params.scales,
        warps=params.warps,
        epsilon=params.epsilon,
        innnerIterations=params.inner_iterations,  # three n's: OpenCV's own spelling
        outerIterations=params.outer_iterations,
        scaleStep=params.scale_step,
        gamma=params.illumination,
        medianFiltering=params.median_filter,
        useInitialFlow=False,
    )
