"""Which TV-L1 runs where, what records and keys say of it, and what a machine lacks for a GPU."""

import importlib.util
import logging
import subprocess
import sys
from collections.abc import Iterator

import pytest
import torch

from stages import flow as stage
from wtal_core.errors import WtalError
from wtal_core.schema.video import FlowParams
from wtal_core.video import flow
from wtal_core.video.tvl1 import engine, presence
from wtal_core.video.tvl1.presence import gpu_serves


@pytest.fixture(autouse=True)
def _asked_anew() -> Iterator[None]:
    gpu_serves.cache_clear()
    yield
    gpu_serves.cache_clear()


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """One with all that a GPU needs; tests take something away."""
    monkeypatch.setattr(presence, "_has_driver", lambda: True)
    monkeypatch.setattr(torch.version, "cuda", "13.2")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    return monkeypatch


def take_away(machine: pytest.MonkeyPatch, what: str) -> None:
    if what == "driver":
        machine.setattr(presence, "_has_driver", lambda: False)
    elif what == "build":
        machine.setattr(torch.version, "cuda", None)
    elif what == "device":
        machine.setattr(torch.cuda, "is_available", lambda: False)
    else:
        machine.setattr(importlib.util, "find_spec", lambda name: None)


LACKS = [("driver", "no NVIDIA driver"), ("build", "built without CUDA"),
         ("device", "finds no GPU"), ("triton", "pip install triton")]  # fmt: skip


@pytest.mark.parametrize(("what", "said"), LACKS)
def test_what_is_missing_is_named(machine: pytest.MonkeyPatch, what: str, said: str) -> None:
    take_away(machine, what)
    params = FlowParams(backend="cuda")
    for ask in (flow.prepare, flow.identify, stage.version):
        with pytest.raises(WtalError, match=rf"flow.backend cuda: .*{said}.*set flow.backend to"):
            ask(params)


@pytest.mark.parametrize(("what", "said"), LACKS)
def test_auto_goes_on_without_and_says_why(
    machine: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, what: str, said: str
) -> None:
    take_away(machine, what)
    with caplog.at_level(logging.WARNING):
        assert not flow.on_gpu(FlowParams())
        assert not flow.on_gpu(FlowParams())
    # Most machines have no GPU: nothing to say. One that lies idle is told once.
    assert len(caplog.records) == (what != "driver")
    assert (said in caplog.text) == (what != "driver")
    assert flow.identify(FlowParams()) == flow.identify(FlowParams(backend="numba"))


def test_a_gpu_has_its_own_name_in_records_and_keys(machine: pytest.MonkeyPatch) -> None:
    auto, cuda, numba = (FlowParams(backend=b) for b in ("auto", "cuda", "numba"))
    assert flow.identify(auto) == flow.identify(cuda)
    assert flow.identify(cuda)["engine"] == "wtal-cuda"
    assert flow.identify(numba)["engine"] == "wtal"
    assert stage.version(auto) == stage.version(cuda) != stage.version(numba)
    assert all(path.is_file() for path in engine.GPU_SOURCES)
    flow.prepare(cuda)  # compiles nothing here


@pytest.mark.parametrize(
    "params",
    [FlowParams(backend="opencv"), FlowParams("dis"), FlowParams(illumination=0.1),
     FlowParams(backend="numba"), FlowParams(backend="compiled")],
)  # fmt: skip
def test_a_gpu_changes_nothing_for_others(machine: pytest.MonkeyPatch, params: FlowParams) -> None:
    assert not flow.on_gpu(params)
    assert flow.identify(params).get("engine") == ("wtal" if params.ours else None)
    assert flow.processes(params, 16) == 16


def test_few_processes_share_a_gpu(machine: pytest.MonkeyPatch) -> None:
    assert flow.processes(FlowParams(), 16) == 4
    assert flow.processes(FlowParams(), 2) == 2


_ASK = """
import sys
import numpy as np
from wtal_core.schema.video import FlowParams
from wtal_core.video.flow import compute_flow, identify
from stages import flow
for backend in ("opencv", "numba", "auto"):
    params = FlowParams(backend=backend, scales=1)
    compute_flow(np.zeros((20, 24), np.uint8), np.zeros((20, 24), np.uint8), params)
    identify(params)
    flow.version(params)
print([name for name in ("torch", "triton") if name in sys.modules])
"""


@pytest.mark.skipif(presence._has_driver(), reason="auto asks torch where there is a driver")
def test_no_torch_without_a_gpu() -> None:
    """It takes seconds and hundreds of megabytes in every process that computes flow."""
    done = subprocess.run([sys.executable, "-c", _ASK], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]", done.stderr
