"""How many bytes a video file lacks, by what its own container promises."""

import os
from pathlib import Path
from typing import BinaryIO

_EBML, _SEGMENT = 0x1A45DFA3, 0x18538067  # Matroska element ids


def missing_bytes(path: Path) -> int:
    """Bytes that MP4/MOV boxes, a Matroska segment or a RIFF chunk promise past the file's end.

    0 when nothing is missing or the container makes no promise (a stream recorded live, MPEG-TS).
    An MP4 whose index stands in front plays without complaint up to the cut, so only this tells.
    """
    size = os.path.getsize(path)
    with open(path, "rb") as file:
        head = file.read(16)
        if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
            promised = _boxes_end(file, size)
        elif head[:4] == b"RIFF":
            promised = _riff_end(head)
        elif int.from_bytes(head[:4]) == _EBML:
            promised = _segment_end(file)
        else:
            promised = 0
    return max(0, promised - size)


def _boxes_end(file: BinaryIO, size: int) -> int:
    """ISO 14496-12 section 4.2: size (4 bytes), type, and a 64-bit size if the first is 1."""
    end = 0
    while end + 8 <= size:
        file.seek(end)
        header = file.read(16)
        length = int.from_bytes(header[:4])
        if length == 1:
            length = int.from_bytes(header[8:16])
        if length == 0:  # the last box, up to the end of the file
            return size
        if length < 8 or not header[4:8].isascii():
            return size  # not a box: junk behind the last one
        end += length
    return end


def _riff_end(head: bytes) -> int:
    length = int.from_bytes(head[4:8], "little")
    return 0 if length in (0, 0xFFFFFFFF) else length + 8


def _segment_end(file: BinaryIO) -> int:
    """RFC 8794: an element is an id, a length, and that many bytes; the segment holds the film."""
    file.seek(4)
    header_length = _vint(file)
    if header_length is None:
        return 0
    file.seek(header_length, os.SEEK_CUR)
    if int.from_bytes(file.read(4)) != _SEGMENT:
        return 0
    length = _vint(file)
    return 0 if length is None else file.tell() + length


def _vint(file: BinaryIO) -> int | None:
    """RFC 8794 section 4: leading zero bits tell the width; all ones mean an unknown length."""
    first = file.read(1)
    if not first or not first[0]:
        return None
    extra = 8 - first[0].bit_length()
    value = int.from_bytes(bytes([first[0] & ((1 << (7 - extra)) - 1)]) + file.read(extra))
    return None if value == (1 << (7 * (extra + 1))) - 1 else value
