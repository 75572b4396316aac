"""From stored luma and chroma to RGB: by the matrix and the range that the file names."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from wtal_core.video.decode import decode

YUV = (60, 90, 180)
LIMITED, FULL = 1, 2  # of FFmpeg's color_range
UNSAID, BT709, BT601 = 2, 1, 5  # of FFmpeg's colorspace
WEIGHTS = {UNSAID: (0.299, 0.114), BT601: (0.299, 0.114), BT709: (0.2126, 0.0722)}  # of R and B


def write_plain(path: Path, codec: str, colour_range: int, matrix: int, **options: str) -> Path:
    """Three frames of one colour, given by its Y, U and V."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.thread_count = 1
        stream.codec_context.color_range = colour_range
        stream.codec_context.colorspace = matrix
        for number in range(3):
            frame = av.VideoFrame(64, 48, "yuv420p")
            for plane, value in zip(frame.planes, YUV, strict=True):
                plane.update(bytes([value]) * plane.buffer_size)
            frame.color_range, frame.colorspace = colour_range, matrix
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def convert(colour_range: int, matrix: int) -> list[float]:
    """R, G and B of YUV by ITU-R BT.601 or BT.709, levels cut to 0..255."""
    offset, luma, chroma = (0, 255, 255) if colour_range == FULL else (16, 219, 224)
    y, u, v = (YUV[0] - offset) / luma, (YUV[1] - 128) / chroma, (YUV[2] - 128) / chroma
    of_red, of_blue = WEIGHTS[matrix]
    red, blue = y + 2 * (1 - of_red) * v, y + 2 * (1 - of_blue) * u
    green = (y - of_red * red - of_blue * blue) / (1 - of_red - of_blue)
    return [255 * min(1.0, max(0.0, one)) for one in (red, green, blue)]


@pytest.mark.parametrize("matrix", [UNSAID, BT709, BT601])
@pytest.mark.parametrize("colour_range", [LIMITED, FULL])
@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("a.mp4", "libx264", {"qp": "0"}),
        ("a.webm", "libvpx-vp9", {"lossless": "1"}),
        ("a.mkv", "ffv1", {}),
    ],
)
def test_colours_are_those_that_the_file_means(
    tmp_path: Path, name: str, codec: str, options: dict[str, str], colour_range: int, matrix: int
) -> None:
    """FFmpeg's integers err by two levels at most; a wrong range or matrix by ten and more."""
    film = write_plain(tmp_path / name, codec, colour_range, matrix, **options)
    for frame in decode(film):
        found = frame.rgb.reshape(-1, 3)
        assert (found == found[0]).all()
        np.testing.assert_allclose(found[0], convert(colour_range, matrix), atol=2)


def test_the_conversions_differ_by_more_than_that() -> None:
    wanted = [convert(colour_range, m) for colour_range in (LIMITED, FULL) for m in (BT709, BT601)]
    for i, one in enumerate(wanted):
        for other in wanted[:i]:
            assert np.abs(np.subtract(one, other)).max() > 6
