"""A study that has been run: three videos, two rows, two seeds, and what its stages make of it."""

import csv
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from stages import study_evaluate, study_report
from wtal_core.annotations import write_predictions
from wtal_core.grid import SnippetGrid
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
STUDY: dict[str, Any] = {
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


def make_data(folder: Path) -> Path:
    """Facts, ground truth, study.yaml and runs; the data set's folder. `params.yaml` beside."""
    data = folder / "data" / "tiny"
    (data / "runs").mkdir(parents=True)
    facts = (ROOT / "data" / "study" / "dataset.yaml").read_text()
    ours = f"protocol: activitynet\n  tious: {list(TIOUS)}"
    assert "protocol: activitynet" in facts
    (data / "dataset.yaml").write_text(facts.replace("protocol: activitynet", ours))
    shutil.copy(ROOT / "params.yaml", folder / "params.yaml")
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


def measure(data: Path) -> Path:
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
