"""Opens video files: picks the stream, refuses what is no whole video, and says why."""

import os
import re
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.container import InputContainer
from av.sidedata.sidedata import SideDataContainer
from av.sidedata.sidedata import Type as SideData
from av.stream import Disposition
from av.video.stream import VideoStream

from wtal_core.errors import BadVideo
from wtal_core.video.complaints import heard
from wtal_core.video.truncation import missing_bytes

_read_side_data: Any = SideDataContainer  # PyAV's stub does not know that it can be called
# Real video containers only: no play lists, image sequences, subtitles or text art, which read
# other files or turn any text into pictures.
_FORMATS = (
    "mov,matroska,avi,mpegts,mpeg,mpegvideo,flv,asf,ogg,mxf,nut,ivf,rm,wtv,gif,yuv4mpegpipe,"
    "m4v,h264,hevc,obu,dv,mjpeg,vc1"
)
_MAX_MISSING = 0.01  # share of a file that may be cut off, as of packets that may be broken
_TIMEOUT_S = 60.0  # of one read
COPY_AGAIN = "copy the file again from its source"


def open_video(path: Path, complaints: list[str]) -> InputContainer:
    """Open for reading, with access to nothing but the file itself.

    FFmpeg's complaints about the header are added to `complaints`.
    Raises BadVideo E101, E102, E106 or E109 (see `wtal_core.errors`).
    """
    check_file(path)
    options = {"protocol_whitelist": "file", "format_whitelist": _FORMATS}
    try:
        with heard(complaints):
            # old files carry titles in any encoding
            container = av.open(
                f"file:{path}", options=options, timeout=_TIMEOUT_S, metadata_errors="ignore"
            )
    except av.FFmpegError as err:
        raise _cannot_open(path, err) from err
    size, lacking = os.path.getsize(path), missing_bytes(path)
    if lacking > _MAX_MISSING * (size + lacking):
        container.close()
        raise BadVideo(
            "E106", str(path), f"the file ends early: {lacking} bytes are missing", COPY_AGAIN
        )
    return container


def check_file(path: Path) -> None:
    """Raise BadVideo E109 for a file that cannot be read, E102 for an empty one."""
    try:
        with open(path, "rb") as file:
            empty = not file.read(1)
    except OSError as err:
        raise BadVideo(
            "E109", str(path), f"cannot be read ({err.strerror})", "check the path and its rights"
        ) from err
    if empty:
        raise BadVideo("E102", str(path), "the file is empty", COPY_AGAIN)


def video_stream(container: InputContainer, path: Path) -> VideoStream:
    """The first stream of moving pictures, set to one thread; BadVideo E103 without any."""
    for stream in container.streams.video:
        if stream.disposition & Disposition.attached_pic or stream.codec_context is None:
            continue
        stream.codec_context.thread_count = 1
        return stream
    kinds = ", ".join(s.type for s in container.streams) or "none"
    raise BadVideo(
        "E103",
        str(path),
        f"no video stream inside (streams: {kinds})",
        "put the video itself there, or drop it from labels.json",
    )


def promised_s(container: InputContainer, stream: VideoStream) -> float:
    """Length of the pictures in seconds, as the header has it; 0.0 if it does not say."""
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    # Matroska has a tag per stream, "00:01:02.345000000"
    tag = re.fullmatch(r"(\d+):(\d+):(\d+\.?\d*)", stream.metadata.get("DURATION", ""))
    if tag:
        return int(tag[1]) * 3600 + int(tag[2]) * 60 + float(tag[3])
    # the container's length is the longest stream's, which may be the sound
    only = len(container.streams) == 1 and container.duration
    return container.duration / av.time_base if only and container.duration else 0.0


def upright(picture: np.ndarray, frame: av.VideoFrame) -> np.ndarray:
    """Apply the display matrix [a b; c d]: x' = a x + c y, y' = b x + d y, y pointing down."""
    # Asked by `frame.side_data`, the frame and its side data would hold each other, and every
    # picture would lie in memory until the garbage collector comes by.
    side_data = _read_side_data(frame)
    if SideData.DISPLAYMATRIX not in side_data:
        return picture
    matrix = np.frombuffer(bytes(side_data[SideData.DISPLAYMATRIX]), "<i4")
    a, b, c, d = (int(matrix[i]) for i in (0, 1, 3, 4))
    if abs(a) < abs(b):
        picture = picture.swapaxes(0, 1)
        flip_x, flip_y = c < 0, b < 0
    else:
        flip_x, flip_y = a < 0, d < 0
    if flip_x:
        picture = picture[:, ::-1]
    if flip_y:
        picture = picture[::-1]
    return np.ascontiguousarray(picture)


def _cannot_open(path: Path, err: av.FFmpegError) -> BadVideo:
    with open(path, "rb") as file:
        if file.read(8)[4:] == b"ftyp":
            return BadVideo(
                "E101",
                str(path),
                "cannot be opened: its index (the moov atom) is missing, so it was cut short",
                f"{COPY_AGAIN}, or let the recorder finish it",
            )
    return BadVideo(
        "E102",
        str(path),
        f"not a video file that FFmpeg knows ({err.strerror})",
        "put the video itself there, or drop it from labels.json",
    )
