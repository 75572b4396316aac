"""The arithmetic of TV-L1 in Triton, for batches on a GPU; batch_levels.py tells the layouts.

The same operations on float32 as in numba_kernels.py, in the same order, without fused products
and with correctly rounded divisions and roots: what differs from there is the order in which
squared changes are summed up, which decides when to stop.
"""

# mypy: disable-error-code="import-not-found,no-untyped-def,untyped-decorator,misc"

import torch
import triton
import triton.language as tl

from wtal_core.video.tvl1 import levels
from wtal_core.video.tvl1.batch_levels import (
    DONE,
    LEFT,
    P_SIDE,
    RUNNING,
    TILE_X,
    TILE_Y,
    U_SIDE,
    BatchLevel,
)
from wtal_core.video.tvl1.solver import BLOCK
from wtal_core.video.tvl1.triton_median import median_of_9, median_of_25

_RIM = tl.constexpr(levels.RIM)
_TINY = tl.constexpr(2.0**-23)
_CUBIC = tl.constexpr(-0.75)  # Keys' parameter; OpenCV's choice
_CAREFUL = tl.constexpr(0.8)
_BLOCK = tl.constexpr(BLOCK)
_RUNNING, _DONE, _LEFT = tl.constexpr(RUNNING), tl.constexpr(DONE), tl.constexpr(LEFT)
_U_SIDE, _P_SIDE = tl.constexpr(U_SIDE), tl.constexpr(P_SIDE)
# Or each level's size would be compiled for: some seconds each.
_COMPILED = triton.jit(
    do_not_specialize=["pairs", "height", "width", "tiles", "most", "taut", "theta", "reach"]
)
_OPTIONS = {"enable_fp_fusion": False}  # a fused product rounds once where two operations do twice


def warp(level: BatchLevel) -> None:
    """As BatchKernels says."""
    _warp[(level.change.shape[1], level.pairs)](
        level.texture, level.prev, level.u, level.linear, level.state, level.pairs,
        level.height, level.width, level.prev.stride(1), TILE_Y, TILE_X, **_OPTIONS,
    )  # fmt: skip


def median(level: BatchLevel, side: int) -> None:
    """As BatchKernels says."""
    _median[(level.change.shape[1], 2 * level.pairs)](
        level.u, level.state, level.pairs, level.height, level.width, level.prev.stride(1),
        side, TILE_Y, TILE_X, **_OPTIONS,
    )  # fmt: skip


def sweep(level: BatchLevel, taut: float, theta: float, reach: float) -> None:
    """As BatchKernels says."""
    _sweep[(level.change.shape[1], level.pairs)](
        level.u, level.p, level.linear, level.change, level.state, level.pairs, level.height,
        level.width, level.prev.stride(1), taut, theta, reach, TILE_Y, TILE_X, **_OPTIONS,
    )  # fmt: skip


def settle(level: BatchLevel, most: int, limit: torch.Tensor) -> None:
    """As BatchKernels says."""
    tiles = level.change.shape[1]
    _settle[(level.pairs,)](
        level.change, level.state, level.errors, limit, level.pairs, tiles, most,
        triton.next_power_of_2(tiles), **_OPTIONS,
    )  # fmt: skip


@triton.jit
def _place(width, tile_y: tl.constexpr, tile_x: tl.constexpr):
    """Rows (tile_y, 1) and columns (1, tile_x) of this program's tile."""
    across = tl.cdiv(width, tile_x)
    tile = tl.program_id(0)
    y = (tile // across) * tile_y + tl.arange(0, tile_y)[:, None]
    x = (tile % across) * tile_x + tl.arange(0, tile_x)[None, :]
    return y, x


@_COMPILED
def _warp(
    texture, prev, u, linear, state, pairs, height, width, stride,
    tile_y: tl.constexpr, tile_x: tl.constexpr,
):  # fmt: skip
    """Of one tile of pair program_id(1)."""
    pair = tl.program_id(1)
    y, x = _place(width, tile_y, tile_x)
    plane = height * stride
    inside = (y < height) & (x < width)
    at = y * stride + x
    u += (tl.load(state + _U_SIDE * pairs + pair) * pairs + pair) * 2 * plane
    u1 = tl.load(u + at, mask=inside, other=0.0)
    u2 = tl.load(u + plane + at, mask=inside, other=0.0)
    texture += pair * 3 * plane
    column, x0, x1, x2, x3 = _locate(x, u1, width)
    row, y0, y1, y2, y3 = _locate(y, u2, height)
    i = _sample(texture, row, column, height, width, stride, y0, y1, y2, y3, x0, x1, x2, x3)
    texture += plane
    ix = _sample(texture, row, column, height, width, stride, y0, y1, y2, y3, x0, x1, x2, x3)
    texture += plane
    iy = _sample(texture, row, column, height, width, stride, y0, y1, y2, y3, x0, x1, x2, x3)
    square = ix * ix + iy * iy
    steep = square > _TINY
    ginv = tl.where(steep, tl.div_rn(1.0, tl.where(steep, square, 1.0)), 0.0)
    first = tl.load(prev + pair * plane + at, mask=inside, other=0.0)
    rho = (i - (ix * u1 + iy * u2)) - first
    linear += pair * 4 * plane
    tl.store(linear + at, ix, mask=inside)
    tl.store(linear + plane + at, iy, mask=inside)
    tl.store(linear + 2 * plane + at, ginv, mask=inside)
    tl.store(linear + 3 * plane + at, rho, mask=inside)


@triton.jit
def _locate(start, u, length):
    """The pixel before start + u, and the weights of the taps around it (Keys 1981)."""
    at = start.to(tl.float32) + u
    at = tl.minimum(at, (length + 1).to(tl.float32))
    at = tl.maximum(at, 1.0 - _RIM)
    cell = (at + _RIM).to(tl.int32)  # positive, so cutting off is rounding down
    t = at - (cell.to(tl.float32) - _RIM)
    s = 1.0 - t
    first, last = _CUBIC * (t * (s * s)), _CUBIC * (s * (t * t))
    second = (((_CUBIC + 2.0) * t - (_CUBIC + 3.0)) * t) * t + 1.0
    return cell - _RIM, first, second, ((1.0 - first) - last) - second, last


@triton.jit
def _sample(image, row, column, height, width, stride, y0, y1, y2, y3, x0, x1, x2, x3):
    """Bicubic around (row, column); outside is zero."""
    s0 = _column(image, row, column - 1, height, width, stride, y0, y1, y2, y3)
    s1 = _column(image, row, column, height, width, stride, y0, y1, y2, y3)
    s2 = _column(image, row, column + 1, height, width, stride, y0, y1, y2, y3)
    s3 = _column(image, row, column + 2, height, width, stride, y0, y1, y2, y3)
    return (x0 * s0 + x1 * s1) + (x2 * s2 + x3 * s3)


@triton.jit
def _column(image, row, column, height, width, stride, y0, y1, y2, y3):
    a = _pixel(image, row - 1, column, height, width, stride)
    b = _pixel(image, row, column, height, width, stride)
    c = _pixel(image, row + 1, column, height, width, stride)
    d = _pixel(image, row + 2, column, height, width, stride)
    return (y0 * a + y1 * b) + (y2 * c + y3 * d)


@triton.jit
def _pixel(image, y, x, height, width, stride):
    inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
    return tl.load(image + y * stride + x, mask=inside, other=0.0)


@_COMPILED
def _median(
    u, state, pairs, height, width, stride,
    side: tl.constexpr, tile_y: tl.constexpr, tile_x: tl.constexpr,
):  # fmt: skip
    """Of one tile of one of the two fields of a pair."""
    pair = tl.program_id(1) // 2
    if tl.load(state + _RUNNING * pairs + pair) == 0:
        return
    y, x = _place(width, tile_y, tile_x)
    plane = height * stride
    now = tl.load(state + _U_SIDE * pairs + pair)
    field = (tl.program_id(1) % 2) * plane
    source = u + (now * pairs + pair) * 2 * plane + field
    target = u + ((1 - now) * pairs + pair) * 2 * plane + field
    if side == 3:
        found = median_of_9(source, y, x, height, width, stride)
    else:
        found = median_of_25(source, y, x, height, width, stride)
    tl.store(target + y * stride + x, found, mask=(y < height) & (x < width))


@_COMPILED
def _sweep(
    u, p, linear, change, state, pairs, height, width, stride, taut, theta, reach,
    tile_y: tl.constexpr, tile_x: tl.constexpr,
):  # fmt: skip
    """One iteration of one tile: new u there and, once more, right of it and below, then new p."""
    pair = tl.program_id(1)
    if tl.load(state + _RUNNING * pairs + pair) == 0:
        return
    y, x = _place(width, tile_y, tile_x)
    plane = height * stride
    u_now = tl.load(state + _U_SIDE * pairs + pair)
    p_now = tl.load(state + _P_SIDE * pairs + pair)
    u_new = u + ((1 - u_now) * pairs + pair) * 2 * plane
    p_new = p + ((1 - p_now) * pairs + pair) * 4 * plane
    u += (u_now * pairs + pair) * 2 * plane
    p += (p_now * pairs + pair) * 4 * plane
    linear += pair * 4 * plane
    inside = (y < height) & (x < width)
    at = y * stride + x

    a, b = _primal(u, p, linear, y, x, height, width, stride, theta, reach)
    tl.store(u_new + at, a, mask=inside)
    tl.store(u_new + plane + at, b, mask=inside)
    da = a - tl.load(u + at, mask=inside, other=0.0)
    db = b - tl.load(u + plane + at, mask=inside, other=0.0)
    moved = tl.where(inside, da * da + db * db, 0.0)
    tl.store(change + pair * tl.num_programs(0) + tl.program_id(0), tl.sum(moved))

    a_right, b_right = _primal(u, p, linear, y, x + 1, height, width, stride, theta, reach)
    a_below, b_below = _primal(u, p, linear, y + 1, x, height, width, stride, theta, reach)
    ax, bx = tl.where(x + 1 < width, a_right - a, 0.0), tl.where(x + 1 < width, b_right - b, 0.0)
    ay, by = tl.where(y + 1 < height, a_below - a, 0.0), tl.where(y + 1 < height, b_below - b, 0.0)
    a = 1.0 + taut * tl.sqrt_rn(ax * ax + ay * ay)
    b = 1.0 + taut * tl.sqrt_rn(bx * bx + by * by)
    both = tl.div_rn(1.0, a * b)  # one division for two
    for_a, for_b = both * b, both * a
    p11 = tl.load(p + at, mask=inside, other=0.0)
    p12 = tl.load(p + plane + at, mask=inside, other=0.0)
    p21 = tl.load(p + 2 * plane + at, mask=inside, other=0.0)
    p22 = tl.load(p + 3 * plane + at, mask=inside, other=0.0)
    tl.store(p_new + at, (p11 + taut * ax) * for_a, mask=inside)
    tl.store(p_new + plane + at, (p12 + taut * ay) * for_a, mask=inside)
    tl.store(p_new + 2 * plane + at, (p21 + taut * bx) * for_b, mask=inside)
    tl.store(p_new + 3 * plane + at, (p22 + taut * by) * for_b, mask=inside)


@triton.jit
def _primal(u, p, linear, y, x, height, width, stride, theta, reach):
    """New u1 and u2 of pixels (y, x)."""
    plane = height * stride
    at = y * stride + x
    inside = (y < height) & (x < width)
    left, above = inside & (x > 0), inside & (y > 0)
    a = tl.load(u + at, mask=inside, other=0.0)
    b = tl.load(u + plane + at, mask=inside, other=0.0)
    gx = tl.load(linear + at, mask=inside, other=0.0)
    gy = tl.load(linear + plane + at, mask=inside, other=0.0)
    ginv = tl.load(linear + 2 * plane + at, mask=inside, other=0.0)
    rho = tl.load(linear + 3 * plane + at, mask=inside, other=0.0)
    step = (rho + (gx * a + gy * b)) * ginv
    step = tl.maximum(tl.minimum(step, reach), -reach)
    p11 = tl.load(p + at, mask=inside, other=0.0) - tl.load(p + at - 1, mask=left, other=0.0)
    p += plane
    p12 = tl.load(p + at, mask=inside, other=0.0) - tl.load(p + at - stride, mask=above, other=0.0)
    p += plane
    p21 = tl.load(p + at, mask=inside, other=0.0) - tl.load(p + at - 1, mask=left, other=0.0)
    p += plane
    p22 = tl.load(p + at, mask=inside, other=0.0) - tl.load(p + at - stride, mask=above, other=0.0)
    return (a - step * gx) + theta * (p11 + p12), (b - step * gy) + theta * (p21 + p22)


@_COMPILED
def _settle(change, state, errors, limit, pairs, tiles, most, numbers: tl.constexpr):
    """Of one pair. After how many iterations to look again is numba_kernels.iterate's rule."""
    pair = tl.program_id(0)
    if tl.load(state + _RUNNING * pairs + pair) == 0:
        return
    tile = tl.arange(0, numbers)
    sums = tl.load(change + pair * tiles + tile, mask=tile < tiles, other=0.0)
    error = tl.sum(sums.to(tl.float64))
    before = tl.load(errors + pair)
    tl.store(errors + pair, error)
    tl.store(errors + pairs + pair, before)
    u_side, p_side = state + _U_SIDE * pairs + pair, state + _P_SIDE * pairs + pair
    tl.store(u_side, 1 - tl.load(u_side))
    tl.store(p_side, 1 - tl.load(p_side))
    done = tl.load(state + _DONE * pairs + pair) + 1
    left = tl.load(state + _LEFT * pairs + pair) - 1
    if left == 0:
        highest = tl.load(limit)
        on = (error > highest) & (done < most)
        tl.store(state + _RUNNING * pairs + pair, on.to(tl.int32))
        shrink = _CAREFUL * (error / before)
        expected = shrink * error
        left += 1
        more = before < float("inf")
        for _ in tl.static_range(_BLOCK - 1):
            more = more & (done + left < most) & (expected > highest)
            left += more.to(tl.int32)
            expected *= shrink
    tl.store(state + _DONE * pairs + pair, done)
    tl.store(state + _LEFT * pairs + pair, left)
