"""The benchmark of the flow: it runs, and what it compares is flow. No times."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import flow as benchmark
from benchmarks.flow_pairs import SIZES, find_clips, make_pair, read_pairs
from tests.video.films import picture, write_film
from wtal_core.schema.video import FlowParams
from wtal_core.video.flow import compute_flow


def test_the_known_flow_is_the_flow() -> None:
    first, second, flow = make_pair(72, 96, seed=3)
    assert 1 < np.abs(flow).max() <= 3
    found = compute_flow(first, second, FlowParams())
    apart = np.linalg.norm(found - flow, axis=-1)[6:-6, 6:-6]
    assert apart.mean() < 0.4
    assert np.linalg.norm(flow, axis=-1).mean() > 1.2
    assert not np.array_equal(make_pair(72, 96, seed=4)[0], first)


def test_pairs_are_successive_frames(tmp_path: Path) -> None:
    clip = write_film(tmp_path / "bikes.mp4", [picture(n) for n in range(12)])
    assert find_clips(tmp_path) == [clip]
    pairs = read_pairs(clip, 3, "224x224")
    assert [a.shape for a, _ in pairs] == [(224, 224)] * 3
    assert all((a != b).any() for a, b in pairs)
    assert len({a.tobytes() for a, _ in pairs}) == 3
    whole = read_pairs(clip, 3, "340x256")
    np.testing.assert_array_equal(whole[1][0][16:240, 58:282], pairs[1][0])


def test_it_measures_and_writes_both_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SIZES, "340x256", (40, 52))
    monkeypatch.setattr(benchmark, "measure_limits", lambda: {"gemm_fp32": 1.0, "triad": 2.0})
    given = ["--clips", str(tmp_path), "--pairs", "2", "--sizes", "340x256", "--trials", "1"]
    benchmark.main([*given, "--out", str(tmp_path)])
    found = json.loads((tmp_path / "flow.json").read_text())
    table = found["sizes"]["340x256"]
    assert {"opencv", "numba", "fast", "dis"} <= set(table)
    assert table["opencv"]["epe_px"] == 0
    assert table["opencv"]["faster"] == 1
    paths = [row for name, row in table.items() if name == "numba" or name.startswith("C++")]
    assert len({row["epe_px"] for row in paths}) == 1  # the same bytes
    assert paths[0]["epe_px"] < 0.05 < table["dis"]["epe_px"]
    assert all(0 < row["epe_to_known_px"] < 2 for row in table.values())
    assert found["threads"]["numba"]["faster"] > 0
    page = (tmp_path / "flow.md").read_text()
    assert page == benchmark.describe(found)
    assert "pictures of its own" in page
    assert page.count("\n| numba | ") == 2
    benchmark.main([*given, "--out", str(tmp_path), "--only-threads"])
    again = json.loads((tmp_path / "flow.json").read_text())
    assert again["sizes"] == found["sizes"]
    assert again["threads"] != found["threads"]
