"""Reads checkpoints of TensorFlow (the "V2" form: .index and .data files) without TensorFlow.

The index is a sorted table of LevelDB's format: a footer of 48 bytes points at a block that lists
the data blocks; a block holds keys with shared beginnings. A value is a small protocol buffer:
type, shape, shard, offset and size of a variable's bytes in the data file. Only what I3D's
checkpoints use is supported: one shard, no compression, no slices, float32. Any other is refused.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np

from wtal_core.errors import WtalError

_MAGIC = 0xDB4775248B80FB57
_FOOTER = 48
_TRAILER = 5  # of a block: one byte of compression, four of CRC
_FLOAT32 = 1  # DT_FLOAT
Fields = dict[int, list[int | bytes]]


@dataclass(frozen=True)
class Variable:
    """Where a float32 variable lies in the data file."""

    shape: tuple[int, ...]
    offset: int
    size: int


def read_bundle(index: Path) -> dict[str, np.ndarray]:
    """Every variable by name, as views of the data file's bytes (read only).

    `index` is `<prefix>.index`; `<prefix>.data-00000-of-00001` lies beside it.
    """
    data = index.with_name(f"{index.name.removesuffix('.index')}.data-00000-of-00001")
    variables = read_index(index)
    try:
        content = data.read_bytes()
    except FileNotFoundError as err:
        raise WtalError(f"{data}: missing; it belongs to {index.name}") from err
    end = max(v.offset + v.size for v in variables.values())
    if len(content) < end:
        raise WtalError(f"{data}: truncated: {len(content)} bytes, {index.name} tells of {end}")
    return {
        name: np.frombuffer(content, "<f4", v.size // 4, v.offset).reshape(v.shape)
        for name, v in variables.items()
    }


def read_index(index: Path) -> dict[str, Variable]:
    """The variables that an index file lists; WtalError for what is no such file."""
    table = index.read_bytes()
    try:
        return _variables(index, table)
    except (IndexError, struct.error, UnicodeDecodeError, TypeError) as err:
        raise WtalError(f"{index}: broken, not the index of a checkpoint ({err})") from err


def _variables(index: Path, table: bytes) -> dict[str, Variable]:
    if len(table) < _FOOTER or struct.unpack("<Q", table[-8:])[0] != _MAGIC:
        raise WtalError(f"{index}: not the index of a TensorFlow checkpoint (V2), or truncated")
    _, at = _handle(table, len(table) - _FOOTER)  # of a block that TensorFlow leaves empty
    blocks, _ = _handle(table, at)
    found = {}
    for _, block in _entries(index, table, *blocks):
        (offset, size), _ = _handle(block, 0)
        for key, value in _entries(index, table, offset, size):
            fields = _fields(value)
            if not key:
                if _number(fields, 1) != 1 or _number(fields, 2):
                    raise WtalError(f"{index}: in several shards, or big-endian: not supported")
                continue
            found[key.decode()] = _variable(index, key.decode(), fields)
    if not found:
        raise WtalError(f"{index}: no variables in it")
    return found


def _variable(index: Path, name: str, fields: Fields) -> Variable:
    if _number(fields, 1) != _FLOAT32 or _number(fields, 3) or 7 in fields:
        raise WtalError(f"{index}: {name} is not float32, sharded or sliced: not supported")
    shape = fields.get(2, [b""])[0]
    assert isinstance(shape, bytes)
    sizes = [
        _number(_fields(dim), 1) for dim in _fields(shape).get(2, []) if isinstance(dim, bytes)
    ]
    variable = Variable(tuple(sizes), _number(fields, 4), _number(fields, 5))
    if variable.size != 4 * prod(sizes):
        raise WtalError(f"{index}: {name} has shape {variable.shape} and {variable.size} bytes")
    return variable


def _entries(index: Path, table: bytes, offset: int, size: int) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of one block: shared length, own length, value length, own key, value."""
    if offset + size + _TRAILER > len(table):
        raise WtalError(f"{index}: broken: a block lies beyond its end")
    if table[offset + size]:
        raise WtalError(f"{index}: compressed: not supported")
    block = table[offset : offset + size]
    restarts = struct.unpack("<I", block[-4:])[0]
    at, end, key = 0, len(block) - 4 - 4 * restarts, b""
    while at < end:
        shared, at = _varint(block, at)
        own, at = _varint(block, at)
        length, at = _varint(block, at)
        key = key[:shared] + block[at : at + own]
        yield key, block[at + own : at + own + length]
        at += own + length


def _handle(data: bytes, at: int) -> tuple[tuple[int, int], int]:
    """Offset and size of a block, and where the next thing begins."""
    offset, at = _varint(data, at)
    size, at = _varint(data, at)
    return (offset, size), at


def _fields(message: bytes) -> Fields:
    """Fields of a protocol buffer by number: integers, and bytes of anything longer."""
    found: Fields = {}
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        value: int | bytes
        if tag & 7 == 0:
            value, at = _varint(message, at)
        elif tag & 7 == 2:
            length, at = _varint(message, at)
            value, at = message[at : at + length], at + length
        elif tag & 7 in (1, 5):
            length = 8 if tag & 7 == 1 else 4
            value, at = message[at : at + length], at + length
        else:
            raise IndexError(f"wire type {tag & 7}")
        found.setdefault(tag >> 3, []).append(value)
    return found


def _number(fields: Fields, key: int) -> int:
    """A number of a message; 0, as the format has it, when it is left out."""
    value = fields.get(key, [0])[0]
    if not isinstance(value, int):
        raise IndexError(f"field {key} is no number")
    return value


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """An integer of seven bits a byte, the low ones first, and where the next thing begins."""
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
        if shift > 63:
            raise IndexError("a number without end")
