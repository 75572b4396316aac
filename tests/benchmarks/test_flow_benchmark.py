"""The benchmark of the flow: it runs, and what it compares is flow. No times."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import flow as benchmark
from benchmarks import flow_gpu, flow_plot
from benchmarks.flow_pairs import SIZES, find_clips, make_pair, read_pairs
from tests.video import tvl1_torch
from tests.video.films import picture, write_film
from wtal_core.schema.video import FlowParams
from wtal_core.video.flow import compute_flow
from wtal_core.video.tvl1 import cuda
from wtal_core.video.tvl1.batch_levels import bytes_per_pair


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
    limits = {"gemm_fp32": 1.0, "triad": 2.0}
    monkeypatch.setattr(benchmark, "measure_limits", lambda repeats: limits)
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
    assert (tmp_path / "flow.svg").read_text().count("times as fast") == 1


def test_a_smoke_run_takes_seconds(tmp_path: Path) -> None:
    benchmark.main(["--smoke", "--out", str(tmp_path), "--threads", "1"])
    found = json.loads((tmp_path / "flow.json").read_text())
    assert list(found["sizes"]) == ["64x48"]
    assert found["clips"] == []
    assert found["limits"]["triad"] > 0
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".json", ".md", ".svg"]


def test_targets_are_drawn(tmp_path: Path) -> None:
    """A bar a way and size, coloured by whether it reached its line; the same file each time."""
    faster = {"opencv": 1.0, "numba": 6.9, "C++ avx512": 15.0, "dis": 150.0}
    rows = {name: {"faster": value} for name, value in faster.items()}
    found = {"sizes": {"340x256": rows, "224x224": rows}}
    found["gpu"] = {"sizes": {"224x224": {"faster": 1234.4}}}
    assert flow_plot.bars(found, "340x256") == faster
    assert flow_plot.bars(found, "224x224") == faster | {"GPU": 1234.4}
    pages = []
    for name in ("a.svg", "b.svg"):
        flow_plot.write_plot(found, tmp_path / name)
        pages.append((tmp_path / name).read_text())
    assert pages[0] == pages[1]
    # C++ at 340x256 and numba at 224x224 reached theirs, numba at 340x256 did not.
    assert pages[0].count(f"fill: {flow_plot.REACHED.lower()}") == 2
    assert pages[0].count(f"fill: {flow_plot.SHORT.lower()}") == 1
    assert "1234x" in pages[0]


def test_without_a_gpu_a_line_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(flow_gpu, "why_not", lambda: "none in the house")
    with pytest.raises(SystemExit):
        benchmark.main(["--gpu", "--out", str(tmp_path)])
    assert "measure all first" in capsys.readouterr().err
    given = ["--out", str(tmp_path), "--clips", str(tmp_path), "--pairs", "1", "--threads", "1"]
    monkeypatch.setattr(benchmark, "measure_limits", lambda repeats: {"gemm_fp32": 1, "triad": 2})
    benchmark.main([*given, "--sizes", "64x48"])
    (tmp_path / "flow.md").unlink()
    benchmark.main([*given, "--gpu"])
    assert "GPU skipped: none in the house" in capsys.readouterr().err
    assert "Skipped: none in the house." in (tmp_path / "flow.md").read_text()
    # What someone measured on one stays.
    measured = {"device": "D", "triad": 4.0, "sizes": {}}
    assert flow_gpu.measure_gpu({}, 1, measured) == measured


def test_a_gpu_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a processor in its place."""
    monkeypatch.setattr(cuda, "DEVICE", "cpu")
    monkeypatch.setattr(cuda, "MEMORY", 2 * bytes_per_pair(20, 24))
    monkeypatch.setattr(cuda, "load_kernels", lambda: tvl1_torch)
    monkeypatch.setattr("wtal_core.video.flow.gpu_serves", lambda backend: backend == "cuda")
    monkeypatch.setattr(flow_gpu, "device_name", lambda: "a processor")
    monkeypatch.setattr(flow_gpu, "measure_limits", lambda device: {"triad": 2.0})
    still = make_pair(20, 24, seed=1)[0]
    found = flow_gpu.measure_gpu({"24x20": [(still, still)]}, 1, {})
    row = found["sizes"]["24x20"]
    # Two levels, 20 x 24 and 16 x 19; one iteration shows each of 5 warps that nothing moves.
    assert row["pixel_iterations"] == pytest.approx(5 * (20 * 24 + 16 * 19), rel=1e-2)
    assert row["limit_pairs_s"] == pytest.approx(2e9 / 64 / row["pixel_iterations"], rel=1e-2)
    assert row["of_limit"] == pytest.approx(row["pairs_s"] / row["limit_pairs_s"], rel=1e-2)
    assert row["epe_px"] == 0
    assert row["at_once"] == 2
    page = "\n".join(flow_gpu.describe_gpu(found))
    assert "| 24x20 | " in page
    assert "a processor" in page
