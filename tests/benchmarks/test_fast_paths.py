"""The benchmark of the fast paths: the run stays as it is, and what differs is told. No times."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import fast_paths as benchmark
from benchmarks import fast_rows
from benchmarks.harness import read_rows
from benchmarks.toy_run import make_toy_run
from stages.parts.trained import load_predictor
from wtal_core.encoders.backends import Backend
from wtal_core.errors import WtalError
from wtal_core.evaluation.detection import evaluate_detections
from wtal_core.ground_truth import GroundTruth, read_ground_truth
from wtal_core.params import load_yaml
from wtal_core.predicting.encoding import backend_of
from wtal_core.predicting.settings import read_settings
from wtal_core.schema.evaluation import EvaluationParams
from wtal_core.segments import Segments

PARAMS = benchmark.ROOT / "params.yaml"


def found_of(means: dict[str, tuple[float, float]], cosine: float = 0.999) -> dict[str, Any]:
    """What `run_all` returns; means: of each way, in both rounds."""
    close = {"mean": cosine, "least": 0.5}
    return {
        "data": "demo", "test": "study", "videos": 120, "rounds": ["r0", "r2"],
        "protocol": "tad", "instances": 300,
        "ways": {
            key: {
                "flow": "wtal", "encoders": "torch fp32", "cpu_s": 1.5,
                "cosine": {"i3d": close, "clip": close},
                "map": {"r0": {"mean": first}, "r2": {"mean": second}},
                "interval": {"r0": [-1.25, 0.5], "r2": [-0.5, 0.75]},
            }
            for key, (first, second) in means.items()
        },
    }  # fmt: skip


def test_it_measures_and_leaves_the_run_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = make_toy_run(tmp_path / "made")
    before = {path: path.read_bytes() for path in sorted(data.rglob("*")) if path.is_file()}
    monkeypatch.setattr(benchmark, "WAYS", {
        key: (flow, {"backend": "torch", "precision": "bf16" if key == "fast" else "fp32"})
        for key, (flow, _) in benchmark.WAYS.items()
    })  # fmt: skip
    benchmark.main(["--data", str(data), "--out", str(tmp_path / "out")])
    after = {path: path.read_bytes() for path in sorted(data.rglob("*")) if path.is_file()}
    assert after == before
    found = json.loads((tmp_path / "out" / "fast_paths.json").read_text())
    ways = found["ways"]
    assert [(one["flow"], one["encoders"]) for one in ways.values()] == [
        ("opencv", "torch fp32"), ("wtal", "torch fp32"), ("wtal", "torch bf16")
    ]  # fmt: skip
    assert ways["reference"]["cosine"]["clip"] == {"mean": 1, "least": 1}
    assert ways["our flow"]["cosine"]["clip"]["least"] == 1  # the same frames
    assert 0.99 < ways["fast"]["cosine"]["clip"]["least"] < 1
    assert all(one["cpu_s"] > 0 for one in ways.values())
    (row,) = read_rows(tmp_path / "out" / "fast_paths.json")
    assert row.accurate
    assert (tmp_path / "out" / "fast_paths.svg").is_file()
    assert ways["our flow"]["map"]["r1"] == measured_by_predict(data)


def measured_by_predict(data: Path) -> dict[str, float]:
    """The run's own settings are those of the way `our flow`."""
    predictor = load_predictor(data, "r1", PARAMS)
    films = sorted((data / "videos").glob("*.mp4"))
    segments = Segments.join([predictor.predict(film).segments for film in films])
    truth = read_ground_truth(data / "ground_truth.json", "test")
    at = evaluate_detections(segments, truth.segments, benchmark.TIOUS).map()
    assert 0 < np.mean(list(at.values())) < 1
    points = {f"{tiou:g}": 100 * value for tiou, value in at.items()}
    points["mean"] = float(np.mean(list(points.values())))
    return {key: round(value, 4) for key, value in points.items()}


def test_a_way_is_laid_out_beside_the_run(tmp_path: Path) -> None:
    data = make_toy_run(tmp_path)
    own = read_settings(data, "r1", PARAMS)
    words = {"backend": "compile", "precision": "bf16"}
    other = benchmark.lay_out([own], tmp_path / "way", "opencv", words)
    assert backend_of(other, "clip") == Backend("compile", "bf16")
    assert (other.flow.backend, own.flow.backend) == ("opencv", "auto")
    assert (other.flow.scales, own.flow.scales) == (2, 2)
    assert {name: path.samefile(own.weights[name]) for name, path in other.weights.items()} == (
        dict.fromkeys(("i3d_rgb", "i3d_flow", "clip"), True)
    )
    assert other.checkpoint("cbp").samefile(own.checkpoint("cbp"))
    assert (other.localize, other.grid) == (own.localize, own.grid)
    assert (tmp_path / "way" / "r1").is_symlink()


def test_what_cannot_be_compared(tmp_path: Path) -> None:
    with pytest.raises(WtalError, match="no finished run of r0; run `dvc repro` first"):
        benchmark.choose_rounds(tmp_path / "nothing", None)
    data = make_toy_run(tmp_path)
    assert benchmark.choose_rounds(data, None) == ["r1"]
    with pytest.raises(WtalError, match=r"no finished run of r3; .*dataset=toy"):
        benchmark.choose_rounds(data, ["r1", "r3"])
    run = read_settings(data, "r1", PARAMS)
    others = tmp_path / "others"
    others.mkdir()
    (others / "labels.json").write_text('{"classes": ["hop"], "videos": {}}')
    with pytest.raises(WtalError, match=r"others.*other classes"):
        benchmark.check_videos(run, others)
    facts = load_yaml(data / "dataset.yaml")
    facts["clip"] = {"imported": "imported/clip", "sha256": "0" * 64}
    (data / "dataset.yaml").write_text(json.dumps(facts))
    (data / "clip" / "test.zarr").mkdir(parents=True)
    (data / "clip" / "test.zarr" / "zarr.json").write_text("{}")
    with pytest.raises(WtalError, match="imported"):
        benchmark.check_videos(read_settings(data, "r1", PARAMS), data)


def test_only_test_videos_that_can_be_read(tmp_path: Path) -> None:
    data = make_toy_run(tmp_path)
    tree = json.loads((data / "labels.json").read_text())
    tree["videos"]["film_1"] |= {"subset": "train", "labels": ["run"]}
    (data / "labels.json").write_text(json.dumps(tree))
    assert benchmark.test_videos(data) == {"film_0": data / "videos" / "film_0.mp4"}
    (data / "frames" / "record.json").write_text('{"videos": {"film_1": {}}}')
    with pytest.raises(WtalError, match="no test video that can be read"):
        benchmark.test_videos(data)


def test_cosines_of_rows() -> None:
    a_TD = np.array([[3.0, 4.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0], [2.0, 2.0, 1.0]])
    b_TD = np.array([[6.0, 8.0, 0.0], [0.0, 7.0, 0.0], [1.0, 1.0, 1.0], [-2.0, -2.0, -1.0]])
    np.testing.assert_allclose(benchmark.cosine(a_TD, b_TD), [1, 0, 0, -1])
    parts = [np.array([0.5, 1.0]), np.array([0.9])]
    assert benchmark.summarise({"clip": parts}) == {"clip": {"mean": 0.8, "least": 0.5}}


def test_the_round_that_differs_most_is_judged() -> None:
    found = found_of({"reference": (40, 60), "our flow": (40.1, 62), "fast": (39.5, 60.25)})
    assert fast_rows.differences(found, "fast") == {"r0": -0.5, "r2": 0.25}
    row = fast_rows.judge(found)
    assert (row.measured, row.reached) == (0.5, True)
    assert "120 videos" in row.what
    assert "the worst of 2 rounds" in row.anchor
    page = "\n".join(fast_rows.describe(found))
    assert "| r0 | 40.00 | 40.10 | 39.50 | +0.10 | -0.50 | -1.25 to +0.50 |" in page
    assert "| r2 | 60.00 | 62.00 | 60.25 | +2.00 | +0.25 | -0.50 to +0.75 |" in page
    assert "is 0.50 points" in page
    assert "`python -m benchmarks.fast_paths` with `--test data/study`: demo's branches" in page
    assert "the 120 videos with their 300 instances" in page
    far = found_of({"reference": (40, 60), "our flow": (40, 60), "fast": (40.51, 60)})
    assert not fast_rows.judge(far).reached
    assert not fast_rows.judge(found_of(dict.fromkeys(benchmark.WAYS, (40, 60)), 0.98)).reached


def test_mean_and_interval_in_points() -> None:
    """Two videos with an instance each; one way finds both, the other only that of `a`."""
    both = Segments.build(["a", "b"], ["run", "run"], [0.0, 1.0], [2.0, 3.0], [0.9, 0.8])
    first = both.take(both.video == "a")
    truth = GroundTruth(both, {"a": 9.0, "b": 9.0}, Segments.empty())
    measure = benchmark.Measure(truth, EvaluationParams())
    assert measure.points([both])["mean"] == 100
    assert measure.points([first]) == dict.fromkeys(
        [*(f"{k / 10:g}" for k in range(1, 8)), "mean"], 50
    )
    assert measure.interval([first], [first]) == [0, 0]
    # a draw of both videos loses half, one of `a` twice nothing, one of `b` twice all
    assert measure.interval([first], [both]) == [-100, 0]


def test_how_long_the_rest_takes(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = iter([10.0, 14.0, 20.0])
    monkeypatch.setattr(benchmark.time, "monotonic", lambda: next(now))
    tell = benchmark.teller(5)
    tell(1, "a")
    tell(2, "b")
    assert capsys.readouterr().err == (
        "fast_paths: 1 of 5, a: 4 s, about 16 s left\n"
        "fast_paths: 2 of 5, b: 10 s, about 15 s left\n"
    )
