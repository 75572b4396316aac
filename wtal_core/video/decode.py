"""Video files to upright RGB frames with true times, and to a constant frame rate."""

import math
import os
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from heapq import heappop, heappush
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from av.container import InputContainer
from av.sidedata.sidedata import Type as SideData
from av.stream import Disposition
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from wtal_core.errors import BadVideo
from wtal_core.video.truncation import missing_bytes

cv2.setNumThreads(1)

# Real video containers only: no play lists, image sequences, subtitles or text art, which read
# other files or turn any text into pictures.
_FORMATS = (
    "mov,matroska,avi,mpegts,mpeg,mpegvideo,flv,asf,ogg,mxf,nut,ivf,rm,wtv,gif,yuv4mpegpipe,"
    "m4v,h264,hevc,obu,dv,mjpeg,swf,vc1"
)
_MAX_BROKEN = 0.01  # share of broken packets and frames that is still decoded
_MAX_GAP_S = 3600.0  # a longer jump in time is a broken clock, not a still picture
_REORDER = 8  # frames within which wrong timestamps are put in order
_MAX_READ_ERRORS = 100  # in a row
_TIMEOUT_S = 60.0  # of one read
_COPY = "copy the file again from its source"


@dataclass(frozen=True)
class VideoInfo:
    """What the header and the first frame say; the counts may be wrong."""

    width: int  # pixels, upright
    height: int
    fps: float  # average frame rate, 0.0 if unknown
    frames: int  # 0 if unknown
    duration_s: float  # 0.0 if unknown
    codec: str
    stream: int  # index in the file of the stream that is decoded


@dataclass(frozen=True)
class DecodedFrame:
    """One frame as shown: when (0 is the first), what, (H, W, 3) uint8 RGB, and for how long."""

    pts_s: float
    rgb: np.ndarray
    duration_s: float


@dataclass
class Tally:
    """Counts that `decode` fills in."""

    frames: int = 0
    broken: int = 0  # packets and frames that the decoder complained about


def probe(path: Path) -> VideoInfo:
    """Look at a file without decoding all of it. Raises BadVideo as `decode` does."""
    with _opened(path) as container:
        stream = _video_stream(container, path)
        for frame in _frames(container, stream, Tally()):
            height, width = _upright(np.empty((frame.height, frame.width)), frame).shape
            duration = (stream.duration or 0) * float(stream.time_base or 0)
            return VideoInfo(
                width=width,
                height=height,
                fps=float(stream.average_rate or 0),
                frames=stream.frames,
                duration_s=duration or (container.duration or 0) / av.time_base,
                codec=stream.codec_context.name,
                stream=stream.index,
            )
    raise _no_frame(path)


def decode(path: Path, tally: Tally | None = None) -> Iterator[DecodedFrame]:
    """Frames of the first real video stream (no cover art), in the order of showing.

    Times come from the file's timestamps, less the first one's; a header's count or rate is not
    believed. Rotations and mirrorings that the file asks for are applied; the pixels' shape
    (sample aspect ratio) is not. RGB is FFmpeg's own conversion. One thread.
    Raises BadVideo (codes in `wtal_core.errors`): at once for a file that cannot be opened or ends
    early, at the end for one with more than 1 % of its packets broken or no frame at all.
    """
    tally = tally if tally is not None else Tally()
    with _opened(path) as container:
        stream = _video_stream(container, path)
        reformat = VideoReformatter().reformat
        for frame, pts_s, duration_s in _timed(container, stream, tally, path):
            tally.frames += 1
            rgb = reformat(frame, format="rgb24", threads=1).to_ndarray()
            yield DecodedFrame(pts_s, _upright(rgb, frame), duration_s)
    if not tally.frames:
        raise _no_frame(path)
    if tally.broken > _MAX_BROKEN * (tally.frames + tally.broken):
        raise BadVideo(
            "E104",
            str(path),
            f"{tally.broken} packets or frames are broken, {tally.frames} frames decode",
            f"{_COPY}, or re-encode it with ffmpeg",
        )


def resample(frames: Iterable[DecodedFrame], fps: float) -> Iterator[np.ndarray]:
    """Constant frame rate: picture k is the frame nearest in time to k / fps.

    Nearest within half a period; with none so near, the frame still on show. So nothing is ever
    shown more than half a period early, however long its predecessor stood. Yields (H, W, 3)
    uint8, round(duration * fps) pictures but at least one; the duration counts the last frame's.
    """
    done, slot, end = 0, 0, 0.0  # pictures given out; slot that is being filled; in seconds
    held: DecodedFrame | None = None  # last frame before the slot
    best: DecodedFrame | None = None  # nearest frame of the slot
    last: DecodedFrame | None = None
    for frame in frames:
        # the small term puts 0.5 - 1e-12, which is a rounding error, on the side of 0.5
        index = math.floor(frame.pts_s * fps + 0.5 + 1e-6)
        if best is None or index > slot:
            yield from _fill(held, best, done, slot)
            done = slot + 1 if best is not None else 0
            slot, held, best = index, last, frame
        elif abs(frame.pts_s * fps - slot) < abs(best.pts_s * fps - slot):
            best = frame
        last, end = frame, frame.pts_s + frame.duration_s
    if best is None or last is None:
        return
    total = max(1, math.floor(end * fps + 0.5 + 1e-6))
    if slot < total:
        yield from _fill(held, best, done, slot)
        done = slot + 1
        held = last
    yield from _fill(held, None, done, total)


def resize(rgb: np.ndarray, short_side: int) -> np.ndarray:
    """(H, W, 3) -> same shape ratio with the shorter side `short_side` pixels; 0 keeps the size.

    Area averages when shrinking, linear interpolation when enlarging.
    """
    height, width = rgb.shape[:2]
    if not short_side or min(height, width) == short_side:
        return rgb
    scale = short_side / min(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return resize_to(rgb, size)


def resize_to(rgb: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(H, W, 3) -> exactly `size` = (width, height)."""
    if (rgb.shape[1], rgb.shape[0]) == size:
        return rgb
    shrinks = size[0] * size[1] < rgb.shape[0] * rgb.shape[1]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    resized: np.ndarray = cv2.resize(rgb, size, interpolation=how)
    return resized


def _fill(
    held: DecodedFrame | None, best: DecodedFrame | None, done: int, slot: int
) -> Iterator[np.ndarray]:
    """Pictures `done` up to `slot` are the held frame; picture `slot` is the best, if any."""
    if held is not None:
        for _ in range(done, slot):
            yield held.rgb
    if best is not None:
        yield best.rgb


def _opened(path: Path) -> InputContainer:
    """Open for reading with nothing but the file itself; BadVideo E101, E102, E106, E109."""
    try:
        size = os.stat(path).st_size
        lacking = missing_bytes(path) if size else 0
    except OSError as err:
        raise BadVideo(
            "E109", str(path), f"cannot be read ({err.strerror})", "check the path and its rights"
        ) from err
    if not size:
        raise BadVideo("E102", str(path), "the file is empty", _COPY)
    options = {"protocol_whitelist": "file", "format_whitelist": _FORMATS}
    try:
        container = av.open(f"file:{path}", options=options, timeout=_TIMEOUT_S)
    except av.FFmpegError as err:
        raise _cannot_open(path, err) from err
    if lacking > _MAX_BROKEN * (size + lacking):
        container.close()
        raise BadVideo(
            "E106", str(path), f"the file ends early: {lacking} bytes are missing", _COPY
        )
    return container


def _cannot_open(path: Path, err: av.FFmpegError) -> BadVideo:
    with open(path, "rb") as file:
        if file.read(8)[4:] == b"ftyp":
            return BadVideo(
                "E101",
                str(path),
                "cannot be opened: its index (the moov atom) is missing, so it was cut short",
                f"{_COPY}, or let the recorder finish it",
            )
    return BadVideo(
        "E102",
        str(path),
        f"not a video file that FFmpeg knows ({err.strerror})",
        "put the video itself there, or drop it from labels.json",
    )


def _video_stream(container: InputContainer, path: Path) -> VideoStream:
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


def _no_frame(path: Path) -> BadVideo:
    return BadVideo("E108", str(path), "not one frame of it decodes", _COPY)


def _frames(
    container: InputContainer, stream: VideoStream, tally: Tally
) -> Iterator[av.VideoFrame]:
    """Decode on past broken packets, counting them."""
    failures = 0
    while failures <= _MAX_READ_ERRORS:
        try:
            for packet in container.demux(stream):
                failures = 0
                try:
                    decoded = packet.decode()
                except av.FFmpegError:
                    tally.broken += 1
                    continue
                for frame in decoded:
                    tally.broken += bool(frame.is_corrupt)
                    yield frame
            return
        except av.FFmpegError:  # the container's own structure is broken here; read on behind it
            tally.broken += 1
            failures += 1


def _timed(
    container: InputContainer, stream: VideoStream, tally: Tally, path: Path
) -> Iterator[tuple[av.VideoFrame, float, float]]:
    """Frames with time and duration in seconds; the first is at 0 and time never stands still.

    A decoder gives frames in the order of showing; where old AVI files mix up their timestamps,
    the n-th frame gets the n-th smallest.
    """
    base = float(stream.time_base or 0)
    rate = float(stream.average_rate or stream.guessed_rate or 25)
    step = 1 / rate if 0 < rate <= 1000 else 0.04  # seconds; the guess where a timestamp lacks
    waiting: deque[av.VideoFrame] = deque()
    times: list[float] = []
    start: float | None = None
    previous = raw = -step

    def release() -> tuple[av.VideoFrame, float, float]:
        nonlocal start, previous
        frame, time = waiting.popleft(), heappop(times)
        start = time if start is None else start
        pts_s = time - start
        if pts_s <= previous:
            pts_s = previous + step
        if pts_s - previous > _MAX_GAP_S:
            raise BadVideo(
                "E107",
                str(path),
                f"its timestamps jump from {previous:.1f} s to {pts_s:.1f} s",
                "remux it: ffmpeg -fflags +genpts -i IN -c copy OUT",
            )
        previous = pts_s
        duration = (frame.duration or 0) * base
        return frame, pts_s, duration if 0 < duration <= _MAX_GAP_S else step

    for frame in _frames(container, stream, tally):
        raw = frame.pts * base if frame.pts is not None else raw + step
        waiting.append(frame)
        heappush(times, raw)
        if len(waiting) > _REORDER:
            yield release()
    while waiting:
        yield release()


def _upright(picture: np.ndarray, frame: av.VideoFrame) -> np.ndarray:
    """Apply the display matrix [a b; c d]: x' = a x + c y, y' = b x + d y, y pointing down."""
    side_data: Any = frame.side_data  # PyAV's stub does not know its keys
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
