"""Stored frames and flow: one Matroska file per video, FFV1 (lossless), every frame a key frame.

Measured (benchmarks/frames_format.py; KB a frame of a 340x256 real clip / a 40x40 synthetic one):
FFV1 65 / 2.3, zstd 167 / 2.6, lossless x264 117 / 2.5, PNG 124 / 2.6, raw 261 / 4.8. On one core
it writes 210 / 6400 and reads 200 / 6200 frames/s, far above what flow and I3D ask for, and reads
one 16-frame snippet in 88 / 4 ms. JPEG (31 KB) and x264 at crf 12 (14 KB) are smaller but err by
tens of levels, which flow sees. FFV1 in groups of 16 frames saves 1 % and reads half as fast.
Flow (x and y side by side in one grey picture): 16 / .38 KB, zstd 36 / .46, PNG 31 / .63.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import chain, islice
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from wtal_core.errors import WtalError
from wtal_core.video.complaints import heard, listen
from wtal_core.video.truncation import missing_bytes


def write_frames(path: Path, frames: Iterable[np.ndarray], fps: float) -> int:
    """Store frames, (H, W, 3) uint8 RGB each and all of one size; return how many there were.

    The same frames give the same bytes. The file appears under its name when it is complete.
    Raises ValueError for no frames, or a frame of another shape or type.
    """
    return _write(path, (_checked(f, 3) for f in frames), fps, "rgb24", "bgr0")


def write_flow(path: Path, fields: Iterable[np.ndarray], fps: float = 25.0) -> int:
    """Store quantised flow: (H, W, 2) uint8 fields, or one (F-1, H, W, 2) array; return how many.

    As `write_frames`. The flow of a one-frame video is an empty sequence: that writes a file
    which `read_flow` gives back as (0, 0, 0, 2).
    """
    first = list(islice(fields := iter(fields), 1))
    if not first:
        _replace(path, lambda temporary: temporary.write_bytes(b""))
        return 0
    sides = (_side_by_side(_checked(f, 2)) for f in chain(first, fields))
    return _write(path, sides, fps, "gray", "gray")


def iter_frames(path: Path) -> Iterator[np.ndarray]:
    """Yield the stored frames in order, (H, W, 3) uint8. Raises WtalError for a damaged file."""
    return _iter_pictures(path, "rgb24")


def iter_flow(path: Path) -> Iterator[np.ndarray]:
    """Yield the stored fields in order, (H, W, 2) uint8. Raises WtalError for a damaged file."""
    if path.exists() and path.stat().st_size == 0:
        return iter(())
    return (_apart(picture) for picture in _iter_pictures(path, "gray"))


def read_frames(path: Path) -> np.ndarray:
    """All stored frames, (F, H, W, 3) uint8."""
    return np.stack(list(iter_frames(path)))


def read_flow(path: Path) -> np.ndarray:
    """All stored fields, (F-1, H, W, 2) uint8; (0, 0, 0, 2) for the flow of a one-frame video."""
    fields = list(iter_flow(path))
    return np.stack(fields) if fields else np.empty((0, 0, 0, 2), np.uint8)


def read_frames_at(path: Path, indices: Sequence[int] | np.ndarray) -> np.ndarray:
    """Frames at `indices` (any order, repeats allowed), (len(indices), H, W, 3) uint8.

    Seeks to the first one and decodes only those asked for. Raises IndexError past the end.
    """
    return _pictures_at(path, indices, "rgb24")


def read_flow_at(path: Path, indices: Sequence[int] | np.ndarray) -> np.ndarray:
    """Fields at `indices`, (len(indices), H, W, 2) uint8; as `read_frames_at`."""
    return np.stack([_apart(p) for p in _pictures_at(path, indices, "gray")])


def _write(path: Path, pictures: Iterator[np.ndarray], fps: float, layout: str, stored: str) -> int:
    first = next(pictures, None)
    if first is None:
        raise ValueError(f"no frames to write to {path}")
    count = 0

    def fill(temporary: Path) -> None:
        nonlocal count
        # bitexact keeps the muxer's version, date and random ids out of the file
        options = {"fflags": "+bitexact"}
        with av.open(_url(temporary), "w", format="matroska", options=options) as container:
            stream = container.add_stream("ffv1", rate=Fraction(fps).limit_denominator(1001))
            stream.height, stream.width = first.shape[:2]
            stream.pix_fmt = stored
            stream.options = {"level": "3", "g": "1"}
            stream.codec_context.thread_count = 1
            stream.codec_context.flags |= av.codec.context.Flags.bitexact
            reformat = VideoReformatter().reformat
            for picture in chain([first], pictures):
                if picture.shape != first.shape:
                    raise ValueError(f"frame {count} is {picture.shape}, not {first.shape}")
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format=layout)
                container.mux(stream.encode(reformat(frame, format=stored, threads=1)))
                count += 1
            container.mux(stream.encode())

    _replace(path, fill)
    return count


def _replace(path: Path, fill: Callable[[Path], object]) -> None:
    """Let `fill` write a temporary file, then give it its name."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        fill(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _iter_pictures(path: Path, layout: str) -> Iterator[np.ndarray]:
    complaints: list[str] = []
    with _opened(path) as container:
        reformat = VideoReformatter().reformat
        for frame in listen(container.decode(_stream(container)), complaints):
            _check(complaints, path)
            yield reformat(frame, format=layout, threads=1).to_ndarray()
        _check(complaints, path)


def _pictures_at(path: Path, indices: Sequence[int] | np.ndarray, layout: str) -> np.ndarray:
    wanted = np.asarray(indices, dtype=np.int64)
    if wanted.ndim != 1 or not len(wanted) or wanted.min() < 0:
        raise IndexError(f"want a list of frame numbers from 0 on, got {indices}")
    found: dict[int, np.ndarray] = {}
    left = set(wanted.tolist())
    complaints: list[str] = []
    with _opened(path) as container:
        stream = _stream(container)
        rate, base = stream.average_rate, stream.time_base
        if rate is None or base is None:
            raise WtalError(f"{path}: no frame rate inside; delete it and run the stage again")
        reformat = VideoReformatter().reformat
        # Matroska rounds times to milliseconds: aim a little early, recognise by rounding.
        container.seek(max(0, int((min(left) - 0.5) / rate / base)), stream=stream)
        for packet in container.demux(stream):
            if packet.pts is None or not left:
                break
            index = round(packet.pts * base * rate)
            if index in left:
                with heard(complaints):
                    (frame,) = packet.decode()
                _check(complaints, path)
                found[index] = reformat(frame, format=layout, threads=1).to_ndarray()
                left.remove(index)
    if left:
        raise IndexError(f"{path}: no frame {min(left)}")
    return np.stack([found[i] for i in wanted.tolist()])


def _opened(path: Path) -> "av.container.InputContainer":
    if not path.exists():
        raise WtalError(f"{path}: missing; run the stage that makes it again")
    if missing_bytes(path):
        raise WtalError(f"{path}: the file ends early; delete it and run the stage again")
    try:
        return av.open(_url(path), options={"protocol_whitelist": "file"})
    except av.FFmpegError as err:
        raise WtalError(
            f"{path}: not a file of stored frames ({err.strerror}); delete it and run the stage "
            "again"
        ) from err


def _check(complaints: list[str], path: Path) -> None:
    """FFV1 has a checksum per slice, so damage is never silent."""
    if complaints:
        raise WtalError(f"{path}: damaged ({complaints[0]}); delete it and run the stage again")


def _stream(container: "av.container.InputContainer") -> VideoStream:
    stream = container.streams.video[0]
    stream.codec_context.thread_count = 1
    return stream


def _checked(picture: np.ndarray, channels: int) -> np.ndarray:
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != channels:
        raise ValueError(f"want (H, W, {channels}) uint8, got {picture.shape} {picture.dtype}")
    return picture


def _side_by_side(field: np.ndarray) -> np.ndarray:
    return np.concatenate([field[..., 0], field[..., 1]], axis=1)


def _apart(picture: np.ndarray) -> np.ndarray:
    return np.stack(np.split(picture, 2, axis=1), axis=-1)


def _url(path: Path) -> str:
    # With the protocol spelt out, a name such as "concat:a|b" is a name.
    return f"file:{path}"
