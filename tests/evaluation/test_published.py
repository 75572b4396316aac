"""Published detections give their published figures: S-CNN and AutoLoc on THUMOS14."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from wtal_cli.main import app
from wtal_core.evaluation.detection import evaluate_detections
from wtal_core.segments import Segments, overlap_tiou

REFERENCE = Path(__file__).parents[3] / "shared" / "reference"
OFFICIAL = REFERENCE / "ground_truth" / "thumos14" / "official_txt" / "annotation_test"
pytestmark = [
    pytest.mark.reference,
    pytest.mark.skipif(not REFERENCE.is_dir(), reason="no ../shared/reference"),
]
# columns of `seg_swin`: video, frames of the window, start and end in seconds, score, class
VIDEO, LENGTH, START, END, SCORE, CLASS = 0, 1, 4, 5, 8, 10


def test_autoloc_on_thumos14_as_published() -> None:
    folder = REFERENCE / "detections" / "autoloc_thumos14"

    def read(name: str, *columns: Any) -> Any:
        with open(folder / name, newline="") as file:
            rows = list(csv.DictReader(file))
        numbers = [[float(row[c]) for row in rows] for c in ("t_start", "t_end", *columns)]
        return Segments.build(
            [row["video"] for row in rows], [row["class_index"] for row in rows], *numbers
        )

    truth, found = read("ground_truth.csv"), read("predictions.csv", "score")
    assert (len(truth), len(found)) == (3234, 20763)
    tious = [k / 10 for k in range(1, 10)]
    result = evaluate_detections(found, truth, tious)
    published = [0.4667, 0.4171, 0.3577, 0.2902, 0.2121, 0.1340, 0.0580, 0.0156, 0.0021]
    np.testing.assert_allclose(list(result.map().values()), published, atol=5.1e-5)
    assert round(result.average(0.1, 0.9, 0.1), 3) == 0.217


def test_scnn_on_thumos14_as_published() -> None:
    windows, names, published = _read_scnn()
    truth = Segments.join([_read(name) for name in names])
    ambiguous = _read("Ambiguous")
    assert (len(truth), len(ambiguous)) == (3358, 99)
    for tiou, ap_C in zip((0.1, 0.2, 0.3, 0.4, 0.5), published, strict=True):
        found = _detect(windows, names, tiou - 0.1)
        result = evaluate_detections(found, truth, [tiou], "thumos14", ambiguous)
        assert result.classes == tuple(names)
        np.testing.assert_allclose(result.ap_CK[:, 0], ap_C, atol=1e-12)


def test_autoloc_through_the_command(tmp_path: Path) -> None:
    folder = REFERENCE / "detections" / "autoloc_thumos14"
    files = folder / "predictions.csv", folder / "ground_truth.csv"
    tree = _evaluate(tmp_path, *files, "activitynet", "--tiou", "0.1:0.9:0.1", "--unit", "fraction")
    shown = [f"{tree['metrics'][f'map@{k / 10:g}']:.4f}" for k in range(1, 10)]
    assert " ".join(shown) == "0.4667 0.4171 0.3577 0.2902 0.2121 0.1340 0.0580 0.0156 0.0021"
    assert f"{tree['metrics']['map_avg']:.3f}" == "0.217"


def test_scnn_through_the_command(tmp_path: Path) -> None:
    """As a submission to the challenge, with its class numbers, against its own files."""
    windows, names, published = _read_scnn()
    found = _detect(windows, names, 0.5 - 0.1)
    text = [
        f"{video} {start:.1f} {end:.1f} {names.index(label) + 1} {score:.5g}"
        for video, label, start, end, score in zip(
            found.video, found.label, found.start_s, found.end_s, found.score, strict=True
        )
    ]
    (tmp_path / "scnn.txt").write_text("\n".join(text))
    (tmp_path / "numbers.txt").write_text("\n".join(f"{n} {c}" for n, c in enumerate(names, 1)))
    words = ("--tiou", "0.5", "--classes", str(tmp_path / "numbers.txt"))
    tree = _evaluate(tmp_path, tmp_path / "scnn.txt", OFFICIAL, "thumos14", *words)
    assert tree["ground_truth"]["ambiguous"] == 99
    assert tree["ground_truth"]["segments"] == 3358
    ap_C = [tree["ap"][name]["ap"][0] for name in names]
    np.testing.assert_allclose(ap_C, published[4], atol=1e-12)


def _evaluate(folder: Path, found: Path, truth: Path, protocol: str, *words: str) -> Any:
    files = ["--predictions", str(found), "--ground-truth", str(truth), "--protocol", protocol]
    out = folder / "out.json"
    ran = CliRunner().invoke(app, ["evaluate", *files, "--json", str(out), *words])
    assert ran.exit_code == 0, ran.output
    return json.loads(out.read_text())


def _read_scnn() -> tuple[np.ndarray, list[str], np.ndarray]:
    """Windows that are not background, their scores weighted by length; classes; published AP."""
    with np.load(REFERENCE / "detections" / "scnn_thumos14" / "scnn.npz") as file:
        windows, weight, published = file["seg_swin"], file["weight"], file["published_AP"]
    windows = windows[windows[:, CLASS] > 0]
    scale = np.log2(windows[:, LENGTH] / 16).astype(int)
    windows[:, SCORE] *= weight[scale, windows[:, CLASS].astype(int) - 1]
    names = [line.split()[1] for line in (OFFICIAL / "detclasslist.txt").read_text().splitlines()]
    return windows, names, published


def _read(name: str) -> Segments:
    rows = [line.split() for line in (OFFICIAL / f"{name}_test.txt").read_text().splitlines()]
    start_N, end_N = ([float(row[i]) for row in rows] for i in (1, 2))
    return Segments.build([row[0] for row in rows], [name] * len(rows), start_N, end_N)


def _detect(windows: np.ndarray, names: list[str], most: float) -> Segments:
    """S-CNN's post-processing: NMS per video and class; its text file has times of one decimal and
    scores of five digits, which makes hundreds of them equal.
    """
    rows = []
    for video in np.unique(windows[:, VIDEO]):
        for c in np.unique(windows[windows[:, VIDEO] == video, CLASS]):
            own = (windows[:, VIDEO] == video) & (windows[:, CLASS] == c)
            for start, end, score in _suppress(windows[own][:, [START, END, SCORE]], most):
                name = f"video_test_{int(video):07d}"
                times = round(start, 1), round(end, 1)
                rows.append((name, names[int(c) - 1], *times, float(f"{score:.5g}")))
    return Segments.build(*zip(*rows, strict=True))


def _suppress(rows: np.ndarray, most: float) -> list[list[float]]:
    """(start, end, score) rows, best first and of equal ones the last; each overlaps those before
    it by at most `most`.
    """
    left = rows[np.argsort(rows[:, 2], kind="stable")]
    kept = []
    while len(left):
        best, left = left[-1], left[:-1]
        kept.append(best.tolist())
        left = left[overlap_tiou(best[0], best[1], left[:, 0], left[:, 1]) <= most]
    return kept
