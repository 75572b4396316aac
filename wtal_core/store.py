"""Sequences of many videos in one zarr store: flat arrays, offsets, names, and proof of wholeness.

On disk a zarr v3 group: per key one array (sum of T, ...) with named dimensions, `offsets` (N+1,),
and in the group's attributes the caller's, the `names` and, under `record`, what must be there.
Readable with `zarr.open_group(path)["feat"][:]`; but zarr itself reads a lost chunk as
zeros, so everything in here is read through `read_sequences`, which compares it with the record.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from wtal_core.atomic import fresh_folder
from wtal_core.errors import WtalError

FORMAT = "wtal-sequences-1"
_CHUNK_ROWS = 1024
_SHARD_CHUNKS = 8  # chunks in a file once there would be hundreds of files
_MANY_ROWS = 200 * _CHUNK_ROWS
_REMEDY = "delete the store and rerun `dvc repro` (or `dvc checkout`)"


@dataclass(frozen=True)
class Sequences:
    """N videos one behind the other: rows offsets[n] to offsets[n + 1] belong to names[n]."""

    names: tuple[str, ...]
    offsets: np.ndarray  # (N + 1,) int64
    arrays: dict[str, np.ndarray]  # each (sum of T, ...)
    attrs: dict[str, Any]

    def of(self, name: str) -> dict[str, np.ndarray]:
        """The arrays of one video, (T, ...) each. Raises KeyError for a name that is not there."""
        if name not in self.names:
            raise KeyError(f"no video {name!r} among {len(self.names)}")
        n = self.names.index(name)
        rows = slice(int(self.offsets[n]), int(self.offsets[n + 1]))
        return {key: array[rows] for key, array in self.arrays.items()}

    @property
    def lengths(self) -> np.ndarray:
        """(N,) rows of each video."""
        return np.diff(self.offsets)


def write_sequences(
    path: Path,
    items: Iterable[tuple[str, Mapping[str, np.ndarray]]],
    dims: Mapping[str, tuple[str, ...]],
    attrs: Mapping[str, Any],
) -> None:
    """Write one store; equal input gives equal bytes.

    `items` gives (name, {key: (T, ...) array}) with the same keys, types and trailing shapes
    throughout and one T >= 1 per video; `dims` the names of each key's dimensions; `attrs` JSON
    values. Raises ValueError, naming the video, for anything else and for NaN or infinity.
    The store replaces what stood at `path`, whole or not at all.
    """
    held: list[tuple[str, Mapping[str, np.ndarray]]] = list(items)
    lengths = {}
    for name, arrays in held:
        if name in lengths:
            raise ValueError(f"the video {name!r} comes twice")
        lengths[name] = _checked_length(name, arrays, dims)
    stream_sequences(path, lengths, held, dims, attrs)


def stream_sequences(
    path: Path,
    lengths: Mapping[str, int],
    items: Iterable[tuple[str, Mapping[str, np.ndarray]]],
    dims: Mapping[str, tuple[str, ...]],
    attrs: Mapping[str, Any],
) -> None:
    """As `write_sequences`, to the same bytes, for more than memory holds.

    lengths: T of each video, in the order in which `items` gives them; what is held at a time is
    one video and the rows of one unfinished chunk (or shard). `attrs` is read after the last item.
    """
    if not lengths:
        raise ValueError(f"no videos to write to {path}")
    if taken := {"names", "record"} & set(attrs):
        raise ValueError(f"the attributes {sorted(taken)} are the store's own")
    with fresh_folder(path) as fresh:
        group = zarr.create_group(fresh, zarr_format=3)
        columns: dict[str, _Column] = {}
        expected = iter(lengths.items())
        for name, arrays in items:
            due = next(expected, None)
            if due != (name, _checked_length(name, arrays, dims)):
                raise ValueError(f"{name}: comes where {due} (video, length) was announced")
            for key in dims:
                rows = np.asarray(arrays[key])
                if key not in columns:
                    columns[key] = _Column.begin(group, key, rows, sum(lengths.values()), dims[key])
                columns[key].append(name, rows)
        if left := next(expected, None):
            raise ValueError(f"{left[0]}: was announced and did not come")
        described = {key: columns[key].finish() for key in dims}
        offsets = np.concatenate([[0], np.cumsum(list(lengths.values()))]).astype(np.int64)
        _create_array(group, "offsets", offsets.shape, offsets.dtype, ("N+1",))[...] = offsets
        record = {"format": FORMAT, "lengths": list(lengths.values()), "arrays": described}
        group.update_attributes({**attrs, "names": list(lengths), "record": record})


def read_sequences(path: Path) -> Sequences:
    """Read a store whole and check it against its record.

    Raises WtalError naming the array, the chunk or video, and the remedy when anything is
    missing, cut short or changed.
    """
    try:
        group = zarr.open_group(path, mode="r")
        stored = dict(group.attrs)
    except (FileNotFoundError, NotADirectoryError, ValueError) as err:
        raise WtalError(f"{path}: no complete store here ({err}); {_REMEDY}") from err
    record: Any = stored.pop("record", None)
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise WtalError(f"{path}: no completeness record of format {FORMAT} inside; {_REMEDY}")
    names: Any = stored.pop("names")
    offsets = np.concatenate([[0], np.cumsum(record["lengths"])]).astype(np.int64)
    arrays = {
        key: _read_array(path, group, key, described, tuple(names), offsets)
        for key, described in record["arrays"].items()
    }
    return Sequences(tuple(names), offsets, arrays, stored)


def _checked_length(
    name: str, arrays: Mapping[str, np.ndarray], dims: Mapping[str, tuple[str, ...]]
) -> int:
    if set(arrays) != set(dims):
        raise ValueError(f"{name}: has {sorted(arrays)}, not {sorted(dims)}")
    for key, given in arrays.items():
        array = np.asarray(given)
        if array.dtype.kind not in "biuf":
            raise ValueError(f"{name}.{key}: type {array.dtype} is not a number")
        if array.ndim != len(dims[key]) or not len(array):
            raise ValueError(f"{name}.{key}: shape {array.shape} does not fit {dims[key]}")
        if not np.isfinite(array).all():
            raise ValueError(f"{name}.{key}: holds NaN or infinity")
    lengths = {len(arrays[key]) for key in dims}
    if len(lengths) != 1:
        raise ValueError(f"{name}: its arrays have different lengths {sorted(lengths)}")
    return lengths.pop()


@dataclass
class _Column:
    """One array of a store in the making; whole chunks are on the disk, the rest is held."""

    key: str
    array: zarr.Array
    held: list[np.ndarray]
    written: int
    sums: list[str]

    @classmethod
    def begin(
        cls, group: zarr.Group, key: str, rows: np.ndarray, total: int, dims: tuple[str, ...]
    ) -> "_Column":
        shape = (total, *rows.shape[1:])
        return cls(key, _create_array(group, key, shape, rows.dtype, dims), [], 0, [])

    def append(self, name: str, rows: np.ndarray) -> None:
        if (rows.shape[1:], rows.dtype) != (self.array.shape[1:], self.array.dtype):
            raise ValueError(
                f"{name}.{self.key}: {rows.shape} {rows.dtype} differs from the first video's "
                f"columns {self.array.shape[1:]} {self.array.dtype}"
            )
        self.sums.append(_sha256(rows))
        self.held.append(rows)
        block = (self.array.shards or self.array.chunks)[0]
        if sum(map(len, self.held)) >= block:
            self._write(block)

    def finish(self) -> dict[str, Any]:
        """Write what is left; what the record says of this array."""
        self._write(1)
        dtype = self.array.dtype.name
        return {"shape": list(self.array.shape), "dtype": dtype, "sha256": self.sums}

    def _write(self, block: int) -> None:
        """The held rows, as far as they fill blocks; a block written in parts is read again."""
        flat = np.concatenate(self.held)
        ready = len(flat) // block * block
        if ready:
            self.array[self.written : self.written + ready] = flat[:ready]
        self.written += ready
        self.held = [flat[ready:]]


def _create_array(
    group: zarr.Group, key: str, shape: tuple[int, ...], dtype: np.dtype, dims: tuple[str, ...]
) -> zarr.Array:
    rows = min(_CHUNK_ROWS, shape[0])
    shards = (rows * _SHARD_CHUNKS, *shape[1:]) if shape[0] > _MANY_ROWS else None
    return group.create_array(
        key,
        shape=shape,
        dtype=dtype,
        chunks=(rows, *shape[1:]),
        shards=shards,
        compressors=None,  # features hardly shrink, and plain bytes read several times faster
        dimension_names=dims,
        # zarr leaves chunks of nothing but zeros out; then a lost chunk looks like one of those
        config={"write_empty_chunks": True},
    )


def _read_array(
    path: Path,
    group: zarr.Group,
    key: str,
    described: Mapping[str, Any],
    names: tuple[str, ...],
    offsets: np.ndarray,
) -> np.ndarray:
    if key not in group:
        raise WtalError(f"{path}: the array {key!r} is missing; {_REMEDY}")
    array = group[key]
    if not isinstance(array, zarr.Array) or list(array.shape) != described["shape"]:
        raise WtalError(f"{path}: the array {key!r} is not {described['shape']}; {_REMEDY}")
    _check_chunks(path / key, array, names, offsets)
    try:
        flat = np.asarray(array[...])
    except (ValueError, RuntimeError, OSError) as err:
        raise WtalError(f"{path}: {key!r} cannot be read: {err}; {_REMEDY}") from err
    for n, expected in enumerate(described["sha256"]):
        if _sha256(flat[offsets[n] : offsets[n + 1]]) != expected:
            raise WtalError(f"{path}: {key!r} of the video {names[n]!r} has changed; {_REMEDY}")
    return flat


def _check_chunks(
    folder: Path, array: zarr.Array, names: tuple[str, ...], offsets: np.ndarray
) -> None:
    """Each chunk's file must be there: zarr would silently read zeros for a lost one."""
    rows = (array.shards or array.chunks)[0]
    for chunk, first in enumerate(range(0, array.shape[0], rows)):
        file = folder.joinpath("c", str(chunk), *["0"] * (array.ndim - 1))
        if not file.exists():
            touched = [
                name
                for name, start, end in zip(names, offsets, offsets[1:], strict=False)
                if start < first + rows and end > first
            ]
            raise WtalError(
                f"{file}: this chunk is missing; it holds rows of {', '.join(touched[:5])}"
                f"{' and more' * (len(touched) > 5)}; {_REMEDY}"
            )


def _sha256(array: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).view(np.uint8).data).hexdigest()
