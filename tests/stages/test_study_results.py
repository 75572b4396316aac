"""A study of three videos: intervals in closed form, and the same bytes from two processes."""

import csv
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from stages import study_evaluate, study_report
from stages.parts.study_runs import SEED
from wtal_core.annotations import write_predictions
from wtal_core.evaluation.bootstrap import draw_videos
from wtal_core.evaluation.report import metric_names
from wtal_core.grid import SnippetGrid
from wtal_core.items import map_items
from wtal_core.segments import Segments
from wtal_core.store import write_sequences

ROOT = Path(__file__).parents[2]
CLASSES = ["hop", "run"]
GRID = SnippetGrid(fps=25, window=16, stride=16)
TIOUS = (0.3, 0.5)
# video: snippets, class, first and last snippet of its only instance
TRUTH = {"v": (5, "hop", 1, 2), "w": (7, "run", 0, 3), "x": (6, "hop", 2, 4)}
RESAMPLES = 300
CLAIMS = [
    {"says": "gains", "better": "after", "worse": "before", "metric": "map@0.5"},
    {"says": "loses", "better": "before", "worse": "after", "metric": "map@0.5", "at_least": 1.0},
    {"says": "a twin", "better": "after", "worse": "twin", "metric": "map@0.3"},
    {"says": "beats clip", "better": "after", "worse": "clip", "metric": "min_miou"},
]
STUDY = {
    "seeds": [0, 3],
    "resamples": RESAMPLES,
    "rows": {"good": {"rounds": 1}, "twin": {"rounds": 1}},
    "tables": [
        {
            "title": "Gains",
            "question": "Any?",
            "metrics": ["map@0.5", "fg_miou", "bg_miou", "min_miou"],
            "entries": [
                {"label": "before", "row": "good", "round": "r0"},
                {"label": "after", "row": "good", "round": "r1"},
                {"label": "twin", "row": "twin", "round": "r1"},
                {"label": "clip", "row": "good", "round": "r0", "branch": "vlp"},
            ],
            "claims": CLAIMS,
        }
    ],
}
# what each unit predicts: videos whose instance it finds, with scores; the last one is wrong
FOUND = {
    "poor-0": ([("v", 0.9)], [("x", 0.95)]),
    "poor-3": ([("v", 0.9), ("w", 0.8)], []),
    "perfect": ([("v", 0.9), ("w", 0.8), ("x", 0.7)], []),
}
UNITS = {
    ("r0", 0): "poor-0",
    ("r0", 3): "poor-3",
    ("r1", 0): "perfect",
    ("r1", 3): "perfect",
}


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    in_this_process = lambda work, items, _: map(work, items)  # noqa: E731
    monkeypatch.setattr(study_evaluate, "map_items", in_this_process)
    data = tmp_path / "data" / "tiny"
    (data / "runs").mkdir(parents=True)
    facts = (ROOT / "data" / "study" / "dataset.yaml").read_text()
    ours = f"protocol: activitynet\n  tious: {list(TIOUS)}"
    assert "protocol: activitynet" in facts
    (data / "dataset.yaml").write_text(facts.replace("protocol: activitynet", ours))
    shutil.copy(ROOT / "params.yaml", tmp_path / "params.yaml")
    (data / "study.yaml").write_text(json.dumps(STUDY))
    database = {
        video: {
            "subset": "test",
            "duration": GRID.end_s(n - 1),
            "annotations": [{"segment": [GRID.start_s(a), GRID.end_s(b)], "label": label}],
        }
        for video, (n, label, a, b) in TRUTH.items()
    }
    (data / "ground_truth.json").write_text(json.dumps({"database": database}))
    for unit in FOUND:
        write_unit(data / "runs" / unit, unit)
    index = [
        {"row": row, "seed": seed, "round": round_, "unit": unit}
        for row in ("good", "twin")
        for (round_, seed), unit in UNITS.items()
    ]
    (data / "runs" / "index.json").write_text(json.dumps({"results": index}))
    return data


def write_unit(folder: Path, unit: str) -> None:
    """CBP's scores are the truth, those of `poor` miss the instance of x; VLP's are all high."""
    right, wrong = FOUND[unit]
    rows = [
        (v, TRUTH[v][1], GRID.start_s(TRUTH[v][2]), GRID.end_s(TRUTH[v][3]), s) for v, s in right
    ]
    rows += [(v, TRUTH[v][1], 0.0, 0.5, s) for v, s in wrong]
    write_predictions(
        folder / "predictions.json", Segments.build(*zip(*rows, strict=True)), list(TRUTH)
    )

    def scores() -> Iterator[tuple[str, dict[str, np.ndarray]]]:
        for video, (n, label, first, last) in TRUTH.items():
            c = CLASSES.index(label)
            cbp_TC = np.zeros((n, 2), dtype=np.float32)
            vlp_TC = np.zeros((n, 2), dtype=np.float32)
            vlp_TC[:, c] = 0.7
            if unit == "perfect" or video != "x":
                cbp_TC[first : last + 1, c] = 0.9
            yield video, {"cbp": cbp_TC, "vlp": vlp_TC, "final": cbp_TC}

    attrs = {"grid": GRID.to_dict(), "classes": CLASSES, "distilled": {"cbp": False, "vlp": False}}
    dims = dict.fromkeys(("cbp", "vlp", "final"), ("T", "C"))
    write_sequences(folder / "scores.zarr", scores(), dims, attrs)


def evaluate(data: Path) -> Path:
    results = data.parents[1] / "results"
    study_evaluate.main(data, None, results, data.parents[1] / "params.yaml")
    return results / "tiny"


def report(data: Path) -> Path:
    docs = data.parents[1] / "docs"
    study_report.main(data, None, data.parents[1] / "results", docs)
    return docs


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def contents(folder: Path) -> dict[str, bytes]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


def test_metrics_by_hand(data: Path) -> None:
    lines = read(evaluate(data) / "metrics.csv")
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


def test_differences_by_hand(data: Path) -> None:
    gains, loses, twin, clip = read(evaluate(data) / "differences.csv")
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
    first = contents(evaluate(data)) | contents(report(data))
    assert set(first) == {
        "metrics.csv", "differences.csv", "tiny.md", "tiny/claims.png", "tiny/complementarity.png",
    }  # fmt: skip
    monkeypatch.setattr(study_evaluate, "map_items", map_items)
    monkeypatch.setenv("WTAL_WORKERS", "2")
    (data.parents[1] / "docs" / "tiny" / "old.png").write_bytes(b"of an earlier study")
    assert contents(evaluate(data)) | contents(report(data)) == first
