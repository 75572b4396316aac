"""One video file to stored frames: decode, resample, resize, write."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wtal_core.schema.video import VideoParams
from wtal_core.video.decode import DecodedFrame, Tally, decode
from wtal_core.video.frames import write_frames
from wtal_core.video.resample import resample, resize, resize_to


@dataclass
class Extracted:
    """What became of one video."""

    frames: int  # stored, at `fps`
    fps: float
    width: int  # of the stored frames
    height: int
    duration_s: float  # of the source's pictures
    decoded: int  # frames in the source
    broken: int  # packets and frames of the source that the decoder complained about

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


def extract_frames(source: Path, target: Path, params: VideoParams) -> Extracted:
    """Store the frames of `source` in `target` at `params.fps`, shorter side `short_side`.

    Memory does not grow with the video's length. Raises BadVideo.
    """
    tally = Tally()
    result = Extracted(0, params.fps, 0, 0, 0.0, 0, 0)

    def noted() -> Iterator[DecodedFrame]:
        for frame in decode(source, tally):
            result.duration_s = round(frame.pts_s + frame.duration_s, 6)
            yield frame

    def sized() -> Iterator[np.ndarray]:
        size = None
        for rgb in resample(noted(), params.fps):
            if size is None:
                first = resize(rgb, params.short_side)
                size = (first.shape[1], first.shape[0])
                result.width, result.height = size
            # a file may change its size on the way; all of its frames are stored in the first one
            yield resize_to(rgb, size)

    result.frames = write_frames(target, sized(), params.fps)
    result.decoded, result.broken = tally.frames, tally.broken
    return result
