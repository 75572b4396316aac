"""The arithmetic of TV-L1 in numba; compiled.cpp has the same operations in the same order.

Every number is float32, every operation rounds as IEEE 754 says, and sums have a fixed order, so
that the result is the same bytes whatever the vector width and whichever of the two ran. Hence no
`fastmath`: it would reorder sums and fuse products. Layouts of the arrays are told in levels.py.
"""

import math
from typing import Any

import numpy as np
from numba import njit

from wtal_core.video.tvl1.levels import LEFT, RIM

_COMPILED: dict[str, Any] = {"nogil": True, "error_model": "numpy", "cache": True}
_INLINE: dict[str, Any] = {"error_model": "numpy", "forceinline": True}
_ONE = np.float32(1)
_TWO = np.float32(2)
_THREE = np.float32(3)
_HALF = np.float32(0.5)
_LEAST = np.float32(1 - RIM)
_Index = np.uint64
_CAREFUL = 0.8  # sums seldom shrink faster than this times their last ratio
_TINY = np.float32(np.finfo(np.float32).eps)
_CUBIC = np.float32(-0.75)  # Keys' parameter; OpenCV's choice


@njit(**_COMPILED)
def resize(source, height, width, target, target_height, target_width, step_y, step_x, gain):
    """Bilinear: pixel centres correspond, target pixel i lies at (i + 1/2) step - 1/2; times gain.

    source (height, width) in (., S), target likewise. Beyond the border lies its nearest pixel.
    """
    left = np.empty(target_width, np.int32)
    share = np.empty(target_width, np.float32)
    for x in range(target_width):
        left[x], share[x] = _cell_of(x, step_x, width)
    for y in range(target_height):
        top, wy = _cell_of(y, step_y, height)
        upper, lower, out = source[top], source[min(top + 1, height - 1)], target[y]
        for x in range(target_width):
            here, right = left[x], min(left[x] + 1, width - 1)
            a = upper[here] + share[x] * (upper[right] - upper[here])
            b = lower[here] + share[x] * (lower[right] - lower[here])
            out[x] = gain * (a + wy * (b - a))


@njit(**_INLINE)
def _cell_of(i, step, length):
    """The source pixel at or before target pixel i, and the share of the one after it."""
    at = (i + 0.5) * step - 0.5
    if at <= 0:
        return np.int32(0), np.float32(0)
    if at >= length - 1:
        return np.int32(length - 1), np.float32(0)
    first = np.int32(at)
    return first, np.float32(at - first)


@njit(**_COMPILED)
def build_texture(image, width, texture):
    """Interleave a picture with its derivatives: central differences, the border repeated."""
    height = len(image)
    for y in range(height):
        row, above, below = image[y], image[max(y - 1, 0)], image[min(y + 1, height - 1)]
        out = texture[y + RIM]
        for x in range(width):
            at = 4 * (x + RIM)
            out[at] = row[x]
            out[at + 1] = _HALF * (row[min(x + 1, width - 1)] - row[max(x - 1, 0)])
            out[at + 2] = _HALF * (below[x] - above[x])


@njit(**_COMPILED)
def warp(texture, prev, width, u1, u2, gx, gy, ginv, rho, cell, scratch):
    """Linearise the brightness of the second picture around the flow u.

    rho(v) = I(x + u) + <grad I(x + u), v - u> - I0 is kept as its part without v. ginv is
    1 / |grad|^2, zero where there is no gradient. Bicubic (a = -3/4); outside is zero.
    cell (2, S) and scratch (., S) hold what a row needs on the way.
    """
    height = len(prev)
    flat, stride = texture.reshape(-1), texture.shape[1]
    for y in range(height):
        _locate(u1[y], 0, 1, width, width, cell[0], scratch[:4])
        _locate(u2[y], y, 0, height, width, cell[1], scratch[4:8])
        _sample(flat, stride, width, cell, scratch)
        _linearise(scratch, prev[y], width, u1[y], u2[y], gx[y], gy[y], ginv[y], rho[y])


@njit(**_INLINE)
def _locate(u, start, advance, length, width, cell, weights):
    """The pixel before start + x advance + u, counted within the rim, and its taps' weights.

    Keys' cubic (1981) for the taps at -1, 0, 1, 2 around a point at t in [0, 1).
    """
    rim, most = np.float32(RIM), np.float32(length + 1)
    for x in range(width):
        at = np.float32(start + x * advance) + u[x]
        at = most if at > most else at
        at = _LEAST if at < _LEAST else at
        cell[x] = np.int32(at + rim)  # positive, so cutting off is rounding down
        t = at - (np.float32(cell[x]) - rim)
        s = _ONE - t
        first, last = _CUBIC * (t * (s * s)), _CUBIC * (s * (t * t))
        second = (((_CUBIC + _TWO) * t - (_CUBIC + _THREE)) * t) * t + _ONE
        weights[0, x] = first
        weights[1, x] = second
        weights[2, x] = ((_ONE - first) - last) - second
        weights[3, x] = last


@njit(**_INLINE)
def _sample(flat, stride, width, cell, scratch):
    """I, Ix and Iy at the places that `_locate` found, into scratch[8:11]."""
    step = _Index(stride)
    for x in range(width):
        # An index without a sign needs no test whether it counts from the end.
        a = _Index(4 * (cell[0, x] - 1) + (cell[1, x] - 1) * stride)
        b, c, d = a + step, a + step + step, a + step + step + step
        x0, x1, x2, x3 = scratch[0, x], scratch[1, x], scratch[2, x], scratch[3, x]
        y0, y1, y2, y3 = scratch[4, x], scratch[5, x], scratch[6, x], scratch[7, x]
        for channel in range(3):
            k = _Index(channel)
            s0 = (y0 * flat[a + k] + y1 * flat[b + k]) + (y2 * flat[c + k] + y3 * flat[d + k])
            k += _Index(4)
            s1 = (y0 * flat[a + k] + y1 * flat[b + k]) + (y2 * flat[c + k] + y3 * flat[d + k])
            k += _Index(4)
            s2 = (y0 * flat[a + k] + y1 * flat[b + k]) + (y2 * flat[c + k] + y3 * flat[d + k])
            k += _Index(4)
            s3 = (y0 * flat[a + k] + y1 * flat[b + k]) + (y2 * flat[c + k] + y3 * flat[d + k])
            scratch[8 + channel, x] = (x0 * s0 + x1 * s1) + (x2 * s2 + x3 * s3)


@njit(**_INLINE)
def _linearise(scratch, prev, width, u1, u2, gx, gy, ginv, rho):
    for x in range(width):
        ix, iy = scratch[9, x], scratch[10, x]
        square = ix * ix + iy * iy
        gx[x] = ix
        gy[x] = iy
        ginv[x] = _ONE / square if square > _TINY else np.float32(0)
        rho[x] = (scratch[8, x] - (ix * u1[x] + iy * u2[x])) - prev[x]


@njit(**_COMPILED)
def iterate(u1, u2, width, p, gx, gy, ginv, rho, change, most, limit, taut, theta, reach):
    """At most `most` iterations until sum |du|^2 <= limit; (iterations, the last one's sum).

    Up to as many iterations as `change` has rows share a sweep, where the sums are not expected to
    reach the limit before its end. Where one does, what follows it in the sweep stands.
    """
    block = len(change)
    done = 0
    error, before = np.inf, np.inf
    while done < most and error > limit:
        count = 1
        if before < np.inf:
            shrink = _CAREFUL * (error / before)
            expected = shrink * error
            while count < block and done + count < most and expected > limit:
                expected *= shrink
                count += 1
        sweep(u1, u2, width, p, gx, gy, ginv, rho, change, count, taut, theta, reach)
        for k in range(count):
            total = 0.0
            for x in range(width):
                total += change[k, x]
            before, error = error, total
        done += count
    return done, error


@njit(**_COMPILED)
def sweep(u1, u2, width, p, gx, gy, ginv, rho, change, count, taut, theta, reach):
    """`count` iterations in one pass over the rows, each one row behind the one before it.

    Row y of u needs rows y - 1 and y of the duals as the iteration before left them, and row y of
    the duals needs rows y and y + 1 of the new u: the result is that of separate iterations.
    """
    height = len(u1)
    change[:count, :width] = np.float32(0)
    for step in range(height + count):
        for k in range(count):
            y = step - k
            if 0 <= y < height:
                _primal_row(
                    u1[y, :width], u2[y, :width],
                    p[0, y + 1, LEFT : LEFT + width], p[0, y + 1, LEFT - 1 : LEFT + width - 1],
                    p[1, y + 1, LEFT : LEFT + width], p[1, y, LEFT : LEFT + width],
                    p[2, y + 1, LEFT : LEFT + width], p[2, y + 1, LEFT - 1 : LEFT + width - 1],
                    p[3, y + 1, LEFT : LEFT + width], p[3, y, LEFT : LEFT + width],
                    gx[y], gy[y], ginv[y], rho[y], change[k], theta, reach,
                )  # fmt: skip
                u1[y, width] = u1[y, width - 1]
                u2[y, width] = u2[y, width - 1]
            if 1 <= y <= height:
                # Below the last row lies itself, so the difference is zero.
                here, below = y - 1, min(y, height - 1)
                _dual_row(
                    u1[here, :width], u1[here, 1 : width + 1], u1[below, :width],
                    u2[here, :width], u2[here, 1 : width + 1], u2[below, :width],
                    p[0, y, LEFT : LEFT + width], p[1, y, LEFT : LEFT + width],
                    p[2, y, LEFT : LEFT + width], p[3, y, LEFT : LEFT + width], taut,
                )  # fmt: skip


@njit(**_INLINE)
def _primal_row(
    u1, u2, p11, p11_left, p12, p12_up, p21, p21_left, p22, p22_up,
    gx, gy, ginv, rho, change, theta, reach,
):  # fmt: skip
    """u = v + theta div p, where v minimises lambda |rho(v)| + |u - v|^2 / (2 theta).

    That v is u - step grad with step = rho(u) / |grad|^2, cut to +-lambda theta (`reach`): the
    three cases of Zach et al. 2007 without a branch.
    """
    for x in range(u1.size):
        a, b = u1[x], u2[x]
        step = (rho[x] + (gx[x] * a + gy[x] * b)) * ginv[x]
        step = reach if step > reach else step
        step = -reach if step < -reach else step
        new_a = (a - step * gx[x]) + theta * ((p11[x] - p11_left[x]) + (p12[x] - p12_up[x]))
        new_b = (b - step * gy[x]) + theta * ((p21[x] - p21_left[x]) + (p22[x] - p22_up[x]))
        da, db = new_a - a, new_b - b
        change[x] += da * da + db * db
        u1[x] = new_a
        u2[x] = new_b


@njit(**_INLINE)
def _dual_row(u1, u1_right, u1_below, u2, u2_right, u2_below, p11, p12, p21, p22, taut):
    """p = (p + tau/theta grad u) / (1 + tau/theta |grad u|): Chambolle's step for the duals."""
    for x in range(u1.size):
        ax, ay = u1_right[x] - u1[x], u1_below[x] - u1[x]
        bx, by = u2_right[x] - u2[x], u2_below[x] - u2[x]
        a = _ONE + taut * math.sqrt(ax * ax + ay * ay)
        b = _ONE + taut * math.sqrt(bx * bx + by * by)
        both = _ONE / (a * b)  # one division for two
        a, b = both * b, both * a
        p11[x] = (p11[x] + taut * ax) * a
        p12[x] = (p12[x] + taut * ay) * a
        p21[x] = (p21[x] + taut * bx) * b
        p22[x] = (p22[x] + taut * by) * b
