"""Windows of a video on the snippet grid."""

import numpy as np
import pytest
import torch

from wtal_core.encoders.windows import (
    centre_crop,
    centre_frames,
    flow_or_still,
    snippet_batches,
    snippet_windows,
)
from wtal_core.grid import SnippetGrid


def numbered(count: int, channels: int = 3) -> list[np.ndarray]:
    """Pictures of 4 x 6 pixels that show their own number."""
    return [np.full((4, 6, channels), n, np.uint8) for n in range(count)]


def shown(pictures: list[np.ndarray], n_frames: int, grid: SnippetGrid) -> list[list[int]]:
    windows = list(snippet_windows(iter(pictures), n_frames, grid, crop=3))
    assert all(w.shape == (grid.window, 3, 3, pictures[0].shape[-1]) for w in windows)
    return [w[:, 0, 0, 0].tolist() for w in windows]


def test_windows_fit_and_the_rest_is_left_out() -> None:
    grid = SnippetGrid(fps=25, window=4, stride=4)
    assert shown(numbered(11), 11, grid) == [[0, 1, 2, 3], [4, 5, 6, 7]]


def test_overlapping_windows_and_offset() -> None:
    grid = SnippetGrid(fps=25, window=4, stride=2, offset=1)
    assert shown(numbered(9), 9, grid) == [[1, 2, 3, 4], [3, 4, 5, 6], [5, 6, 7, 8]]


def test_short_video_repeats_its_last_frame() -> None:
    grid = SnippetGrid(fps=25, window=4, stride=4)
    assert shown(numbered(2), 2, grid) == [[0, 1, 1, 1]]


def test_flow_repeats_its_last_field() -> None:
    grid = SnippetGrid(fps=25, window=4, stride=4)
    assert shown(numbered(7, channels=2), 8, grid) == [[0, 1, 2, 3], [4, 5, 6, 6]]


@pytest.mark.parametrize("n_frames", [1, 3, 4, 5, 17, 18, 19])
@pytest.mark.parametrize("offset", [0, 2])
def test_frames_and_flow_give_as_many_windows_as_the_grid(n_frames: int, offset: int) -> None:
    grid = SnippetGrid(fps=25, window=5, stride=3, offset=offset)
    fields = flow_or_still(numbered(n_frames - 1, 2), numbered(1)[0])
    assert len(shown(numbered(n_frames), n_frames, grid)) == grid.count(n_frames)
    assert len(list(snippet_windows(fields, n_frames, grid, 3))) == grid.count(n_frames)
    assert len(centre_frames(n_frames, grid)) == grid.count(n_frames)


def test_no_more_pictures_are_read_than_needed() -> None:
    pictures = iter(numbered(11))
    list(snippet_windows(pictures, 11, SnippetGrid(25, 4, 4), 3))
    assert next(pictures)[0, 0, 0] >= 8  # a video's tail need not be decoded


def test_one_frame_has_no_motion() -> None:
    (field,) = flow_or_still([], np.zeros((4, 6, 3), np.uint8))
    assert field.shape == (4, 6, 2)
    assert (field == 128).all()
    given = numbered(2, 2)
    assert [f[0, 0, 0] for f in flow_or_still(given, np.zeros((4, 6, 3), np.uint8))] == [0, 1]


def test_centre_frames() -> None:
    grid = SnippetGrid(fps=25, window=16, stride=16)
    assert centre_frames(50, grid).tolist() == [8, 24, 40]  # times (16 i + 8) / 25 s, method A24
    assert centre_frames(5, grid).tolist() == [4]


def test_batches_are_channels_first_and_scaled() -> None:
    grid = SnippetGrid(fps=25, window=2, stride=2)
    pictures = [np.full((4, 6, 3), (0, 51, 255), np.uint8)] * 6
    pictures[3] = np.full((4, 6, 3), 102, np.uint8)
    batches = list(snippet_batches(pictures, 6, grid, crop=4, batch=2))
    assert [b.shape for b in batches] == [(2, 3, 2, 4, 4), (1, 3, 2, 4, 4)]
    assert batches[0].dtype == torch.float32
    torch.testing.assert_close(batches[0][0, :, 0, 0, 0], torch.tensor([-1.0, -0.6, 1.0]))
    torch.testing.assert_close(batches[0][1, :, 1, 3, 3], torch.full((3,), -0.2))


def test_crop_is_in_the_middle() -> None:
    picture = np.arange(5 * 8, dtype=np.uint8).reshape(5, 8, 1)
    np.testing.assert_array_equal(
        centre_crop(picture, 3)[..., 0], [[10, 11, 12], [18, 19, 20], [26, 27, 28]]
    )
    with pytest.raises(ValueError, match="6x6 pixels out of 5x8"):
        centre_crop(picture, 6)


def test_no_pictures() -> None:
    with pytest.raises(ValueError, match="without pictures"):
        list(snippet_windows([], 3, SnippetGrid(25, 4, 4), 3))
