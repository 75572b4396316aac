"""The encoders through every backend: the reference's features, the same bytes in any batch."""

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib import import_module
from typing import Any

import pytest
import torch

from tests.encoders.test_i3d import narrow
from wtal_core.encoders import nets
from wtal_core.encoders.backends import Backend, Machine, has_openvino
from wtal_core.encoders.clip import build_clip, load_clip
from wtal_core.encoders.clip_image import encode_images
from wtal_core.encoders.clip_net import images_at_once, open_clip_images
from wtal_core.encoders.i3d_folded import FoldedI3d
from wtal_core.encoders.i3d_net import clips_at_once, open_i3d
from wtal_core.encoders.openvino_net import load_openvino
from wtal_core.errors import WtalError

WIDTH, SIZES = 0.07, (6, 37, 40)
CONFIG = {
    "embed_dim": 12,
    "vision_cfg": {"image_size": 16, "patch_size": 8, "width": 32, "layers": 2, "head_width": 8},
    "text_cfg": {"context_length": 7, "width": 8, "heads": 1, "layers": 1},
}
ALL = [
    pytest.param(
        Backend(name, precision),
        id=f"{name}-{precision}",
        marks=[
            pytest.mark.skipif(
                name == "openvino" and not has_openvino(),
                reason="OpenVINO is not installed: pip install 'wtal[openvino]'",
            ),
            pytest.mark.skipif(name == "compile" and not shutil.which("g++"), reason="needs g++"),
        ],
    )
    for name in ("torch", "compile", "openvino")
    for precision in ("fp32", "bf16")
]
EAGER = [case for case in ALL if not str(case.id).startswith("compile")]
COMPILED = [case for case in ALL if str(case.id).startswith("compile")]


needs_openvino = pytest.mark.skipif(
    not has_openvino(), reason="OpenVINO is not installed: pip install 'wtal[openvino]'"
)


@pytest.fixture(scope="module", autouse=True)
def _compiled_here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Not by another run: torch takes code made for another processor, too, and crashes."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("inductor")
        patch.setenv("TORCHINDUCTOR_CACHE_DIR", str(folder))
        yield


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(1)


@cache
def i3d_net(backend: Backend) -> nets.Net:
    return opened(lambda: open_i3d(WIDTH, narrow().state_dict(), SIZES, backend, streams=2))


@cache
def clip_net(backend: Backend) -> nets.Net:
    return opened(lambda: open_clip_images(CONFIG, clip_state(), backend, streams=2))


def opened(make: Callable[[], nets.Net]) -> nets.Net:
    try:
        return make()
    except WtalError as err:  # OpenVINO's own word on the processor
        if "OpenVINO computes in" not in str(err):
            raise
        pytest.skip(str(err))


@cache
def clip_state() -> dict[str, torch.Tensor]:
    torch.manual_seed(5)
    return build_clip(CONFIG).state_dict()


def clips(count: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randint(0, 256, (count, 3, *SIZES), generator=generator) / 127.5 - 1


def images(count: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(2)
    size = (count, 21, 26, 3)
    return torch.randint(0, 256, size, generator=generator).to(torch.uint8)


def check_near(found: torch.Tensor, reference: torch.Tensor, backend: Backend) -> None:
    assert found.dtype == torch.float32
    if backend.precision == "fp32":
        torch.testing.assert_close(found, reference, rtol=1e-4, atol=1e-5)
    else:
        cosine = torch.cosine_similarity(found, reference)
        assert cosine.min() > 0.999
        assert not torch.equal(found, reference)  # it really is another precision


@pytest.mark.parametrize("backend", EAGER)
def test_i3d_is_the_reference_network(backend: Backend) -> None:
    with torch.no_grad():
        reference = narrow()(clips(5))
    check_near(i3d_net(backend)(clips(5)), reference, backend)
    if backend == nets.REFERENCE:
        assert torch.equal(i3d_net(backend)(clips(8)), narrow()(clips(8)))


@pytest.mark.parametrize("backend", [*EAGER, COMPILED[1]])
def test_clip_is_the_reference_network(backend: Backend) -> None:
    model = load_clip(CONFIG, clip_state())
    with torch.no_grad():
        reference = encode_images(model, images(5))
    check_near(clip_net(backend)(images(5)), reference, backend)


@pytest.mark.long  # a minute each
@pytest.mark.parametrize("backend", COMPILED)
def test_the_compiled_networks(backend: Backend) -> None:
    test_i3d_is_the_reference_network(backend)
    test_clip_is_the_reference_network(backend)
    check_equal_bytes("i3d", backend)


@pytest.mark.parametrize("backend", EAGER)
def test_equal_bytes_of_i3d(backend: Backend) -> None:
    check_equal_bytes("i3d", backend)


@pytest.mark.parametrize("backend", [*EAGER, COMPILED[1]])
def test_equal_bytes_of_clip(backend: Backend) -> None:
    check_equal_bytes("clip", backend)


def check_equal_bytes(kind: str, backend: Backend) -> None:
    """Whatever the batch, the order and the number of threads."""
    net = i3d_net(backend) if kind == "i3d" else clip_net(backend)
    inputs = clips(11) if kind == "i3d" else images(21)
    whole = net(inputs)
    assert 1 < net.rows < len(inputs)
    for batch in (1, 3, net.rows):
        parts = torch.cat([net(part) for part in inputs.split(batch)])
        assert torch.equal(parts.half(), whole.half()), batch
    order = torch.randperm(len(inputs), generator=torch.Generator().manual_seed(3))
    assert torch.equal(net(inputs[order]).half(), whole[order].half())
    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(net, [inputs, inputs[order]] * 2))
    assert all(torch.equal(feat.half(), whole.half()) for feat in both[::2])
    if backend.backend == "torch":
        torch.set_num_threads(3)
        assert torch.equal(net(inputs).half(), whole.half())


@pytest.mark.parametrize("sizes", [(16, 20, 18), (7, 37, 52), (1, 8, 9), (4, 64, 33)])
def test_folding_keeps_the_features_of_every_size(sizes: tuple[int, int, int]) -> None:
    torch.manual_seed(6)
    clip = torch.rand(2, 3, *sizes) * 2 - 1
    model = narrow()
    with torch.no_grad():
        torch.testing.assert_close(FoldedI3d(model, sizes)(clip), model(clip), rtol=1e-4, atol=1e-5)


def test_folding_leaves_the_network_alone() -> None:
    model = narrow()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    FoldedI3d(model, SIZES, torch.bfloat16)
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


@pytest.mark.parametrize(
    ("sizes", "count"),
    [((16, 224, 224), 1), ((16, 112, 112), 4), ((16, 40, 40), 8), ((64, 320, 320), 1)],
)
def test_clips_at_once(sizes: tuple[int, int, int], count: int) -> None:
    assert clips_at_once(sizes) == count


@pytest.mark.parametrize(("size", "count"), [(224, 1), (336, 1), (112, 4), (40, 16)])
def test_images_at_once(size: int, count: int) -> None:
    assert images_at_once(size) == count


def test_rows_and_what_fills_them_up() -> None:
    seen: list[int] = []

    def forward(x_B: torch.Tensor) -> torch.Tensor:
        seen.append(len(x_B))
        return x_B.sum(dim=1, keepdim=True).float()

    net = nets.Net(forward, rows=3, device="cpu", dim=1)
    found = net(torch.arange(14, dtype=torch.uint8).view(7, 2))
    assert found.flatten().tolist() == [1, 5, 9, 13, 17, 21, 25]
    assert seen == [3, 3, 3]
    assert [net.whole(batch) for batch in (1, 3, 4, 8)] == [3, 3, 6, 9]


@needs_openvino
def test_openvino_says_what_the_processor_cannot_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own way is to compute at another precision in silence."""
    openvino = load_openvino()
    real = openvino.Core

    class Core:
        """A processor without bfloat16."""

        def compile_model(self, model: Any, device: str, settings: dict[str, Any]) -> Any:
            return real().compile_model(
                model, device, settings | {"INFERENCE_PRECISION_HINT": "f32"}
            )

    monkeypatch.setattr(openvino, "Core", Core)
    with pytest.raises(
        WtalError, match=r"OpenVINO computes in f32 .*not in bf16.*encoders.precision"
    ):
        open_i3d(WIDTH, narrow().state_dict(), SIZES, Backend("openvino", "bf16"))


@needs_openvino
def test_openvino_tells_nobody() -> None:
    """Its conversions report themselves over the network unless they are kept from it."""
    load_openvino()
    ovc = "openvino.tools.ovc"
    stub = import_module(f"{ovc}.telemetry_stub")
    assert import_module(f"{ovc}.convert_impl").tm is stub
    assert import_module(f"{ovc}.telemetry_utils").tm is stub


def test_a_backend_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nets, "find_machine", lambda: Machine(bf16=True, openvino=False))
    with pytest.raises(WtalError, match="OpenVINO, which is not installed"):
        open_clip_images(CONFIG, clip_state(), Backend("openvino", "fp32"))
