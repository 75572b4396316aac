"""To a constant frame rate and a common size."""

import math
from collections.abc import Iterable, Iterator

import cv2
import numpy as np

from wtal_core.video.decode import DecodedFrame

cv2.setNumThreads(1)


def resample(frames: Iterable[DecodedFrame], fps: float) -> Iterator[np.ndarray]:
    """Constant frame rate: picture k is the frame nearest in time to k / fps.

    Nearest within half a period; with none so near, the frame still on show. So nothing is ever
    shown more than half a period early, however long its predecessor stood. Yields (H, W, 3)
    uint8, round(duration * fps) pictures but at least one; the duration counts the last frame's.
    """
    done, slot, end = 0, 0, 0.0  # pictures given out; slot that is being filled; in seconds
    held: DecodedFrame | None = None  # last frame before the slot
    best: DecodedFrame | None = None  # nearest frame of the slot
    last: DecodedFrame | None = None
    for frame in frames:
        # the small term puts 0.5 - 1e-12, which is a rounding error, on the side of 0.5
        index = math.floor(frame.pts_s * fps + 0.5 + 1e-6)
        if best is None or index > slot:
            yield from _fill(held, best, done, slot)
            done = slot + 1 if best is not None else 0
            slot, held, best = index, last, frame
        elif abs(frame.pts_s * fps - slot) < abs(best.pts_s * fps - slot):
            best = frame
        last, end = frame, frame.pts_s + frame.duration_s
    if best is None or last is None:
        return
    total = max(1, math.floor(end * fps + 0.5 + 1e-6))
    if slot < total:
        yield from _fill(held, best, done, slot)
        done = slot + 1
        held = last
    yield from _fill(held, None, done, total)


def resize(rgb: np.ndarray, short_side: int) -> np.ndarray:
    """(H, W, 3) -> same shape ratio with the shorter side `short_side` pixels; 0 keeps the size.

    Area averages when shrinking, linear interpolation when enlarging.
    """
    height, width = rgb.shape[:2]
    if not short_side or min(height, width) == short_side:
        return rgb
    scale = short_side / min(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return resize_to(rgb, size)


def resize_to(rgb: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(H, W, 3) -> exactly `size` = (width, height)."""
    if (rgb.shape[1], rgb.shape[0]) == size:
        return rgb
    shrinks = size[0] * size[1] < rgb.shape[0] * rgb.shape[1]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    resized: np.ndarray = cv2.resize(rgb, size, interpolation=how)
    return resized


def _fill(
    held: DecodedFrame | None, best: DecodedFrame | None, done: int, slot: int
) -> Iterator[np.ndarray]:
    """Pictures `done` up to `slot` are the held frame; picture `slot` is the best, if any."""
    if held is not None:
        for _ in range(done, slot):
            yield held.rgb
    if best is not None:
        yield best.rgb
