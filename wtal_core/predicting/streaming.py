"""One pass over a video file: its frames, shaped as the run's, and what each snippet is made of.

The same arithmetic as the stages frames, flow and features_*, without files in between. How many
frames there are is known only at the end, so nothing here asks before.
"""

import sys
from collections.abc import Generator, Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from itertools import chain, tee
from pathlib import Path
from typing import NamedTuple

import numpy as np

from wtal_core.encoders.windows import flow_or_still, snippet_windows
from wtal_core.errors import WtalError
from wtal_core.grid import SnippetGrid
from wtal_core.predicting.ahead import Ahead
from wtal_core.schema.video import FlowParams, VideoParams
from wtal_core.video.decode import DecodedFrame, Tally, decode
from wtal_core.video.flow import iter_flow
from wtal_core.video.resample import resample, resize, resize_to

_FRAMES_AHEAD = 8  # decoded before flow asks: decoding is the quicker one
_ENDLESS = sys.maxsize // 2**16  # frames: more than any video has


@dataclass
class LiveFrames:
    """The frames of a file at `params.fps`, its shorter side `params.short_side`; one pass.

    Iterating raises BadVideo as `decode` does, and WtalError for frames smaller than the crop.
    """

    source: Path
    params: VideoParams
    count: int = 0  # frames given out
    ended: bool = False
    duration_s: float = 0.0  # of the source's pictures, so far
    size: tuple[int, int] = (0, 0)  # width and height of the frames given out
    tally: Tally = field(default_factory=Tally)

    def __iter__(self) -> Iterator[np.ndarray]:
        for rgb in resample(self._noted(), self.params.fps):
            if not self.count:
                self.size = self._size(rgb)
            self.count += 1
            # a file may change its size on the way; all of its frames get the first one's
            yield resize_to(rgb, self.size)
        self.ended = True

    def _noted(self) -> Iterator[DecodedFrame]:
        for frame in decode(self.source, self.tally):
            self.duration_s = round(frame.pts_s + frame.duration_s, 6)
            yield frame

    def _size(self, rgb: np.ndarray) -> tuple[int, int]:
        height, width = resize(rgb, self.params.short_side).shape[:2]
        if min(height, width) < self.params.crop:
            raise WtalError(
                f"{self.source}: its frames are {width}x{height} pixels, the run looks at squares "
                f"of {self.params.crop} (video.crop); enlarge the video, or train with "
                "video.short_side above 0"
            )
        return width, height


class Snippet(NamedTuple):
    """What the encoders see of one snippet."""

    rgb: np.ndarray  # (F, crop, crop, 3) uint8
    flow: np.ndarray  # (F, crop, crop, 2) uint8
    centre: np.ndarray  # (H, W, 3) uint8


def stream_snippets(
    frames: LiveFrames, flow: FlowParams, grid: SnippetGrid, threads: int
) -> Iterator[Snippet]:
    """The snippets of a video in order, `grid.count(frames)` of them.

    Decoding goes on in a thread of its own and flow in `threads` more, while a snippet is looked
    at. In memory are the frames of a window or two, those of the pairs in work, and a few decoded
    ahead. When the generator is closed, all threads are gone.
    """
    with ExitStack() as open_until_then:
        decoded = open_until_then.enter_context(Ahead(iter(frames), _FRAMES_AHEAD))
        for_rgb, for_flow, for_centre = tee(decoded, 3)
        fields = open_until_then.enter_context(closing(flow_fields(for_flow, flow, threads)))
        rgb = live_windows(for_rgb, frames, grid)
        motion = live_windows(fields, frames, grid)
        centres = live_centres(for_centre, frames, grid)
        # RGB comes first: it reads the frames that the other two find waiting
        for pictures in zip(rgb, motion, centres, strict=True):
            yield Snippet(*pictures)


def flow_fields(
    frames: Iterator[np.ndarray], params: FlowParams, threads: int
) -> Generator[np.ndarray]:
    """Quantised flow (H, W, 2) uint8 of each frame to the next; no motion for a single frame."""
    still = next(frames)
    # not with tee: in some versions of Python it would hold every frame from here on
    fields = iter_flow(chain([still], frames), params, threads)
    try:
        yield from flow_or_still(fields, still)
    finally:
        fields.close()


def live_windows(
    pictures: Iterable[np.ndarray], frames: LiveFrames, grid: SnippetGrid
) -> Iterator[np.ndarray]:
    """The windows of `encoders.windows.snippet_windows`, for a number of frames not known yet.

    That function fills up what is missing at the end, without end here; a window is real as long
    as the grid has it.
    """
    windows = snippet_windows(pictures, _ENDLESS, grid, frames.params.crop)
    for number, window in enumerate(windows):
        if frames.ended and number >= grid.count(frames.count):
            return
        yield window


def live_centres(
    pictures: Iterable[np.ndarray], frames: LiveFrames, grid: SnippetGrid
) -> Iterator[np.ndarray]:
    """The frame in the middle of each snippet, as `encoders.windows.centre_frames` numbers them."""
    number = 0
    last: np.ndarray | None = None
    for index, last in enumerate(pictures):
        if index == grid.centre_frame(number):
            # the video may end before the window round it does
            if frames.ended and number >= grid.count(frames.count):
                return
            yield last
            number += 1
    if number == 0 and last is not None:  # shorter than half a window
        yield last
