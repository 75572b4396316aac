"""The benchmark of the flow: it runs, and what it compares is flow. No times."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from benchmarks import flow as benchmark
from benchmarks import flow_gpu, flow_rows, flow_whale
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
    given = [
        "--clips",
        str(tmp_path),
        "--whale",
        str(tmp_path),
        "--pairs",
        "2",
        "--sizes",
        "340x256",
        "--trials",
        "1",
    ]
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
    assert page.startswith("\n".join(benchmark.describe(found)))
    assert "pictures of its own" in page
    assert page.count("\n| numba | ") == 2
    benchmark.main([*given, "--out", str(tmp_path), "--only-threads"])
    again = json.loads((tmp_path / "flow.json").read_text())
    assert again["sizes"] == found["sizes"]
    assert again["threads"] != found["threads"]
    assert {row["what"] for row in again["targets"]} >= {"TV-L1 340x256, numba"}
    assert (tmp_path / "flow.svg").is_file()


def test_a_smoke_run_takes_seconds(tmp_path: Path) -> None:
    benchmark.main(["--smoke", "--out", str(tmp_path)])
    found = json.loads((tmp_path / "flow.json").read_text())
    assert list(found["sizes"]) == ["64x48"]
    assert found["clips"] == []
    assert found["limits"]["triad"] > 0
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".json", ".md", ".svg"]


def test_targets_are_those_of_the_figures() -> None:
    speeds = {"opencv": (1.0, 0.0), "numba": (6.9, 0.01), "C++ avx512": (15.0, 0.026)}
    table = {name: {"faster": faster, "epe_px": epe} for name, (faster, epe) in speeds.items()}
    found: dict[str, Any] = {"sizes": {"340x256": table, "224x224": table, "64x48": table}}
    rows = {row.what: row for row in flow_rows.compare(found)}
    # Too slow; quick enough but too far off; and another target for smaller pictures.
    assert {name: row.reached for name, row in rows.items()} == {
        "TV-L1 340x256, numba": False,
        "TV-L1 340x256, C++ avx512": False,
        "TV-L1 224x224, numba": True,
    }
    assert rows["TV-L1 340x256, C++ avx512"].measured >= rows["TV-L1 340x256, C++ avx512"].target
    found["threads"] = {"threads": 2, "numba": {"faster": 1.9, "share_of_many": 1, "same": True}}
    gpu = {"pairs_s": 1100, "epe_px": 0.01, "of_limit": 0.5, "limit_pairs_s": 2200}
    found["gpu"] = {"sizes": {"340x256": gpu}}
    found["whale"] = {"a": {"near": 0.99, "epe_px": 0.1}, "b": {"near": 0.94, "epe_px": 0.1}}
    more = {row.what: row.reached for row in flow_rows.compare(found)[3:]}
    assert more == {
        "TV-L1, numba, 2 threads": True,
        "RubberWhale, the worst of 2 ways: b": False,
        "TV-L1 340x256, GPU": True,
    }


def write_flo(path: Path, flow: np.ndarray) -> None:
    size = np.array([flow.shape[1], flow.shape[0]], "<i4").tobytes()
    path.write_bytes(b"PIEH" + size + flow.astype("<f4").tobytes())


def test_the_whale_is_judged_by_gold_and_truth(tmp_path: Path) -> None:
    assert flow_whale.measure_whale(tmp_path, lambda size: {}) == {}
    for n in (1, 2):
        cv2.imwrite(str(tmp_path / f"RubberWhale{n}.png"), np.full((20, 30), 50 * n, np.uint8))
    truth = np.zeros((20, 30, 2))
    truth[:10] = 1e9  # not known
    write_flo(tmp_path / "RubberWhale.flo", truth)
    gold = np.zeros((20, 30, 2))
    gold[:, :6, 0] = 0.11
    write_flo(tmp_path / "tvl1_flow.flo", gold)
    still = np.zeros((20, 30, 2), np.float32)
    ways = {"opencv": lambda a, b: still + (b - a)[..., None] / 100, "dis": lambda a, b: still}
    found = flow_whale.measure_whale(tmp_path, lambda size: ways if size == (20, 30) else {})
    # (.5, .5) everywhere: nowhere near, .7071 from no motion.
    assert found == {"opencv": {"near": 0.0, "epe_px": 0.70711}}
    ways["opencv"] = lambda a, b: still
    found = flow_whale.measure_whale(tmp_path, lambda size: ways)
    assert found == {"opencv": {"near": 0.8, "epe_px": 0.0}}
    assert "| opencv | 80.00 % | 0.0000 |" in flow_whale.describe_whale(found)


def test_without_a_gpu_a_line_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(flow_gpu, "why_not", lambda: "none in the house")
    with pytest.raises(SystemExit):
        benchmark.main(["--gpu", "--out", str(tmp_path)])
    assert "measure all first" in capsys.readouterr().err
    given = ["--out", str(tmp_path), "--clips", str(tmp_path), "--pairs", "1", "--threads", "1"]
    given += ["--whale", str(tmp_path)]
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
