"""Median of 3 x 3 and 5 x 5 neighbours in numba, the border repeated.

Selects by minima and maxima alone, so that many pixels go through the same steps side by side.
"""

from typing import Any

from numba import njit

_COMPILED: dict[str, Any] = {"nogil": True, "error_model": "numpy", "cache": True}
_INLINE: dict[str, Any] = {"error_model": "numpy", "forceinline": True}


@njit(**_COMPILED)
def median(source, width, side, sorted_, target):
    """source, target (H, S) with `width` pixels a row; side 3 or 5; sorted_ (5.., S) is scratch.

    The columns of a window are sorted first, for all windows that share them.
    """
    height = len(source)
    rim = side // 2
    last = height - 1
    for y in range(height):
        up, down = source[max(y - 1, 0)], source[min(y + 1, last)]
        if side == 3:
            _sort_columns_of_3(up, source[y], down, width, sorted_)
        else:
            far_up, far_down = source[max(y - 2, 0)], source[min(y + 2, last)]
            _sort_columns_of_5(far_up, up, source[y], down, far_down, width, sorted_)
        for k in range(side):
            for x in range(rim):
                sorted_[k, x] = sorted_[k, rim]
                sorted_[k, rim + width + x] = sorted_[k, rim + width - 1]
        if side == 3:
            _merge_3(sorted_[0], sorted_[1], sorted_[2], width, target[y])
        else:
            _merge_5(sorted_[0], sorted_[1], sorted_[2], sorted_[3], sorted_[4], width, target[y])


@njit(**_INLINE)
def _sort_columns_of_3(a_row, b_row, c_row, width, out):
    """Into columns 1..width of out."""
    for x in range(width):
        a, b, c = _sort_3(a_row[x], b_row[x], c_row[x])
        out[0, x + 1] = a
        out[1, x + 1] = b
        out[2, x + 1] = c


@njit(**_INLINE)
def _merge_3(low, middle, high, width, out):
    """The median is that of the largest low, the median of the middles and the smallest high."""
    for x in range(width):
        a = max_(max_(low[x], low[x + 1]), low[x + 2])
        b = _sort_3(middle[x], middle[x + 1], middle[x + 2])[1]
        c = min_(min_(high[x], high[x + 1]), high[x + 2])
        out[x] = _sort_3(a, b, c)[1]


@njit(**_INLINE)
def _sort_columns_of_5(a_row, b_row, c_row, d_row, e_row, width, out):
    """Into columns 2..width+1 of out."""
    for x in range(width):
        a, b, c, d, e = _sort_5(a_row[x], b_row[x], c_row[x], d_row[x], e_row[x])
        out[0, x + 2] = a
        out[1, x + 2] = b
        out[2, x + 2] = c
        out[3, x + 2] = d
        out[4, x + 2] = e


@njit(**_INLINE)
def _merge_5(s0, s1, s2, s3, s4, width, out):
    """The median of 25 in five sorted columns, whose k-th entries lie in sk[x..x+4].

    Sorting the rows as well leaves the columns sorted, and then entry (i, j) has at least
    (i+1)(j+1) - 1 others below it and (5-i)(5-j) - 1 above: only 13 entries can have 12 on either
    side. The 6 ruled out as too low balance the 6 too high: the median of the 13 is the one.
    """
    for x in range(width):
        _, _, _, a3, a4 = _sort_5(s0[x], s0[x + 1], s0[x + 2], s0[x + 3], s0[x + 4])
        _, _, b2, b3, b4 = _sort_5(s1[x], s1[x + 1], s1[x + 2], s1[x + 3], s1[x + 4])
        _, c1, c2, c3, _ = _sort_5(s2[x], s2[x + 1], s2[x + 2], s2[x + 3], s2[x + 4])
        d0, d1, d2, _, _ = _sort_5(s3[x], s3[x + 1], s3[x + 2], s3[x + 3], s3[x + 4])
        e0, e1, _, _, _ = _sort_5(s4[x], s4[x + 1], s4[x + 2], s4[x + 3], s4[x + 4])
        out[x] = _median_of_13(a3, a4, b2, b3, b4, c1, c2, c3, d0, d1, d2, e0, e1)


@njit(**_INLINE)
def _median_of_13(a, b, c, d, e, f, g, h, i, j, k, m, n):
    """Of 8, neither the least nor the greatest can be the median of 13: drop both, take in one.

    The same holds of the 7 then at hand, and on, until three are left.
    """
    a, b, c, d, e, f = _inner_of_8(a, b, c, d, e, f, g, h)
    a, b, c, d, e = _inner_of_7(a, b, c, d, e, f, i)
    a, b, c, d = _inner_of_6(a, b, c, d, e, j)
    a, b, c = _inner_of_5(a, b, c, d, k)
    a, b = _inner_of_4(a, b, c, m)
    return _sort_3(a, b, n)[1]


@njit(**_INLINE)
def _inner_of_8(a, b, c, d, e, f, g, h):
    a, h = _sort_2(a, h)
    b, c, d, e, f, g = _sort_2(b, g) + _sort_2(c, f) + _sort_2(d, e)
    # b d f are the smaller ones of their pairs, c e g the larger.
    a, b = _sort_2(a, b)
    a, d = _sort_2(a, d)
    _, f = _sort_2(a, f)
    c, h = _sort_2(c, h)
    e, h = _sort_2(e, h)
    g, _ = _sort_2(g, h)
    return b, c, d, e, f, g


@njit(**_INLINE)
def _inner_of_7(a, b, c, d, e, f, g):
    a, g = _sort_2(a, g)
    b, c, e, f = _sort_2(b, c) + _sort_2(e, f)
    a, b = _sort_2(a, b)
    a, e = _sort_2(a, e)
    _, d = _sort_2(a, d)
    c, g = _sort_2(c, g)
    f, g = _sort_2(f, g)
    d, _ = _sort_2(d, g)
    return b, c, d, e, f


@njit(**_INLINE)
def _inner_of_6(a, b, c, d, e, f):
    a, f = _sort_2(a, f)
    b, c, d, e = _sort_2(b, c) + _sort_2(d, e)
    a, b = _sort_2(a, b)
    _, d = _sort_2(a, d)
    c, f = _sort_2(c, f)
    e, _ = _sort_2(e, f)
    return b, c, d, e


@njit(**_INLINE)
def _inner_of_5(a, b, c, d, e):
    a, e = _sort_2(a, e)
    b, d = _sort_2(b, d)
    a, b = _sort_2(a, b)
    _, c = _sort_2(a, c)
    d, e = _sort_2(d, e)
    c, _ = _sort_2(c, e)
    return b, c, d


@njit(**_INLINE)
def _inner_of_4(a, b, c, d):
    a, d = _sort_2(a, d)
    b, c = _sort_2(b, c)
    _, b = _sort_2(a, b)
    c, _ = _sort_2(c, d)
    return b, c


@njit(**_INLINE)
def _sort_5(a, b, c, d, e):
    a, b = _sort_2(a, b)
    d, e = _sort_2(d, e)
    c, e = _sort_2(c, e)
    c, d = _sort_2(c, d)
    b, e = _sort_2(b, e)
    a, d = _sort_2(a, d)
    a, c = _sort_2(a, c)
    b, d = _sort_2(b, d)
    b, c = _sort_2(b, c)
    return a, b, c, d, e


@njit(**_INLINE)
def _sort_3(a, b, c):
    a, b = _sort_2(a, b)
    b, c = _sort_2(b, c)
    a, b = _sort_2(a, b)
    return a, b, c


@njit(**_INLINE)
def _sort_2(a, b):
    """A comparator; of equal numbers either may come first."""
    return min_(a, b), max_(a, b)


@njit(**_INLINE)
def min_(a, b):
    """The smaller; of equals the second, as vector units have it."""
    return a if a < b else b


@njit(**_INLINE)
def max_(a, b):
    """The larger; of equals the second."""
    return a if a > b else b
