"""Writes rendered frames to a real compressed video file."""

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np


def write_video(path: Path, frames: Iterable[np.ndarray], fps: float) -> None:
    """H.264 in MP4 from (H, W, 3) uint8 RGB frames; equal frames give equal bytes."""
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001))
        stream.pix_fmt = "yuv420p"
        stream.options = {
            "crf": "23",
            "preset": "veryfast",
            "threads": "1",
            # x264's AVX-512 code gives one of several results, by what lies in memory beside the
            # frames; its SSE2 code gives what plain C gives, each time
            "x264-params": "asm=SSE2",
        }
        for index, picture in enumerate(frames):
            if index == 0:
                stream.height, stream.width = picture.shape[:2]
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
