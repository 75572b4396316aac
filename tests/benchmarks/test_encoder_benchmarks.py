"""The benchmarks of the encoders: they run, and what they compare is one network. No times."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks import clip, encoder_ways, i3d


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = {"gemm_fp32": 100.0, "gemm_bf16": 400.0, "triad": 9.0}
    monkeypatch.setattr(encoder_ways, "measure_limits", lambda: limits)
    monkeypatch.setattr(encoder_ways, "processor_has_bf16", lambda: True)
    # OpenVINO's start takes seconds; the smoke run of all benchmarks has it.
    real = encoder_ways.available
    monkeypatch.setattr(encoder_ways, "available", lambda leave_out: real([*leave_out, "openvino"]))


@pytest.mark.parametrize(("benchmark", "name"), [(i3d, "i3d"), (clip, "clip")])
def test_it_measures_and_writes(tmp_path: Path, benchmark: Any, name: str) -> None:
    benchmark.main(trials=1, leave_out=None, smoke=True, out=tmp_path)
    found = json.loads((tmp_path / f"{name}.json").read_text())
    table = found["threads"]["1"]
    assert set(table) == {"anchor", "torch fp32", "torch bf16"}
    assert table["anchor"]["faster"] == 1
    assert table["anchor"]["relative_error"] == 0
    assert table["torch fp32"]["cosine_least"] > 0.999999
    assert 0.999 < table["torch bf16"]["cosine_least"] < 0.9999999
    assert table["torch bf16"]["gemm_gflops"] == 400
    page = (tmp_path / f"{name}.md").read_text()
    assert page.count("\n| torch bf16 | ") == 1


def test_the_anchor_is_the_network() -> None:
    model = i3d.make_network(0.07)
    clips = i3d.make_clips(3, (5, 24, 40))
    assert clips.shape == (3, 3, 5, 24, 40)
    assert clips.min() >= -1
    assert clips.max() <= 1
    with torch.no_grad():
        torch.testing.assert_close(i3d.PlainI3d(model)(clips), model(clips), rtol=1e-4, atol=1e-5)


def test_operations_are_counted() -> None:
    """A convolution of 3 x 3 over 4 x 5 pixels, 2 to 7 channels; a matrix of 6 x 11."""
    conv = torch.nn.Conv2d(2, 7, 3, padding=1, bias=False)
    assert encoder_ways.count_flops(conv, torch.zeros(1, 2, 4, 5)) == 2 * 9 * 2 * 7 * 20
    linear = torch.nn.Linear(6, 11, bias=False)
    assert encoder_ways.count_flops(linear, torch.zeros(1, 6)) == 2 * 6 * 11


def test_a_way_far_from_the_anchor_misses_its_target() -> None:
    way = {"faster": 9.0, "cosine_least": 0.99989, "gflops": 5.0, "gemm_gflops": 6.0}
    found = {"anchor": "torch", "threads": {"2": {"openvino bf16": way, "anchor": {}}}}
    (row,) = encoder_ways.targets(found, "I3D", {"openvino bf16": 8.0})
    assert not row.reached
    way["cosine_least"] = 0.99991
    (row,) = encoder_ways.targets(found, "I3D", {"openvino bf16": 8.0})
    assert row.reached
    assert row.what == "I3D, openvino bf16, 2 threads"
