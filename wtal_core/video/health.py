"""A video file decoded to its end: what it really holds, beside what its header says."""

from dataclasses import asdict, dataclass
from math import atan2, degrees
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.container import InputContainer
from av.sidedata.sidedata import Type as SideData
from av.video.stream import VideoStream

from wtal_core.video.container import open_video, promised_s, video_stream
from wtal_core.video.decode import Tally, decode

# Matroska keeps times in whole milliseconds, so gaps at a constant rate differ by up to two.
_CLOCK_S = 0.0025
_VARIABLE = 0.01  # share of odd gaps from which the rate is called variable


@dataclass(frozen=True)
class Health:
    """What was found; figures of the header are 0 where it says nothing."""

    container: str
    codec: str
    frames: int  # that decode
    broken: int  # packets and frames that do not
    complaints: int  # of FFmpeg's, while the frames came
    duration_s: float  # of the pictures
    fps: float  # frames over time; 0.0 for a single frame
    odd_gaps: int  # between frames, other than the usual one
    longest_gap_s: float
    variable: bool  # more than 1 % of the gaps are odd
    width: int  # of the first frame, upright
    height: int
    resized: bool  # the size changes on the way
    rotation: int  # degrees clockwise that the file asks for
    mirrored: bool
    header_frames: int
    header_s: float
    header_fps: float
    video_streams: int  # cover art included
    sounds: int

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


def examine(path: Path) -> Health:
    """Decode all of a file. Raises BadVideo as `decode` does; one thread, memory for one frame."""
    head = _read_head(path)
    tally, times = Tally(), []
    sizes: dict[tuple[int, int], None] = {}
    end = 0.0
    for frame in decode(path, tally):
        times.append(frame.pts_s)
        end = frame.pts_s + frame.duration_s
        sizes[frame.rgb.shape[1], frame.rgb.shape[0]] = None
    gaps = np.diff(times)
    usual = float(np.median(gaps)) if len(gaps) else 0.0
    odd = int((np.abs(gaps - usual) > _CLOCK_S + 0.01 * usual).sum())
    width, height = next(iter(sizes))
    return Health(
        frames=len(times),
        broken=tally.broken,
        complaints=len(tally.complaints),
        duration_s=round(end, 6),
        fps=round(float(len(gaps) / times[-1]), 4) if len(gaps) else 0.0,
        odd_gaps=odd,
        longest_gap_s=round(float(gaps.max(initial=0.0)), 6),
        variable=odd > _VARIABLE * len(gaps),
        width=width,
        height=height,
        resized=len(sizes) > 1,
        **head,
    )


def _read_head(path: Path) -> dict[str, Any]:
    with open_video(path, []) as container:
        stream = video_stream(container, path)
        rotation, mirrored = _orientation(container, stream)
        return {
            "container": container.format.name,
            "codec": stream.codec_context.name,
            "rotation": rotation,
            "mirrored": mirrored,
            "header_frames": stream.frames,
            "header_s": round(promised_s(container, stream), 6),
            "header_fps": round(float(stream.average_rate or 0), 4),
            "video_streams": len(container.streams.video),
            "sounds": len(container.streams.audio),
        }


def _orientation(container: InputContainer, stream: VideoStream) -> tuple[int, bool]:
    """Degrees clockwise, and whether the picture is mirrored, by the first frame's display matrix.

    [a b; c d] of `wtal_core.video.container.upright`: x' = a x + c y, y' = b x + d y, y downwards.
    """
    try:
        frame = next(iter(container.decode(stream)), None)
    except av.FFmpegError:  # broken at the start; `decode` goes on behind it
        return 0, False
    side_data: Any = frame.side_data if frame else {}
    if SideData.DISPLAYMATRIX not in side_data:
        return 0, False
    matrix = np.frombuffer(bytes(side_data[SideData.DISPLAYMATRIX]), "<i4").astype(float)
    a, b, c, d = (float(matrix[i]) for i in (0, 1, 3, 4))
    return round(degrees(atan2(b, a))) % 360, a * d - b * c < 0
