"""Calls the library made of compiled.cpp through ctypes, which lets other threads run meanwhile."""

import ctypes
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from wtal_core.errors import WtalError
from wtal_core.video.tvl1.toolchain import build


def load(isa: str) -> SimpleNamespace:
    """The functions of numba_kernels.py and numba_median.py, with their signatures.

    Raises WtalError for a library that cannot be built or loaded.
    """
    path = build(isa)
    try:
        library = ctypes.CDLL(str(path))
    except OSError as err:  # built elsewhere, or cut short by a full disk
        raise WtalError(f"{path}: {err}; remove it, and it is built anew") from None
    library.iterate.restype = ctypes.c_int
    for name in ("resize", "build_texture", "warp", "median", "sweep"):
        getattr(library, name).restype = None

    def resize(
        source: np.ndarray, height: int, width: int, target: np.ndarray, target_height: int,
        target_width: int, step_y: float, step_x: float, gain: float,
    ) -> None:  # fmt: skip
        library.resize(
            *_rows(source), _int(height), _int(width), *_rows(target), _int(target_height),
            _int(target_width), _double(step_y), _double(step_x), _float(gain),
        )  # fmt: skip

    def build_texture(image: np.ndarray, width: int, texture: np.ndarray) -> None:
        library.build_texture(*_rows(image), _int(len(image)), _int(width), _at(texture))

    def warp(
        texture: np.ndarray, prev: np.ndarray, width: int, u1: np.ndarray, *arrays: np.ndarray
    ) -> None:
        library.warp(
            _at(texture), *_rows(prev), _int(len(prev)), _int(width), _at(u1), *map(_at, arrays)
        )

    def median(
        source: np.ndarray, width: int, side: int, scratch: np.ndarray, target: np.ndarray
    ) -> None:
        library.median(
            *_rows(source), _int(len(source)), _int(width), _int(side), _at(scratch), _at(target)
        )

    def sweep(u1: np.ndarray, u2: np.ndarray, width: int, *rest: Any) -> None:
        *arrays, count, taut, theta, reach = rest
        library.sweep(
            *_fields(u1, u2, width, arrays), _int(count), _float(taut), _float(theta), _float(reach)
        )

    def iterate(u1: np.ndarray, u2: np.ndarray, width: int, *rest: Any) -> tuple[int, float]:
        *arrays, most, limit, taut, theta, reach = rest
        last = ctypes.c_double()
        done = library.iterate(
            *_fields(u1, u2, width, arrays), _int(len(arrays[-1])), _int(most), _double(limit),
            _float(taut), _float(theta), _float(reach), ctypes.byref(last),
        )  # fmt: skip
        return done, last.value

    return SimpleNamespace(
        resize=resize, build_texture=build_texture, warp=warp, median=median, sweep=sweep,
        iterate=iterate,
    )  # fmt: skip


_int, _double, _float = ctypes.c_int, ctypes.c_double, ctypes.c_float


def _at(array: np.ndarray) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


def _rows(array: np.ndarray) -> tuple[ctypes.c_void_p, ctypes.c_int64]:
    """Address and numbers a row."""
    return _at(array), ctypes.c_int64(array.shape[1])


def _fields(u1: np.ndarray, u2: np.ndarray, width: int, arrays: Sequence[np.ndarray]) -> list[Any]:
    stride = ctypes.c_int64(u1.shape[1])
    return [_at(u1), _at(u2), stride, _int(len(u1)), _int(width), *map(_at, arrays)]
