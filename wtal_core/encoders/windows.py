"""From the pictures of one video to the snippets of the grid, one batch in memory at a time.

B snippets, C channels, F frames of a snippet, H W pixels.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import chain, islice

import numpy as np
import torch

from wtal_core.grid import SnippetGrid

_STILL = 128  # the level of quantised flow that means no motion


def snippet_batches(
    pictures: Iterable[np.ndarray], n_frames: int, grid: SnippetGrid, crop: int, batch: int
) -> Iterator[torch.Tensor]:
    """Snippets as I3D takes them: float32 (B, C, F, crop, crop) in [-1, 1], B <= `batch`.

    pictures: (H, W, C) uint8, either the `n_frames` frames of a video or its `n_frames - 1` flow
    fields, whose levels 0..255 mean -1..1 too. There are `grid.count(n_frames)` snippets.
    """
    windows = snippet_windows(pictures, n_frames, grid, crop)
    while chosen := list(islice(windows, batch)):
        clips_BFHWC = torch.from_numpy(np.stack(chosen))
        yield clips_BFHWC.permute(0, 4, 1, 2, 3).float() / 127.5 - 1


def snippet_windows(
    pictures: Iterable[np.ndarray], n_frames: int, grid: SnippetGrid, crop: int
) -> Iterator[np.ndarray]:
    """The window (F, crop, crop, C) uint8 of each snippet, cut from the centre.

    Where pictures are missing at the end (a video shorter than a window; flow, which has one
    field less than there are frames) the last one is repeated.
    """
    end = grid.offset + (grid.count(n_frames) - 1) * grid.stride + grid.window
    window: deque[np.ndarray] = deque(maxlen=grid.window)
    for seen, picture in enumerate(_lengthen(pictures, end), start=1 - grid.offset - grid.window):
        window.append(centre_crop(picture, crop))
        if seen >= 0 and seen % grid.stride == 0:
            yield np.stack(window)


def flow_or_still(fields: Iterable[np.ndarray], frame: np.ndarray) -> Iterator[np.ndarray]:
    """The flow fields of a video, or no motion at the size of `frame` when it has a frame only."""
    fields = iter(fields)
    first = next(fields, None)
    if first is None:
        first = np.full((*frame.shape[:2], 2), _STILL, np.uint8)
    return chain([first], fields)


def centre_frames(n_frames: int, grid: SnippetGrid) -> np.ndarray:
    """(T,) index of the frame in the middle of each snippet, of a short video its last one."""
    centres = [grid.centre_frame(i) for i in range(grid.count(n_frames))]
    return np.minimum(centres, n_frames - 1)


def centre_crop(picture: np.ndarray, crop: int) -> np.ndarray:
    """The square (crop, crop, C) in the middle of (H, W, C); an odd rest goes below and right.

    Raises ValueError for a picture smaller than the square.
    """
    height, width = picture.shape[:2]
    if min(height, width) < crop:
        raise ValueError(f"cannot cut {crop}x{crop} pixels out of {height}x{width}")
    top, left = (height - crop) // 2, (width - crop) // 2
    return picture[top : top + crop, left : left + crop]


def _lengthen(pictures: Iterable[np.ndarray], length: int) -> Iterator[np.ndarray]:
    """The first `length` pictures, the last one repeated when there are fewer."""
    last: np.ndarray | None = None
    count = 0
    for last in pictures:
        if count == length:
            return
        yield last
        count += 1
    if last is None:
        raise ValueError("a video without pictures has no snippets")
    for _ in range(count, length):
        yield last
