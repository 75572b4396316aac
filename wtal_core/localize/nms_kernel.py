"""Gaussian soft-NMS in numba: one sweep lowers what overlaps the last pick and finds the next one.

Compiled on first use, some two seconds, and kept in the folder of compiled code.
"""

import math

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


@numba.njit(nogil=True, error_model="numpy", cache=True)
def pick(
    start_N: Floats, end_N: Floats, left_N: Floats, sigma: float, min_score: float,
    kept_K: Indices, score_K: Floats,
) -> int:  # fmt: skip
    """Write up to K picks and their scores, best first; their number.

    left_N: the scores, which are lowered in place. A pick stops at `min_score`. The operations are
    those of nms.py on each pair that overlaps, in their order; on others they would change nothing.
    """
    best = int(np.argmax(left_N))  # the first of equals
    for k in range(len(kept_K)):
        if left_N[best] < min_score:
            return k
        kept_K[k] = best
        score_K[k] = left_N[best]
        start, end = start_N[best], end_N[best]
        length = end - start
        left_N[best] = -np.inf
        best, most = 0, -np.inf
        for i in range(len(left_N)):
            value = left_N[i]
            shared = min(end, end_N[i]) - max(start, start_N[i])
            if shared > 0 and value > -np.inf:
                tiou = shared / (length + (end_N[i] - start_N[i]) - shared)
                value *= math.exp(-(tiou * tiou) / sigma)
                left_N[i] = value
            if value > most:  # the first of equals
                best, most = i, value
    return len(kept_K)
