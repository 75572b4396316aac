"""Levels of the image pyramid and the memory that a pair of pictures needs on each.

Arrays have rows of equal, padded length, so that rows begin at cache lines:

- prev, next_, u1, u2, gx, gy, ginv, rho: (H, S), pixels in columns 0..W-1;
- u1 and u2 repeat column W-1 in column W, so that forward differences end in zero;
- p: (4, H+1, S), duals p11, p12, p21, p22 of pixel (y, x) at [., y+1, x+LEFT]; row 0 and column
  LEFT-1 stay zero, so that backward differences begin at the border without a special case;
- texture: (H+2*RIM, (W+2*RIM)*4), of each pixel I, Ix, Iy of the second picture and 0, within a
  rim of zeros, so that a bicubic patch of a displaced pixel is four rows of 16 numbers.
"""

from dataclasses import dataclass

import numpy as np

LANES = 16  # float32 numbers of a cache line, and of the widest vector
LEFT = LANES
RIM = 4
SMALLEST_SIDE = 16  # px; a level with a shorter side is left out


@dataclass(frozen=True)
class Level:
    """What is known and what is sought at one size of the pictures."""

    width: int
    prev: np.ndarray
    next_: np.ndarray
    u1: np.ndarray
    u2: np.ndarray
    gx: np.ndarray
    gy: np.ndarray
    ginv: np.ndarray
    rho: np.ndarray
    p: np.ndarray
    texture: np.ndarray
    change: np.ndarray  # (block, S): squared change per column, of each iteration of a sweep
    cell: np.ndarray  # (2, S) int32: where the pixels of a row lie in `texture`
    scratch: np.ndarray  # (12, S): what a row of the warp or of the median filter needs
    filtered: np.ndarray  # (H, S): what the median filter writes

    @property
    def height(self) -> int:
        """Rows of pixels."""
        return len(self.u1)


def make_levels(
    height: int, width: int, scales: int, scale_step: float, block: int
) -> tuple[Level, ...]:
    """Memory for each level, finest first; contents are undefined but for the zeros above."""
    return tuple(_make_level(*size, block) for size in sizes(height, width, scales, scale_step))


def sizes(height: int, width: int, scales: int, scale_step: float) -> list[tuple[int, int]]:
    """(height, width) of each level, finest first.

    Each side is the finer one's times `scale_step`, rounded to the nearest integer, halves to
    even; it ends before a side falls under SMALLEST_SIDE, but the first level always exists.
    """
    found = [(height, width)]
    while len(found) < scales:
        below = tuple(round(side * scale_step) for side in found[-1])
        if min(below) < SMALLEST_SIDE:
            break
        found.append((below[0], below[1]))
    return found


def _make_level(height: int, width: int, block: int) -> Level:
    # One column for the ghost of u, LEFT columns for the duals' border.
    stride = -(-(width + 1) // LANES) * LANES + LEFT
    names = ("prev", "next_", "u1", "u2", "gx", "gy", "ginv", "rho", "filtered")
    return Level(
        width=width,
        **{name: _aligned(height, stride) for name in names},
        p=_aligned(4, height + 1, stride),
        texture=_aligned(height + 2 * RIM, (width + 2 * RIM) * 4),
        change=_aligned(block, stride),
        cell=_aligned(2, stride).view(np.int32),
        scratch=_aligned(12, stride),
    )


def _aligned(*shape: int) -> np.ndarray:
    """Zeros whose first number begins a cache line."""
    count = int(np.prod(shape))
    memory = np.zeros(count + LANES, np.float32)
    skip = (-memory.ctypes.data // 4) % LANES
    return memory[skip : skip + count].reshape(shape)
