"""Optical flow between two frames, and its 8-bit form."""

from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, replace
from typing import Any

import cv2
import numpy as np

from wtal_core.schema.video import FlowParams
from wtal_core.video.tvl1 import engine
from wtal_core.video.tvl1.presence import gpu_serves

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
# Processes that share a GPU: each decodes and compresses on a core, and they wait for each other.
_GPU_PROCESSES = 4


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
    gray_prev, gray_next = _padded(gray_prev), _padded(gray_next)
    params = spell_out(params)
    if on_gpu(params):
        from wtal_core.video.tvl1 import cuda

        flow = cuda.solve(gray_prev[None], gray_next[None], params)[0]
    elif params.ours:
        flow = engine.solve(gray_prev, gray_next, params)
    else:
        flow = _engine(params).calc(gray_prev, gray_next, None)
    return np.ascontiguousarray(flow[:height, :width], dtype=np.float32)


def iter_flow(
    frames: Iterable[np.ndarray], params: FlowParams, threads: int = 1
) -> Generator[np.ndarray]:
    """Quantised flow (H, W, 2) uint8 from each of F frames (H, W, 3) to the next: F - 1 fields.

    `threads` pairs are worked on at once; the fields and their order do not depend on it, and
    about twice as many frames are in memory. On a GPU it is batches of pairs instead, three of
    them in memory, and the fields do not depend on their size.
    """
    if on_gpu(params):
        yield from _iter_on_gpu(frames, params)
        return
    if threads == 1:
        for pair in _pairs(frames):
            yield _field(*pair, params)
        return
    pool = ThreadPoolExecutor(threads)
    try:
        waiting: deque[Future[np.ndarray]] = deque()
        for pair in _pairs(frames):
            waiting.append(pool.submit(_field, *pair, params))
            if len(waiting) == 2 * threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        # who stops early does not wait for pairs that nobody has begun
        pool.shutdown(cancel_futures=True)


def on_gpu(params: FlowParams) -> bool:
    """Whether a GPU computes the flow. Raises WtalError where it should and cannot."""
    return params.ours and gpu_serves(params.backend)


def processes(params: FlowParams, cores: int) -> int:
    """How many processes are to compute flow at once: one a core, fewer where they share a GPU."""
    return min(cores, _GPU_PROCESSES) if on_gpu(params) else cores


def prepare(params: FlowParams) -> None:
    """Compile what the first pair would compile, so that worker processes find it done.

    For a GPU it only makes sure that there is one: the first worker compiles for the others.
    """
    if params.ours and not on_gpu(params):
        engine.load_kernels(params.backend)


def spell_out(params: FlowParams) -> FlowParams:
    """A named mode as what it stands for: tvl1_fast is tvl1 with fewer warps, a coarser pyramid."""
    if params.method != "tvl1_fast":
        return params
    return replace(params, method="tvl1", **_FAST)


def identify(params: FlowParams) -> dict[str, Any]:
    """What decides the flow, for records and cache keys.

    Our own code gives the same bytes through numba and through its compiled kernel, so the two go
    by one name; a GPU may stop an iteration earlier or later, so it has another. OpenCV's flow
    goes by none, as before there was a choice.
    """
    fields = asdict(params)
    del fields["backend"]
    if params.ours:
        fields["engine"] = "wtal-cuda" if on_gpu(params) else "wtal"
    return fields


def _iter_on_gpu(frames: Iterable[np.ndarray], params: FlowParams) -> Iterator[np.ndarray]:
    from wtal_core.video.tvl1 import cuda

    shape: tuple[int, ...] = ()

    def padded_pairs() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        nonlocal shape
        for gray_prev, gray_next in _pairs(frames):
            shape = gray_prev.shape
            yield _padded(gray_prev), _padded(gray_next)

    for field in cuda.iter_fields(padded_pairs(), spell_out(params)):
        yield field[: shape[0], : shape[1]]


def _padded(gray: np.ndarray) -> np.ndarray:
    """At least _SMALLEST_SIDE pixels a side, the border repeated."""
    pad = [(0, max(0, _SMALLEST_SIDE - side)) for side in gray.shape]
    return np.pad(gray, pad, mode="edge") if any(after for _, after in pad) else gray


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
