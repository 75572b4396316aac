"""A study of three videos: intervals in closed form, and the same bytes from two processes."""

import json
from pathlib import Path

import numpy as np
import pytest

from stages import evaluate, study_evaluate
from stages.parts.study_runs import SEED
from tests.stages.tiny_study import RESAMPLES, TIOUS, contents, make_data, measure, read, report
from wtal_core.evaluation.bootstrap import draw_videos
from wtal_core.evaluation.report import metric_names
from wtal_core.items import map_items


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    in_this_process = lambda work, items, _: map(work, items)  # noqa: E731
    monkeypatch.setattr(study_evaluate, "map_items", in_this_process)
    return make_data(tmp_path)


def test_metrics_by_hand(data: Path) -> None:
    lines = read(measure(data) / "metrics.csv")
    found = {(x["row"], x["seed"], x["round"], x["metric"]): float(x["value"]) for x in lines}
    assert len(found) == len(lines) == 2 * 2 * 2 * len(metric_names(TIOUS))
    assert {key[3] for key in found} == set(metric_names(TIOUS))
    # hop: a miss, then one of two instances: 1/2 * 1/2; run: nothing
    assert found["good", "0", "r0", "map@0.5"] == 0.125
    # hop: one of two instances; run: all
    assert found["good", "3", "r0", "map@0.5"] == 0.75
    assert found["twin", "3", "r1", "map@0.5"] == 1
    # hop: 2 of the 2 + 3 snippets; background: 3 + 3 right of 3 + 3 true and 3 more of x
    assert found["good", "0", "r0", "fg_miou_cbp"] == pytest.approx((2 / 5 + 1) / 2, abs=1e-6)
    assert found["good", "0", "r0", "bg_miou_cbp"] == pytest.approx(9 / 12, abs=1e-6)
    # VLP: hop 2 + 3 of 5 + 6 snippets, run 4 of 7; no background
    assert found["good", "0", "r1", "fg_miou_vlp"] == pytest.approx((5 / 11 + 4 / 7) / 2, abs=1e-6)
    assert found["good", "0", "r1", "bg_miou_vlp"] == 0


def test_metrics_are_those_of_the_stage_evaluate(data: Path) -> None:
    lines = read(measure(data) / "metrics.csv")
    unit, top = data / "runs" / "poor-3", data.parents[1]
    (data / "r0").mkdir()
    (data / "r0" / "predictions.json").symlink_to(unit / "predictions.json")
    (data / "scores").mkdir()
    (data / "scores" / "r0.zarr").symlink_to(unit / "scores.zarr")
    evaluate.main(data, "r0", top / "single", top / "params.yaml")
    single = json.loads((top / "single" / "tiny" / "rounds" / "r0" / "metrics.json").read_text())
    ours = {
        x["metric"]: float(x["value"])
        for x in lines
        if (x["row"], x["seed"], x["round"]) == ("good", "3", "r0")
    }
    assert ours == single


def test_differences_by_hand(data: Path) -> None:
    gains, loses, twin, clip = read(measure(data) / "differences.csv")
    # 1 - 0.125 with seed 0, 1 - 0.75 with seed 3
    assert float(gains["difference"]) == pytest.approx(56.25)
    assert float(gains["over_seeds"]) == pytest.approx(62.5 / np.sqrt(2), abs=1e-6)
    low, high = np.percentile(gains_of_resamples(), (2.5, 97.5))
    assert (float(gains["low"]), float(gains["high"])) == pytest.approx((low, high), abs=1e-4)
    assert low < 56.25 < high
    assert float(loses["low"]) == -float(gains["high"])
    assert (float(twin["difference"]), float(twin["low"]), float(twin["high"])) == (0, 0, 0)
    # 1 less VLP's background, whatever is drawn
    assert (float(clip["low"]), float(clip["high"])) == (100, 100)
    verdicts = [x["verdict"] for x in (gains, loses, twin, clip)]
    assert verdicts == ["holds" if low > 0 else "open", "fails", "open", "holds"]


def gains_of_resamples() -> list[float]:
    """The difference of the first claim, in points, with v, w and x there a, b and c times.

    AP is 1 after round 1. Before, seed 0 has c misses before the a hits of a + c instances of hop,
    and no instance of run; seed 3 has a hits of a + c, and all of run.
    """
    found = []
    for a, b, c in draw_videos(3, RESAMPLES, SEED).tolist():
        hop = [] if a + c == 0 else [((a / (a + c)) ** 2, a / (a + c))]
        run = [] if b == 0 else [(0.0, 1.0)]
        found.append(100 * float(1 - np.mean([*hop, *run])))
    return found


def test_the_same_bytes_again_from_two_processes(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = contents(measure(data)) | contents(report(data))
    assert set(first) == {
        "metrics.csv", "differences.csv", "tiny.md", "tiny/claims.png", "tiny/complementarity.png",
    }  # fmt: skip
    monkeypatch.setattr(study_evaluate, "map_items", map_items)
    monkeypatch.setenv("WTAL_WORKERS", "2")
    (data.parents[1] / "docs" / "tiny" / "old.png").write_bytes(b"of an earlier study")
    assert contents(measure(data)) | contents(report(data)) == first
