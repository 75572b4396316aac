"""Video files to upright RGB frames with true times."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from wtal_core.errors import BadVideo
from wtal_core.video.complaints import heard, listen
from wtal_core.video.container import COPY_AGAIN, open_video, promised_s, upright, video_stream

_MAX_BROKEN = 0.01  # share of broken packets and frames that is still decoded
_MIN_SHARE = 0.95  # of the promised length that must decode, once FFmpeg has complained
_MAX_GAP_S = 3600.0  # a longer jump in time is a broken clock, not a still picture
_MAX_GUESS_S = 1.0  # of the last frame's length, when the file does not tell it
_REORDER = 8  # frames within which wrong timestamps are put in order
_MAX_READ_ERRORS = 100  # in a row
_KEPT_BYTES = 24 << 20  # of freed pictures; glibc takes no more than 32 MiB


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
    broken: int = 0  # packets and frames that do not decode
    complaints: list[str] = field(default_factory=list)  # FFmpeg's own words


def probe(path: Path) -> VideoInfo:
    """Look at a file without decoding all of it. Raises BadVideo as `decode` does."""
    with open_video(path, []) as container:
        stream = video_stream(container, path)
        for frame in _frames(container, stream, Tally()):
            height, width = upright(np.empty((frame.height, frame.width)), frame).shape
            return VideoInfo(
                width=width,
                height=height,
                fps=float(stream.average_rate or 0),
                frames=stream.frames,
                duration_s=promised_s(container, stream),
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
    end = 0.0
    # glibc gives freed pictures back to the system and begs for the next one page by page, a tenth
    # of the time, until it has seen a larger block freed. No page of this one is ever touched.
    np.empty(_KEPT_BYTES, np.uint8)
    with open_video(path, tally.complaints) as container:
        stream = video_stream(container, path)
        promised = promised_s(container, stream)
        reformat = VideoReformatter().reformat
        for frame, pts_s, duration_s in _timed(container, stream, tally, path):
            tally.frames, end = tally.frames + 1, pts_s + duration_s
            rgb = reformat(frame, format="rgb24", threads=1).to_ndarray()
            yield DecodedFrame(pts_s, upright(rgb, frame), duration_s)
    if not tally.frames:
        raise _no_frame(path)
    if tally.broken > _MAX_BROKEN * (tally.frames + tally.broken):
        cause = f"{tally.broken} packets or frames are broken, {tally.frames} frames decode"
        raise BadVideo("E104", str(path), cause, f"{COPY_AGAIN}, or re-encode it with ffmpeg")
    if tally.complaints and end < _MIN_SHARE * promised:
        # a header may promise too much in peace; with complaints the rest got lost
        cause = f"{end:.2f} s of {promised:.2f} s decode (FFmpeg: {tally.complaints[0]})"
        raise BadVideo("E106", str(path), cause, COPY_AGAIN)


def _frames(
    container: InputContainer, stream: VideoStream, tally: Tally
) -> Iterator[av.VideoFrame]:
    """Decode on past broken packets, counting them and collecting FFmpeg's complaints."""
    failures = 0
    while failures <= _MAX_READ_ERRORS:
        try:
            for packet in listen(container.demux(stream), tally.complaints):
                failures = 0
                for frame in _decoded(packet, tally):
                    tally.broken += bool(frame.is_corrupt)
                    yield frame
            return
        # The container's own structure is broken here: read on behind it. PyAV has the
        # IndexError for a packet of a stream that the header does not know.
        except (av.FFmpegError, IndexError):
            tally.broken += 1
            failures += 1


def _decoded(packet: "av.Packet[VideoStream]", tally: Tally) -> list[av.VideoFrame]:
    try:
        with heard(tally.complaints):
            return packet.decode()
    except av.FFmpegError:
        tally.broken += 1
        return []


def _timed(
    container: InputContainer, stream: VideoStream, tally: Tally, path: Path
) -> Iterator[tuple[av.VideoFrame, float, float]]:
    """Frames with time and duration in seconds; the first is at 0 and time never stands still.

    A decoder gives frames in the order of showing; where old AVI files mix up their timestamps,
    the n-th frame gets the n-th smallest.
    """
    promised = promised_s(container, stream)
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
        if pts_s - previous > _MAX_GAP_S or (promised and pts_s > 2 * promised + 10):
            raise BadVideo(
                "E107",
                str(path),
                f"its timestamps jump from {previous:.1f} s to {pts_s:.1f} s",
                "remux it: ffmpeg -fflags +genpts -i IN -c copy OUT",
            )
        length, gap = (frame.duration or 0) * base, pts_s - previous
        # none at all, or one tick of a fine clock, means that the muxer did not know
        if not 0 < length <= _MAX_GAP_S or (frame.duration == 1 and gap > 2 * base):
            length = min(gap, _MAX_GUESS_S)
        previous = pts_s
        return frame, pts_s, length

    for frame in _frames(container, stream, tally):
        raw = frame.pts * base if frame.pts is not None else raw + step
        waiting.append(frame)
        heappush(times, raw)
        if len(waiting) > _REORDER:
            yield release()
    while waiting:
        yield release()


def _no_frame(path: Path) -> BadVideo:
    return BadVideo("E108", str(path), "not one frame of it decodes", COPY_AGAIN)
