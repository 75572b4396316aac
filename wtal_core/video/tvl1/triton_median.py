"""Median of 3 x 3 and 5 x 5 neighbours in Triton, the border repeated: numba_median.py's way."""

# mypy: disable-error-code="import-not-found,no-untyped-def,untyped-decorator,misc"

import triton
import triton.language as tl


@triton.jit
def median_of_9(image, y, x, height, width, stride):
    """Around pixels (y, x) of an (H, S) image."""
    a0, b0, c0 = _column_of_3(image, y, x - 1, height, width, stride)
    a1, b1, c1 = _column_of_3(image, y, x, height, width, stride)
    a2, b2, c2 = _column_of_3(image, y, x + 1, height, width, stride)
    a = tl.maximum(tl.maximum(a0, a1), a2)
    _, b, _ = _sort_3(b0, b1, b2)
    c = tl.minimum(tl.minimum(c0, c1), c2)
    _, found, _ = _sort_3(a, b, c)
    return found


@triton.jit
def median_of_25(image, y, x, height, width, stride):
    """Around pixels (y, x); why 13 of them decide, numba_median._merge_5 tells."""
    a0, b0, c0, d0, e0 = _column_of_5(image, y, x - 2, height, width, stride)
    a1, b1, c1, d1, e1 = _column_of_5(image, y, x - 1, height, width, stride)
    a2, b2, c2, d2, e2 = _column_of_5(image, y, x, height, width, stride)
    a3, b3, c3, d3, e3 = _column_of_5(image, y, x + 1, height, width, stride)
    a4, b4, c4, d4, e4 = _column_of_5(image, y, x + 2, height, width, stride)
    _, _, _, a3, a4 = _sort_5(a0, a1, a2, a3, a4)
    _, _, b2, b3, b4 = _sort_5(b0, b1, b2, b3, b4)
    _, c1, c2, c3, _ = _sort_5(c0, c1, c2, c3, c4)
    d0, d1, d2, _, _ = _sort_5(d0, d1, d2, d3, d4)
    e0, e1, _, _, _ = _sort_5(e0, e1, e2, e3, e4)
    return _median_of_13(a3, a4, b2, b3, b4, c1, c2, c3, d0, d1, d2, e0, e1)


@triton.jit
def _column_of_3(image, y, x, height, width, stride):
    x = tl.minimum(tl.maximum(x, 0), width - 1)
    a = _pixel(image, y - 1, x, height, stride)
    b = _pixel(image, y, x, height, stride)
    c = _pixel(image, y + 1, x, height, stride)
    return _sort_3(a, b, c)


@triton.jit
def _column_of_5(image, y, x, height, width, stride):
    x = tl.minimum(tl.maximum(x, 0), width - 1)
    a = _pixel(image, y - 2, x, height, stride)
    b = _pixel(image, y - 1, x, height, stride)
    c = _pixel(image, y, x, height, stride)
    d = _pixel(image, y + 1, x, height, stride)
    e = _pixel(image, y + 2, x, height, stride)
    return _sort_5(a, b, c, d, e)


@triton.jit
def _pixel(image, y, x, height, stride):
    return tl.load(image + tl.minimum(tl.maximum(y, 0), height - 1) * stride + x)


@triton.jit
def _median_of_13(a, b, c, d, e, f, g, h, i, j, k, m, n):
    """Of 8, neither the least nor the greatest can be it: drop both, take in one; and so on."""
    a, h = _sort_2(a, h)
    b, g = _sort_2(b, g)
    c, f = _sort_2(c, f)
    d, e = _sort_2(d, e)
    # a b c d are the smaller ones of their pairs, e f g h the larger.
    a, b = _sort_2(a, b)
    a, c = _sort_2(a, c)
    a, d = _sort_2(a, d)
    e, h = _sort_2(e, h)
    f, h = _sort_2(f, h)
    g, h = _sort_2(g, h)
    b, c, d, e, f = _inner_of_7(b, c, d, e, f, g, i)
    b, c, d, e = _inner_of_6(b, c, d, e, f, j)
    b, c, d = _inner_of_5(b, c, d, e, k)
    b, c = _inner_of_4(b, c, d, m)
    _, found, _ = _sort_3(b, c, n)
    return found


@triton.jit
def _inner_of_7(a, b, c, d, e, f, g):
    a, g = _sort_2(a, g)
    b, f = _sort_2(b, f)
    c, e = _sort_2(c, e)
    a, b = _sort_2(a, b)
    a, c = _sort_2(a, c)
    a, d = _sort_2(a, d)
    d, g = _sort_2(d, g)
    e, g = _sort_2(e, g)
    f, g = _sort_2(f, g)
    return b, c, d, e, f


@triton.jit
def _inner_of_6(a, b, c, d, e, f):
    a, f = _sort_2(a, f)
    b, e = _sort_2(b, e)
    c, d = _sort_2(c, d)
    a, b = _sort_2(a, b)
    a, c = _sort_2(a, c)
    d, f = _sort_2(d, f)
    e, f = _sort_2(e, f)
    return b, c, d, e


@triton.jit
def _inner_of_5(a, b, c, d, e):
    a, e = _sort_2(a, e)
    b, d = _sort_2(b, d)
    a, b = _sort_2(a, b)
    a, c = _sort_2(a, c)
    c, e = _sort_2(c, e)
    d, e = _sort_2(d, e)
    return b, c, d


@triton.jit
def _inner_of_4(a, b, c, d):
    a, d = _sort_2(a, d)
    b, c = _sort_2(b, c)
    _, b = _sort_2(a, b)
    c, _ = _sort_2(c, d)
    return b, c


@triton.jit
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


@triton.jit
def _sort_3(a, b, c):
    a, b = _sort_2(a, b)
    b, c = _sort_2(b, c)
    a, b = _sort_2(a, b)
    return a, b, c


@triton.jit
def _sort_2(a, b):
    return tl.minimum(a, b), tl.maximum(a, b)
