"""A look at a video file: what its header promises, and a few frames out of its middle."""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from wtal_core.errors import BadVideo
from wtal_core.video.container import open_video, promised_s, upright, video_stream


@dataclass(frozen=True)
class Header:
    """What a file says of itself; 0 where it does not say. Nothing of it is believed elsewhere."""

    bytes: int
    duration_s: float
    fps: float
    width: int  # of the stored picture, before any rotation
    height: int


@dataclass(frozen=True)
class Glimpse:
    """Consecutive frames (H, W, 3) uint8 RGB, upright, and what it took to decode them."""

    frames: list[np.ndarray]
    decoded: int  # frames, those on the way to the first one included
    seconds: float


def read_header(path: Path) -> Header:
    """Open a file and decode nothing. Raises BadVideo as `decode` does for what cannot be opened.

    A container that times no stream gives its own length: good enough to plan with.
    """
    with open_video(path, []) as container:
        stream = video_stream(container, path)
        context = stream.codec_context
        duration_s = promised_s(container, stream) or (container.duration or 0) / av.time_base
        fps = float(stream.average_rate or stream.guessed_rate or 0)
        return Header(os.path.getsize(path), duration_s, fps, context.width, context.height)


def glimpse(path: Path, at_s: float, count: int) -> Glimpse:
    """Up to `count` frames from the key frame before `at_s` on; broken ones are passed over.

    Raises BadVideo for a file that cannot be opened, or where no frame decodes.
    """
    with open_video(path, []) as container:
        stream = video_stream(container, path)
        _seek(container, stream, at_s)
        begin = time.perf_counter()
        reformat = VideoReformatter().reformat
        frames = [
            upright(reformat(frame, format="rgb24", threads=1).to_ndarray(), frame)
            for frame in islice(_frames(container, stream), count)
        ]
        seconds = time.perf_counter() - begin
    if not frames:
        raise BadVideo("E108", str(path), "not one frame of it decodes", "copy the file again")
    return Glimpse(frames, len(frames), seconds)


def _seek(container: InputContainer, stream: VideoStream, at_s: float) -> None:
    try:
        container.seek(int(at_s * av.time_base), backward=True)
    except (av.FFmpegError, OSError):  # a file without an index: from the start, then
        return


def _frames(container: InputContainer, stream: VideoStream) -> Iterator[av.VideoFrame]:
    for packet in container.demux(stream):
        try:
            yield from packet.decode()
        except av.FFmpegError:
            continue
