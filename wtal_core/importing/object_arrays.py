"""Reads `.npy` files of objects, which hold a pickle, without running anything that is in them.

A pickle is a program: it may call any function that it names. Here it can name five, and each
of them is a stand-in written below, so that not even numpy's own constructors are at its service
(numpy's array type takes raw memory for objects if told so). Everything else is refused by name.
The pickle module's Python code is used, not its C twin, which reserves memory for whatever sizes
a file claims.
"""

import math
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from tokenize import TokenError
from typing import Any, BinaryIO, TypeVar

import numpy as np

from wtal_core.errors import WtalError

T = TypeVar("T")
_CORES = ("numpy.core.multiarray", "numpy._core.multiarray")
_KINDS = re.compile(r"[biufSU][0-9]{0,9}|O8?")
_MOST_AXES = 8
_MOST_NESTED = 16
_LONGEST_HEADER = 10_000


def read_npy(path: Path) -> np.ndarray:
    """The array of a `.npy` file, plain or of objects; WtalError for anything else."""
    return read_object_array(path) if is_object_array(path) else _read(path, _read_plain)


def read_object_array(path: Path) -> np.ndarray:
    """An array of objects: numbers, texts (bytes if Python 2 wrote them), arrays, lists of these.

    Arrays within it are read-only views of what the file held. Raises WtalError naming the file
    when it is damaged, when it holds no objects, or when its pickle names a function or a class
    other than those that numpy needs to store arrays of numbers and texts.
    """
    return _read(path, _read_objects)


def is_object_array(path: Path) -> bool:
    """Does the header of the `.npy` file announce objects?"""
    return bool(_read(path, _read_header)[2].hasobject)


def _read(path: Path, reader: Callable[[BinaryIO], T]) -> T:
    try:
        with path.open("rb") as file:
            return reader(file)
    except FileNotFoundError as err:
        raise WtalError(f"{path}: no such file. Check the path.") from err
    except pickle.UnpicklingError as err:
        raise WtalError(f"{path}: {err}. Do not load it by other means; get another copy.") from err
    except (ValueError, EOFError, LookupError, TypeError, AttributeError, MemoryError) as err:
        # What damaged bytes bring about in a pickle; nothing of ours is caught beside it.
        cause = str(err) or type(err).__name__
        raise WtalError(f"{path}: damaged, or no .npy ({cause}). Get another copy.") from err


def _read_plain(file: BinaryIO) -> np.ndarray:
    array: np.ndarray = np.lib.format.read_array(file, allow_pickle=False)
    return array


def _read_header(file: BinaryIO) -> tuple[tuple[int, ...], bool, np.dtype]:
    version = np.lib.format.read_magic(file)
    if version == (1, 0):
        read = np.lib.format.read_array_header_1_0
    else:
        read = np.lib.format.read_array_header_2_0
    try:
        return read(file, max_header_size=_LONGEST_HEADER)
    except (SyntaxError, TokenError, RecursionError) as err:  # a literal of Python, or not
        raise ValueError("its header cannot be read") from err


def _read_objects(file: BinaryIO) -> np.ndarray:
    shape, _, dtype = _read_header(file)
    if not dtype.hasobject:
        raise ValueError(f"it holds {dtype}, not objects")
    size = file.seek(0, 2)
    file.seek(0)
    _read_header(file)
    found = _Unpickler(_Bounded(file, size), encoding="bytes").load()
    array = _Unwrapping(size).value(found)
    if not isinstance(array, np.ndarray) or not array.dtype.hasobject or array.shape != shape:
        raise pickle.UnpicklingError("its pickle is not the array that its header announces")
    return array


class _Bounded:
    """A file that refuses to be read beyond its end, before anybody makes room for it."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._size = size

    def read(self, count: int = -1) -> bytes:
        """Exactly `count` bytes, or EOFError."""
        if count < 0 or count > self._size - self._file.tell():
            raise EOFError("the file is cut short")
        return self._file.read(count)

    def readline(self) -> bytes:
        """Up to the end of the line."""
        return self._file.readline()


class _Dtype:
    """Stands for numpy.dtype: numbers, texts and objects; no fields, no flags."""

    __slots__ = ("dtype",)

    def __init__(self, text: object, *_: object) -> None:
        name = text.decode("ascii") if isinstance(text, bytes) else text
        if not isinstance(name, str) or not _KINDS.fullmatch(name):
            raise pickle.UnpicklingError(f"it holds values of type {name!r}, which are refused")
        self.dtype = np.dtype(name)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        order = state[1].decode("ascii") if isinstance(state[1], bytes) else state[1]
        if any(part not in (None, ()) for part in state[2:5]) or order not in ("<", ">", "|", "="):
            raise pickle.UnpicklingError("it holds values of a compound type, which are refused")
        if order in ("<", ">"):
            self.dtype = self.dtype.newbyteorder("<" if order == "<" else ">")


class _Array:
    """Stands for numpy.ndarray until its content is known."""

    __slots__ = ("array",)

    def __init__(self) -> None:
        self.array: np.ndarray | None = None

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, kind, is_fortran, content = state
        if not isinstance(kind, _Dtype) or len(shape) > _MOST_AXES or min(shape, default=0) < 0:
            raise pickle.UnpicklingError("it holds an array of an impossible shape or type")
        count, dtype = math.prod(shape), kind.dtype
        if dtype.hasobject:
            if not isinstance(content, list) or len(content) != count:
                raise pickle.UnpicklingError(f"it holds an array of {count} objects without them")
            flat = np.empty(count, object)
            for i, one in enumerate(content):  # numpy would look inside lists of equal lengths
                flat[i] = one
        else:
            if not isinstance(content, bytes) or len(content) != count * dtype.itemsize:
                raise pickle.UnpicklingError(f"it holds an array of {count} {dtype} without them")
            flat = np.frombuffer(content, dtype) if count else np.empty(0, dtype)
        self.array = flat.reshape(shape, order="F" if is_fortran else "C")


class _Callable:
    """What a pickle may name. It can be called, and neither looked into nor changed."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def __call__(self, *args: Any) -> Any:
        return self._function(*args)

    def __setstate__(self, state: object) -> None:
        raise pickle.UnpicklingError("it tries to change a function")


def _reconstruct(*_: object) -> _Array:
    """numpy's empty array, whose content follows; asked for its type and shape, it ignores both."""
    return _Array()


def _scalar(kind: object, content: object) -> Any:
    """One number or text of numpy."""
    if not isinstance(kind, _Dtype) or kind.dtype.hasobject or not isinstance(content, bytes):
        raise pickle.UnpicklingError("it holds a single value of a refused type")
    return np.frombuffer(content, kind.dtype, count=1)[0]


def _encode(text: object, encoding: object) -> bytes:
    """Bytes, as Python 3 writes them for Python 2."""
    if not isinstance(text, str) or encoding not in ("latin1", b"latin1"):
        raise pickle.UnpicklingError(f"it encodes text as {encoding!r}, which is refused")
    return text.encode("latin1")


def _refuse(*_: object) -> None:
    raise pickle.UnpicklingError("it calls numpy.ndarray itself, which is refused")


_NAMED: dict[tuple[str, str], _Callable] = {
    **{(core, "_reconstruct"): _Callable(_reconstruct) for core in _CORES},
    **{(core, "scalar"): _Callable(_scalar) for core in _CORES},
    ("numpy", "dtype"): _Callable(_Dtype),
    ("numpy", "ndarray"): _Callable(_refuse),  # an argument of _reconstruct
    ("_codecs", "encode"): _Callable(_encode),
}


class _Unpickler(pickle._Unpickler):
    """The pickle machine with a list of what it may name."""

    def find_class(self, module: str, name: str) -> Any:
        """The stand-in for a name, if it is on the list."""
        if (module, name) not in _NAMED:
            raise pickle.UnpicklingError(
                f"it names {module}.{name}, which could run code; nothing of it was run"
            )
        return _NAMED[module, name]

    def get_extension(self, code: int) -> None:
        """Names by number: numpy uses none."""
        raise pickle.UnpicklingError(f"it names extension {code}, which is refused")


class _Unwrapping:
    """Puts the arrays in the place of their stand-ins.

    Lists may be shared, so that a small file could unfold without end: what is looked at is
    counted, and an honest file has a byte for each of it.
    """

    def __init__(self, size: int) -> None:
        self._left = size

    def value(self, found: Any, depth: int = 0) -> Any:
        """`found` without stand-ins; tuples become lists."""
        self._left -= 1
        if self._left < 0 or depth > _MOST_NESTED:
            raise pickle.UnpicklingError("its lists are nested without end")
        if isinstance(found, _Array):
            if found.array is None:
                raise pickle.UnpicklingError("it holds an array without content")
            if not found.array.dtype.hasobject:
                return found.array
            array = np.empty(found.array.shape, object)
            for index in np.ndindex(found.array.shape):
                array[index] = self.value(found.array[index], depth + 1)
            return array
        if isinstance(found, list | tuple):
            return [self.value(one, depth + 1) for one in found]
        if found is None or isinstance(found, bool | int | float | str | bytes | np.generic):
            return found
        raise pickle.UnpicklingError(f"it holds a {type(found).__name__}, which is refused")
