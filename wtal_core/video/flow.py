"""Optical flow between two frames, and its 8-bit form."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, replace
from typing import Any

import cv2
import numpy as np

from wtal_core.schema.video import FlowParams
from wtal_core.video.tvl1 import engine

# Work is spread over videos, one process each; OpenCV's own threads would only fight over cores.
cv2.setNumThreads(1)

_DIS_PRESETS = {
    "ultrafast": cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST,
    "fast": cv2.DISOPTICAL_FLOW_PRESET_FAST,
    "medium": cv2.DISOPTICAL_FLOW_PRESET_MEDIUM,
}
# Under half of the work of TV-L1's defaults, .1 px from their flow; smaller steps of the pyramid
# need fewer levels to as small a picture.
_FAST: dict[str, Any] = {"scales": 4, "scale_step": 0.65, "warps": 2}
# DIS refuses pictures under 12 pixels; they are padded by repeating the border.
_SMALLEST_SIDE = 16


def compute_flow(gray_prev: np.ndarray, gray_next: np.ndarray, params: FlowParams) -> np.ndarray:
    """Displacement of every pixel from `gray_prev` to `gray_next`.

    Takes two (H, W) uint8 pictures; returns (H, W, 2) float32 in pixels, x (right) then y (down).
    TV-L1 is [TVL1], Zach et al. 2007, as in OpenCV-contrib, or our own code for the same
    (`backend`); DIS is Kroeger et al. 2016. Any number of threads may call this.
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
    params = spell_out(params)
    if params.ours:
        flow = engine.solve(gray_prev, gray_next, params)
    else:
        flow = _engine(params).calc(gray_prev, gray_next, None)
    return np.ascontiguousarray(flow[:height, :width], dtype=np.float32)


def iter_flow(
    frames: Iterable[np.ndarray], params: FlowParams, threads: int = 1
) -> Iterator[np.ndarray]:
    """Quantised flow (H, W, 2) uint8 from each of F frames (H, W, 3) to the next: F - 1 fields.

    `threads` pairs are worked on at once; the fields and their order do not depend on it, and
    about twice as many frames are in memory.
    """
    if threads == 1:
        for pair in _pairs(frames):
            yield _field(*pair, params)
        return
    with ThreadPoolExecutor(threads) as pool:
        waiting: deque[Future[np.ndarray]] = deque()
        for pair in _pairs(frames):
            waiting.append(pool.submit(_field, *pair, params))
            if len(waiting) == 2 * threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def prepare(params: FlowParams) -> None:
    """Compile what the first pair would compile, so that worker processes find it done."""
    if params.ours:
        engine.load_kernels(params.backend)


def spell_out(params: FlowParams) -> FlowParams:
    """A named mode as what it stands for: tvl1_fast is tvl1 with fewer warps, a coarser pyramid."""
    if params.method != "tvl1_fast":
        return params
    return replace(params, method="tvl1", **_FAST)


def identify(params: FlowParams) -> dict[str, Any]:
    """What decides the flow, for records and cache keys.

    Our own code gives the same bytes through numba and through its compiled kernel, so the two go
    by one name; OpenCV's flow goes by none, as before there was a choice.
    """
    fields = asdict(params)
    del fields["backend"]
    if params.ours:
        fields["engine"] = "wtal"
    return fields


def _pairs(frames: Iterable[np.ndarray]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    previous: np.ndarray | None = None
    for frame in frames:
        gray = to_gray(frame)
        if previous is not None:
            yield previous, gray
        previous = gray


def _field(gray_prev: np.ndarray, gray_next: np.ndarray, params: FlowParams) -> np.ndarray:
    return quantise(compute_flow(gray_prev, gray_next, params), params.bound)


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
