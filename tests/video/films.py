"""Small films for tests, made on the spot: any size, times, codec, rotation and sound."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np


def picture(number: int, height: int = 36, width: int = 52) -> np.ndarray:
    """(H, W, 3): a smooth scene with a block that moves one pixel per frame; top left is red."""
    y, x = np.mgrid[:height, :width]
    rgb = np.stack([60 + x, 80 + y, 120 + (x + y) // 2], axis=-1).astype(np.uint8)
    at = 8 + number % (width - 16)
    rgb[height // 2 :, at : at + 6] = (20, 200, 40)
    rgb[: height // 4, : width // 4] = (220, 20, 20)
    return rgb


def write_film(
    path: Path,
    pictures: Sequence[np.ndarray],
    times_ms: Sequence[int] | None = None,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    **options: str,
) -> Path:
    """Encode `pictures` at 25 frames/s, or shown at `times_ms`; the suffix names the container."""
    container_options = {k: options.pop(k) for k in ("movflags",) if k in options}
    with av.open(str(path), "w", options=container_options) as container:
        stream: Any = container.add_stream(codec, rate=25, options=options)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = pix_fmt
        stream.codec_context.thread_count = 1
        stream.codec_context.time_base = Fraction(1, 1000)
        for number, rgb in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(rgb, format="rgb24")
            frame.pts = times_ms[number] if times_ms else 40 * number
            frame.time_base = Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def write_sound(path: Path, seconds: float = 0.5) -> Path:
    """A file with a sound track and no picture."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("aac", rate=8000, layout="mono")
        samples = np.zeros((1, int(8000 * seconds)), np.float32)
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
        frame.rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def turn(path: Path, matrix: tuple[int, int, int, int]) -> Path:
    """Set the display matrix [a b; c d] of an MP4's track, in its `tkhd` box."""
    content = bytearray(path.read_bytes())
    box = content.index(b"tkhd")
    # ISO 14496-12 8.3.2, version 0: the matrix stands 40 bytes after version and flags
    assert content[box + 4] == 0
    a, b, c, d = (int(v * 65536).to_bytes(4, signed=True) for v in matrix)
    zero = bytes(4)
    tail = content[box + 44 + 24 : box + 44 + 36]
    content[box + 44 : box + 80] = a + b + zero + c + d + zero + bytes(tail)
    path.write_bytes(content)
    return path
