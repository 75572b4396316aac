"""The benchmark of the whole way: it runs, and both ways give the same features. No times."""

import json
from pathlib import Path

import numpy as np

from benchmarks import whole as benchmark
from benchmarks.harness import read_rows
from wtal_core.store import write_sequences


def test_it_measures_and_writes_its_files(tmp_path: Path) -> None:
    benchmark.main(smoke=True, out=tmp_path)
    found = json.loads((tmp_path / "whole.json").read_text())
    assert found["frames"] == 200
    assert found["same_as_parts"] is True
    assert list(found["parts_s"]) == ["decode", "flow", "I3D on RGB", "I3D on flow", "CLIP"]
    assert 0 < found["of_bottleneck"] < found["of_sum"]
    assert 0.1 < found["of_sum_cpu"] < 10
    (row,) = read_rows(tmp_path / "whole.json")
    assert (row.measured, row.target, row.accurate) == (found["of_sum"], 0.85, True)
    assert "the same bytes as the parts'" in (tmp_path / "whole.md").read_text()
    assert (tmp_path / "whole.svg").is_file()


def test_other_features_are_seen(tmp_path: Path) -> None:
    feat = {"i3d": np.ones((3, 4), np.float16), "clip": np.full((3, 2), 0.5, np.float16)}
    for kind, rows in feat.items():
        path = tmp_path / kind / "test.zarr"
        write_sequences(path, [("v", {"feat": rows})], {"feat": ("T", "D")}, {})
    assert benchmark.compare(tmp_path, {"v": feat})
    assert not benchmark.compare(tmp_path, {"v": {**feat, "i3d": feat["i3d"] * 2}})
    assert not benchmark.compare(tmp_path, {"v": {**feat, "clip": feat["clip"][:2]}})


def test_the_figure_on_a_gpu_is_the_slowest_parts() -> None:
    found = {
        "parts_s": {"decode": 1.0, "flow": 3.0, "CLIP": 2.0}, "of_sum": 1.5, "of_bottleneck": 0.8,
        "encoders": "torch fp32", "gpu": False, "same_as_parts": True, "same_as_stages": True,
    }  # fmt: skip
    assert benchmark.judge(found).reached
    assert benchmark.judge({**found, "gpu": True}).measured == 0.8
    assert "slowest part: flow" in benchmark.judge(found).limit
    assert not benchmark.judge({**found, "same_as_stages": False}).reached
