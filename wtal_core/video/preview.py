"""What a browser can show of a video file: the file itself, a small copy, a thumbnail."""

import io
import shutil
from collections.abc import Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path

import av
import cv2
import numpy as np
from PIL import Image

from wtal_core.errors import BadVideo
from wtal_core.video.container import open_video, video_stream
from wtal_core.video.decode import DecodedFrame, decode
from wtal_core.video.glimpse import glimpse, read_header

# What Chromium, Firefox and Safari play alike, by the end of the file's name.
PLAYABLE = {
    ".mp4": ("h264", "av1"),
    ".m4v": ("h264",),
    ".webm": ("vp8", "vp9", "av1"),
}
PIXELS = ("yuv420p", "yuvj420p")  # 10 bits and 4:4:4 play here and there
CLOCK = Fraction(1, 90000)  # s, fine enough for every frame rate
THUMB_QUALITY = 82


def is_playable(path: Path) -> bool:
    """Whether every browser plays the file as it is. Raises BadVideo where it cannot be opened."""
    codecs = PLAYABLE.get(path.suffix.lower(), ())
    if not codecs:
        return False
    with open_video(path, []) as container:
        context = video_stream(container, path).codec_context
        return context.name in codecs and context.pix_fmt in PIXELS


def draw_thumbnail(path: Path, width: int) -> bytes:
    """A frame out of the middle as JPEG, `width` pixels wide, upright. Raises BadVideo."""
    rgb = glimpse(path, read_header(path).duration_s / 2, 1).frames[0]
    height = max(1, round(rgb.shape[0] * width / rgb.shape[1]))
    rule = cv2.INTER_AREA if width < rgb.shape[1] else cv2.INTER_CUBIC
    small = cv2.resize(rgb, (width, height), interpolation=rule)
    written = io.BytesIO()
    Image.fromarray(small).save(written, "JPEG", quality=THUMB_QUALITY)
    return written.getvalue()


def copy_video(source: Path, target: Path) -> None:
    """The file's bytes under a second name; a copy, never a link that could change the original."""
    shutil.copyfile(source, target)


def write_preview(source: Path, target: Path, longest: int) -> None:
    """Write `source` anew as H.264, 4:2:0, without sound, at most `longest` pixels a side.

    Every frame keeps its time, also where the rate varies. Rotation is applied. The same frames
    give the same bytes. Raises BadVideo as `decode` does, and then leaves no file.
    """
    frames = decode(source)
    first = next(frames, None)
    if first is None:  # decode raises before, so this is for the reader of types
        raise BadVideo("E108", str(source), "not one frame of it decodes", "copy the file again")
    try:
        _encode(target, chain([first], frames), _even_size(first.rgb, longest))
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def _even_size(rgb: np.ndarray, longest: int) -> tuple[int, int]:
    """Width and height, both even, which 4:2:0 asks for."""
    height, width = rgb.shape[:2]
    scale = min(1.0, longest / max(height, width))
    return (max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2))


def _encode(target: Path, frames: Iterator[DecodedFrame], size: tuple[int, int]) -> None:
    # with the protocol spelt out, any name is a name; bitexact keeps versions and dates out
    options = {"movflags": "+faststart", "fflags": "+bitexact"}
    with av.open(f"file:{target}", "w", format="mp4", options=options) as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.time_base = stream.codec_context.time_base = CLOCK
        # a key frame a second or so: a click seeks at once
        # asm: x264's AVX-512 code gives one of several results for the same frames, SSE2's does not
        stream.options = {
            "crf": "26", "preset": "veryfast", "g": "30", "bf": "0", "x264-params": "asm=SSE2",
        }  # fmt: skip
        stream.codec_context.thread_count = 1
        stream.codec_context.flags |= av.codec.context.Flags.bitexact
        last = -1
        for one in frames:
            rule = cv2.INTER_AREA if size[0] < one.rgb.shape[1] else cv2.INTER_LINEAR
            small = np.asarray(cv2.resize(one.rgb, size, interpolation=rule), np.uint8)
            frame = av.VideoFrame.from_ndarray(small, format="rgb24")
            # two frames may not show at the same tick
            last = max(last + 1, round(one.pts_s / CLOCK))
            frame.pts, frame.time_base = last, CLOCK
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
