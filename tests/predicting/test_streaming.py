"""Streaming gives what the stages give, whose functions know the number of frames beforehand."""

import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.video.films import picture, write_film
from wtal_core.encoders.windows import centre_frames, flow_or_still, snippet_windows
from wtal_core.errors import BadVideo, WtalError
from wtal_core.grid import SnippetGrid
from wtal_core.predicting.streaming import LiveFrames, Snippet, live_windows, stream_snippets
from wtal_core.schema.video import FlowParams, VideoParams
from wtal_core.video.extract import extract_frames
from wtal_core.video.flow import iter_flow
from wtal_core.video.frames import read_frames

SHAPING = VideoParams(fps=25, short_side=0, crop=20)
FLOW = FlowParams(method="dis", preset="ultrafast", bound=3.0)
GRIDS = {"touching": (16, 16), "overlapping": (10, 4), "single": (1, 1), "apart in odd": (7, 5)}


class Still(LiveFrames):
    """Frames that come from a list, not from a file."""

    def __init__(self, pictures: list[np.ndarray], params: VideoParams = SHAPING) -> None:
        super().__init__(Path("none"), params)
        self.pictures = pictures

    def __iter__(self) -> Iterator[np.ndarray]:
        for one in self.pictures:
            self.count += 1
            yield one
        self.ended = True


def _noise(n: int) -> list[np.ndarray]:
    return list(np.random.default_rng(n).integers(0, 256, (n, 23, 29, 3), np.uint8))


@pytest.mark.parametrize("shape", GRIDS.values(), ids=GRIDS)
@pytest.mark.parametrize("n_frames", [1, 2, 4, 6, 7, 9, 10, 11, 15, 16, 17, 22, 31, 32, 33, 50])
def test_snippets_are_those_of_the_stages(n_frames: int, shape: tuple[int, int]) -> None:
    frames, grid = _noise(n_frames), SnippetGrid(25, *shape)
    found = list(stream_snippets(Still(frames), FLOW, grid, 1))
    fields = flow_or_still(iter_flow(frames, FLOW), frames[0])
    assert len(found) == grid.count(n_frames)
    rgb = list(snippet_windows(frames, n_frames, grid, SHAPING.crop))
    motion = list(snippet_windows(fields, n_frames, grid, SHAPING.crop))
    np.testing.assert_array_equal([one.rgb for one in found], rgb)
    np.testing.assert_array_equal([one.flow for one in found], motion)
    centres = [frames[i] for i in centre_frames(n_frames, grid)]
    np.testing.assert_array_equal([one.centre for one in found], centres)


def test_an_offset_grid() -> None:
    frames, grid = _noise(41), SnippetGrid(25, 12, 8, offset=5)
    found = list(live_windows(iter(live := Still(frames)), live, grid))
    np.testing.assert_array_equal(found, list(snippet_windows(frames, 41, grid, SHAPING.crop)))


def test_threads_change_nothing() -> None:
    def run(threads: int) -> list[Snippet]:
        return list(stream_snippets(Still(_noise(40)), FLOW, SnippetGrid(25, 16, 8), threads))

    for one, three in zip(run(1), run(3), strict=True):
        for a, b in zip(one, three, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("times_ms", [None, [0, 15, 90, 100, 260, 300, 310, 500, 505]])
def test_frames_are_those_of_the_stage(tmp_path: Path, times_ms: list[int] | None) -> None:
    pictures = [picture(i, 46, 62) for i in range(9)]
    film = write_film(tmp_path / "film.mkv", pictures, times_ms)
    params = VideoParams(fps=12.5, short_side=34, crop=30)
    made = extract_frames(film, tmp_path / "frames.mkv", params)
    live = LiveFrames(film, params)
    np.testing.assert_array_equal(list(live), read_frames(tmp_path / "frames.mkv"))
    assert live.ended
    assert (live.count, live.size) == (made.frames, (made.width, made.height))
    assert live.duration_s == made.duration_s


def test_a_video_smaller_than_the_crop_is_refused(tmp_path: Path) -> None:
    film = write_film(tmp_path / "film.mp4", [picture(0)])
    with pytest.raises(WtalError, match=r"52x36 pixels, the run looks at squares of 40"):
        list(LiveFrames(film, VideoParams(short_side=0, crop=40)))


def test_a_film_that_ends_early_is_refused_at_the_end(tmp_path: Path) -> None:
    film = write_film(tmp_path / "film.mkv", [picture(i) for i in range(30)])
    film.write_bytes(film.read_bytes()[:-400])
    with pytest.raises(BadVideo, match="E10"):
        list(stream_snippets(LiveFrames(film, SHAPING), FLOW, SnippetGrid(25, 4, 4), 2))


@pytest.mark.parametrize("threads", [1, 2])
def test_memory_does_not_grow_with_the_length(tmp_path: Path, threads: int) -> None:
    def peak(n_frames: int) -> int:
        pictures = [picture(i, 120, 160) for i in range(40)] * (n_frames // 40)
        film = write_film(tmp_path / f"{n_frames}.mp4", pictures, preset="ultrafast")
        del pictures
        # resized, since pictures as FFmpeg made them are not traced
        live = LiveFrames(film, VideoParams(fps=25, short_side=100, crop=20))
        tracemalloc.start()
        snippets = sum(1 for _ in stream_snippets(live, FLOW, SnippetGrid(25, 8, 8), threads))
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert snippets == n_frames // 8
        return used

    short, long = peak(80), peak(480)
    frame = 100 * 133 * 3
    assert short > 8 * frame  # the window is seen
    assert long < short + 20 * frame  # of 400 more
