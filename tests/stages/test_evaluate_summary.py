"""Stages evaluate and summary on a world of two videos whose numbers are known."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from stages import evaluate, summary
from wtal_core.annotations import write_predictions
from wtal_core.errors import WtalError
from wtal_core.grid import SnippetGrid
from wtal_core.segments import Segments
from wtal_core.store import write_sequences

ROOT = Path(__file__).parents[2]
CLASSES = ["hop", "run", "swim"]
GRID = SnippetGrid(fps=25, window=16, stride=16)


def _instance(first: int, last: int, label: str) -> dict[str, object]:
    """An instance from the start of snippet `first` to the end of snippet `last`."""
    return {"segment": [GRID.start_s(first), GRID.end_s(last)], "label": label}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """v: hop in snippets 1..2 of 5; w: run in 0..3 and swim in 5..6 of 7. Three rounds."""
    data = tmp_path / "data" / "tiny"
    data.mkdir(parents=True)
    shutil.copy(ROOT / "data" / "demo" / "dataset.yaml", data / "dataset.yaml")
    shutil.copy(ROOT / "params.yaml", tmp_path / "params.yaml")
    database = {
        "v": {"subset": "test", "duration": 3.2, "annotations": [_instance(1, 2, "hop")]},
        "w": {
            "subset": "test",
            "duration": 4.6,
            "annotations": [_instance(0, 3, "run"), _instance(5, 6, "swim")],
        },
    }
    # all of hop; of run only the first two snippets; of swim nothing. 0.2 is uncertain
    cbp = {
        "v": _score(5, {0: [0, 0.9, 0.9, 0, 0]}),
        "w": _score(7, {1: [0.8, 0.8, 0.2, 0, 0, 0, 0]}),
    }
    # far too much of everything
    vlp = {
        "v": _score(5, {0: [0.7] * 5}),
        "w": _score(7, {1: [0.7] * 4 + [0] * 3, 2: [0] * 4 + [0.7] * 3}),
    }
    (data / "ground_truth.json").write_text(json.dumps({"database": database}))
    found = Segments.build(["v", "w"], ["hop", "run"], [0.64, 0.0], [1.92, 1.28], [0.9, 0.8])
    for name in ("r0", "r1", "r2"):
        write_predictions(data / name / "predictions.json", found, ["v", "w"])
        write_sequences(
            data / "scores" / f"{name}.zarr",
            [(v, {"cbp": cbp[v], "vlp": vlp[v], "final": cbp[v]}) for v in ("v", "w")],
            dict.fromkeys(("cbp", "vlp", "final"), ("T", "C")),
            {"grid": GRID.to_dict(), "classes": CLASSES, "distilled": {"cbp": False, "vlp": False}},
        )
    return data


def _score(n: int, columns: dict[int, list[float]]) -> np.ndarray:
    score_TC = np.zeros((n, 3), dtype=np.float32)
    for c, values in columns.items():
        score_TC[:, c] = values
    return score_TC


def _run_all(data: Path) -> Path:
    results, params = data.parents[1] / "results", data.parents[1] / "params.yaml"
    for name in ("r0", "r1", "r2"):
        evaluate.main(data, name, results, params)
    summary.main(data, results, params)
    return results / "tiny"


def test_metrics_by_hand(data: Path) -> None:
    out = _run_all(data)
    metrics = json.loads((out / "rounds" / "r1" / "metrics.json").read_text())
    # hop: perfect; run: half of it, so tIoU .5; swim: none
    assert metrics["map@0.5"] == pytest.approx(2 / 3, abs=1e-6)
    assert metrics["map@0.55"] == pytest.approx(1 / 3, abs=1e-6)
    # cbp: hop 2/2, run 2/3 (one uncertain), swim 0/2; background: found 3 + 4, true 3 + 1
    assert metrics["fg_miou_cbp"] == pytest.approx((1 + 2 / 3 + 0) / 3, abs=1e-6)
    assert metrics["fg_miou_cbp_as_bg"] == pytest.approx((1 + 2 / 4 + 0) / 3, abs=1e-6)
    assert metrics["bg_miou_cbp"] == pytest.approx(4 / 7, abs=1e-6)
    assert metrics["bg_miou_cbp_as_bg"] == pytest.approx(4 / 8, abs=1e-6)
    # vlp: hop 2/5, run 4/4, swim 2/3; no background at all
    assert metrics["fg_miou_vlp"] == pytest.approx((2 / 5 + 1 + 2 / 3) / 3, abs=1e-6)
    assert metrics["bg_miou_vlp"] == 0


def test_tables(data: Path) -> None:
    out = _run_all(data)
    by_tiou = (out / "by_tiou.csv").read_text().splitlines()
    assert by_tiou[:2] == ["tiou,round,map", "0.1,r0,0.666667"]
    assert len(by_tiou) == 1 + 3 * 14
    per_class = (out / "rounds" / "r0" / "per_class.csv").read_text().splitlines()
    assert per_class[0].startswith("label,instances,ap@0.1,")
    assert per_class[2].startswith("run,1,1.0,1.0,1.0,1.0,1.0,0.0,")
    rounds = (out / "rounds.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in rounds] == ["round", "0", "1", "2"]


def test_summary(data: Path) -> None:
    out = _run_all(data)
    metrics = json.loads((out / "metrics.json").read_text())
    assert len(metrics) <= 20
    assert metrics["gain"] == metrics["worst_step"] == 0
    assert sorted(path.name for path in (out / "pictures").iterdir()) == ["v.png", "w.png"]


def test_the_same_run_gives_the_same_bytes(data: Path) -> None:
    def contents() -> dict[str, bytes]:
        out = _run_all(data)
        return {str(p.relative_to(out)): p.read_bytes() for p in out.rglob("*") if p.is_file()}

    first = contents()
    assert len(first) == 3 * 2 + 5
    assert contents() == first


def test_an_unknown_class_in_the_ground_truth_is_named(data: Path) -> None:
    path = data / "ground_truth.json"
    path.write_text(path.read_text().replace('"swim"', '"swimm"'))
    with pytest.raises(WtalError, match=r"\['swimm'\] are none of the classes"):
        _run_all(data)


def test_a_video_without_scores_is_named(data: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = data / "ground_truth.json"
    tree = json.loads(path.read_text())
    tree["database"]["x"] = {**tree["database"]["v"]}
    path.write_text(json.dumps(tree))
    out = _run_all(data)
    assert "videos without scores, all instances missed: x" in caplog.text
    metrics = json.loads((out / "rounds" / "r0" / "metrics.json").read_text())
    # precision 1 up to recall 1/2 for hop
    assert metrics["map@0.5"] == pytest.approx((1 / 2 + 1) / 3, abs=1e-6)


def test_pictured_videos_are_spread_not_picked() -> None:
    names = [f"v{i}" for i in range(10)]
    assert summary.choose_videos(names[::-1], 3) == ["v0", "v4", "v9"]
    assert summary.choose_videos(names[:2], 5) == ["v0", "v1"]
    assert summary.choose_videos(names, 0) == []
