"""A study of three videos: intervals in closed form, and the same bytes from two processes."""

import json
from pathlib import Path

import numpy as np
import pytest

from stages import evaluate, study_evaluate
from stages.parts.study_runs import SEED
from tests.stages.tiny_study import (
    RESAMPLES,
    STUDY,
    TIOUS,
    contents,
    make_data,
    measure,
    read,
    report,
)
from wtal_core.annotations import write_predictions
from wtal_core.evaluation.bootstrap import draw_videos
from wtal_core.evaluation.report import metric_names
from wtal_core.items import map_items
from wtal_core.segments import Segments


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


def test_a_student_is_measured_with_what_it_learnt_from(data: Path) -> None:
    """Without scores there is no mIoU; 1 of 2 pseudo-segments is right, of 3 instances 1."""
    truth = json.loads((data / "ground_truth.json").read_text())
    rows = [("hop", [2.0, 6.0]), ("run", [8.0, 9.0]), ("hop", [12.0, 14.0])]
    truth["database"]["t"] = {
        "subset": "train", "duration": 20.0,
        "annotations": [{"label": label, "segment": times} for label, times in rows],
    }  # fmt: skip
    (data / "ground_truth.json").write_text(json.dumps(truth))
    unit = data / "runs" / "student"
    unit.mkdir()
    perfect = data / "runs" / "perfect" / "predictions.json"
    (unit / "predictions.json").write_bytes(perfect.read_bytes())
    segments = Segments.build(["t", "t"], ["hop", "hop"], [2.0, 8.0], [6.5, 9.0], [0.9, 0.8])
    write_predictions(unit / "pseudo_segments.json", segments, ["t"])
    index = json.loads((data / "runs" / "index.json").read_text())
    index["results"] += [
        {"row": "on", "seed": seed, "round": result, "unit": found}
        for seed in STUDY["seeds"]
        for result, found in (("r0", "poor-0"), ("student", "student"))
    ]
    (data / "runs" / "index.json").write_text(json.dumps(index))
    asked = json.loads(json.dumps(STUDY))
    asked["rows"]["on"] = {"rounds": 0, "student": "r0"}
    table = asked["tables"][0]
    table["metrics"] += ["pseudo_precision", "pseudo_recall"]
    table["entries"].append({"label": "student", "row": "on", "round": "student"})
    table["claims"] += [
        {"says": "as good", "better": "student", "worse": "after", "metric": "map@0.5"},
        {"says": "nothing", "better": "student", "worse": "after", "metric": "fg_miou"},
    ]
    (data / "study.yaml").write_text(json.dumps(asked))

    results = measure(data)
    found = {
        x["metric"]: float(x["value"])
        for x in read(results / "metrics.csv")
        if (x["row"], x["seed"], x["round"]) == ("on", "3", "student")
    }
    assert found["pseudo_precision"] == pytest.approx(1 / 2)
    assert found["pseudo_recall"] == pytest.approx(1 / 3)
    # medians of 4.5 and 1, and of 4, 1 and 2 seconds
    assert found["pseudo_length"] == pytest.approx(2.75 / 2)
    # all three predictions score above .4 and are right
    assert (found["confident_precision"], found["confident_recall"]) == (1, 1)
    assert found["map@0.5"] == 1
    assert not [name for name in found if "miou" in name]
    as_good, nothing = read(results / "differences.csv")[-2:]
    assert (float(as_good["difference"]), as_good["verdict"]) == (0, "open")
    assert nothing["verdict"] == "open"
    page = (report(data) / "tiny.md").read_text()
    assert "| student | **100.0 ± 0.0** | – | – | – | **50.0 ± 0.0** | **33.3 ± 0.0** |" in page
