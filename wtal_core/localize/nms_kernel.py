"""Gaussian soft-NMS in numba, where a score is lowered only once it matters.

Compiled on first use, some two seconds, and kept in the folder of compiled code.
"""

import math
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from wtal_core.build_folder import build_folder
from wtal_core.segments import Floats

Indices = NDArray[np.intp]

# Beside the sources, where numba would put it, the user may not be allowed to write.
_FOLDER = build_folder() / "numba"
_FOLDER.mkdir(exist_ok=True)
numba.config.CACHE_DIR = str(_FOLDER)  # type: ignore[attr-defined]


_COMPILED: dict[str, Any] = {"nogil": True, "error_model": "numpy", "cache": True}


@numba.njit(**_COMPILED)
def pick(
    start_N: Floats, end_N: Floats, left_N: Floats, sigma: float, min_score: float,
    kept_K: Indices, score_K: Floats,
) -> int:  # fmt: skip
    """Write up to K picks and their scores, best first; their number. Stops below `min_score` >= 0.

    left_N: the scores, which are lowered in place. Since they only fall, a score that does not know
    the latest picks yet is a bound: it is brought up to date when it comes to the top of a heap,
    and the many that never do cost nothing. Each score meets the picks in their order, with the
    operations of nms.py, so that it comes out the same; pairs that do not overlap are left out.
    """
    size = len(left_N)
    heap_N = np.arange(size)
    known_N = np.zeros(size, np.intp)  # picks that a score has met
    start_K, end_K = np.empty(len(kept_K)), np.empty(len(kept_K))
    for place in range(size // 2 - 1, -1, -1):
        _sink(heap_N, left_N, place, size)
    count = 0
    while size and count < len(kept_K):
        best = heap_N[0]
        value = left_N[best]
        if value < min_score:
            break
        # once below the next one it need not be known any better
        rest = max(left_N[heap_N[min(1, size - 1)]], left_N[heap_N[min(2, size - 1)]])
        if size == 1:
            rest = -np.inf
        start, end = start_N[best], end_N[best]
        k = known_N[best]
        while k < count and value >= rest:
            shared = min(end_K[k], end) - max(start_K[k], start)
            if shared > 0:
                tiou = shared / ((end_K[k] - start_K[k]) + (end - start) - shared)
                value *= math.exp(-(tiou * tiou) / sigma)
            k += 1
        known_N[best] = k
        if value < left_N[best]:
            left_N[best] = value
        else:
            kept_K[count], score_K[count] = best, value
            start_K[count], end_K[count] = start, end
            count += 1
            size -= 1
            heap_N[0] = heap_N[size]
        _sink(heap_N, left_N, 0, size)
    return count


@numba.njit(**_COMPILED)
def pick_most(
    start_N: Floats, end_N: Floats, left_N: Floats, sigma: float, min_score: float,
    kept_K: Indices, score_K: Floats,
) -> int:  # fmt: skip
    """`pick`, quicker where a large share is picked: one sweep lowers all and finds the next.

    All three of N are overwritten: what is left moves to the front, in its order.
    """
    size, count = len(left_N), 0
    number_N = np.arange(size)
    best = int(np.argmax(left_N))  # the first of equals
    while size and count < len(kept_K):
        if left_N[best] < min_score:
            break
        kept_K[count], score_K[count] = number_N[best], left_N[best]
        count += 1
        start, end = start_N[best], end_N[best]
        place, most, following = 0, -np.inf, 0
        for i in range(size):
            if i == best:
                continue
            value = left_N[i]
            shared = min(end, end_N[i]) - max(start, start_N[i])
            if shared > 0:
                tiou = shared / ((end - start) + (end_N[i] - start_N[i]) - shared)
                value *= math.exp(-(tiou * tiou) / sigma)
            if value < min_score:
                continue
            if value > most:
                following, most = place, value
            start_N[place], end_N[place] = start_N[i], end_N[i]
            left_N[place], number_N[place] = value, number_N[i]
            place += 1
        size, best = place, following
    return count


@numba.njit(**_COMPILED)
def _sink(heap_N: Indices, left_N: Floats, place: int, size: int) -> None:
    """Let what stands at a place of the heap fall until nothing better is below it.

    The better has the higher score; of equals it is the one that comes first in the input.
    """
    mine = heap_N[place]
    while 2 * place + 1 < size:
        child = 2 * place + 1
        if child + 1 < size and _better(heap_N[child + 1], heap_N[child], left_N):
            child += 1
        if not _better(heap_N[child], mine, left_N):
            break
        heap_N[place] = heap_N[child]
        place = child
    heap_N[place] = mine


@numba.njit(**_COMPILED)
def _better(a: int, b: int, left_N: Floats) -> bool:
    higher: bool = left_N[a] > left_N[b] or (left_N[a] == left_N[b] and a < b)
    return higher
