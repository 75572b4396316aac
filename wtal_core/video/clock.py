"""When the frames of a video file are shown, without decoding any."""

from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from wtal_core.errors import BadVideo
from wtal_core.video.container import COPY_AGAIN, open_video, promised_s, video_stream


def read_times(path: Path) -> tuple[NDArray[np.float64], float]:
    """(F,) second at which each frame begins, the first at 0, and the second the last one ends.

    From the packets' timestamps, which agree with those of `decode` on any file that is whole.
    Raises BadVideo as `decode` does for a file that cannot be opened or holds no picture.
    """
    with open_video(path, []) as container:
        stream = video_stream(container, path)
        base = float(stream.time_base or 0)
        rate = float(stream.average_rate or stream.guessed_rate or 25)
        times: list[float] = []
        lengths: dict[float, float] = {}
        try:
            for packet in container.demux(stream):
                if not packet.size or packet.is_discard:
                    continue
                # a file without timestamps has its frames in order and at one rate
                stamp = packet.pts if packet.pts is not None else packet.dts
                raw = stamp * base if stamp is not None else (times[-1] + 1 / rate if times else 0)
                times.append(raw)
                lengths[raw] = (packet.duration or 0) * base
        except (av.FFmpegError, IndexError):
            pass  # its structure is broken here; what lies before can be numbered
        promised = promised_s(container, stream)
    if not times:
        raise BadVideo("E108", str(path), "it holds no packet of video", COPY_AGAIN)
    pts_F = np.sort(np.array(times))
    step = lengths[float(pts_F[-1])] or (
        float(pts_F[-1] - pts_F[-2]) if len(pts_F) > 1 else promised or 1 / rate
    )
    return pts_F - pts_F[0], float(pts_F[-1] - pts_F[0]) + step
