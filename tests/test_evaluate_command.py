"""`wtal evaluate`: its figures, its warnings, its refusals."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from wtal_cli.evaluate import parse_tious
from wtal_cli.main import app
from wtal_core.errors import WtalError

TRUTH = "video,start,end,label\nv,0,10,hop\nv,20,30,hop\nw,0,8,run\n"
FOUND = "video,start,end,label,score\nv,0,10,hop,.9\nv,20,26,hop,.8\nw,4,8,run,.7\n"


def _run(tmp_path: Path, *words: str, truth: str = TRUTH, found: str = FOUND) -> Result:
    (tmp_path / "g.csv").write_text(truth)
    (tmp_path / "p.csv").write_text(found)
    files = ["--predictions", str(tmp_path / "p.csv"), "--ground-truth", str(tmp_path / "g.csv")]
    if "--protocol" not in words:
        words = ("--protocol", "activitynet", *words)
    return CliRunner().invoke(app, ["evaluate", *files, *words])


def _rows(text: str) -> dict[str, list[str]]:
    """First cell: the others, of each row of the tables; of equal first cells the last."""
    cells = [re.split(r"\s*[│┃]\s*", line)[1:-1] for line in text.splitlines() if "│" in line]
    return {row[0]: row[1:] for row in cells}


def test_the_figures_by_hand(tmp_path: Path) -> None:
    ran = _run(tmp_path, "--json", str(tmp_path / "out.json"))
    assert ran.exit_code == 0, ran.output
    rows = _rows(ran.stdout)
    # hop: .6 of the second; run: .5
    assert rows["0.5"] == ["1.0000"]
    assert rows["0.6"] == ["0.5000"]
    assert rows["0.7"] == ["0.2500"]
    assert rows["0.1-0.5"] == ["1.0000"]
    assert rows["0.3-0.7"] == ["0.7500"]
    assert rows["all"] == rows["0.1-0.7"] == ["0.8214"]
    tree = json.loads((tmp_path / "out.json").read_text())
    assert tree["metrics"]["map@0.7"] == 0.25
    assert tree["metrics"]["map_avg"] == pytest.approx(23 / 28)
    assert tree["ap"]["hop"] == {"instances": 2, "ap": [1.0] * 6 + [0.5]}
    assert tree["predictions"] == {"file": "p.csv", "segments": 3, "videos": 2}
    assert tree["ground_truth"]["subset"] is None


def test_per_class_and_chosen_thresholds(tmp_path: Path) -> None:
    rows = _rows(_run(tmp_path, "--tiou", "0.5,0.75", "--per-class").stdout)
    assert rows["hop"] == ["2", "1.0000", "0.5000"]
    assert rows["run"] == ["1", "1.0000", "0.0000"]
    assert "0.1" not in rows
    assert "0.3-0.7" not in rows


def test_recall_under_tad(tmp_path: Path) -> None:
    twin = TRUTH + "w,0.0004,8,run\n"
    ran = _run(tmp_path, "--protocol", "tad", truth=twin)
    assert _rows(ran.stdout)["0.6"] == ["0.5000", "0.5000", "0.5000"]
    assert "1 duplicate or empty instances" in ran.stdout


def test_strangers_are_named(tmp_path: Path) -> None:
    ran = _run(tmp_path, found=FOUND + "x,0,1,hop,.5\nv,0,1,jmup,.4\n")
    assert ran.exit_code == 0
    assert "left out: jmup" in ran.stderr
    assert "all predictions false: x" in ran.stderr
    many = "".join(f"x{n:02},0,1,hop,.5\n" for n in range(30))
    assert "x19, ... (30 in all)" in _run(tmp_path, found=FOUND + many).stderr


def test_files_that_share_nothing_are_refused(tmp_path: Path) -> None:
    ran = _run(tmp_path, found=FOUND.replace("\nv", "\nv_v").replace("\nw", "\nv_w"))
    assert ran.exit_code == 2
    assert re.search(r"none of its 2 videos \(v_v, v_w, ...\) is among the 2 of .*v, w", ran.stderr)
    ran = _run(tmp_path, found=FOUND.replace("hop", "0").replace("run", "1"))
    assert ran.exit_code == 2
    assert "none of its 2 labels (0, 1, ...)" in ran.stderr
    assert "--classes" in ran.stderr


def test_numbers_of_classes(tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_text("0 hop\n1 run\n")
    numbered = FOUND.replace("hop", "0").replace("run", "1")
    ran = _run(tmp_path, "--classes", str(tmp_path / "classes.txt"), found=numbered)
    assert _rows(ran.stdout)["0.7"] == ["0.2500"]


def test_fractions_and_seconds(tmp_path: Path) -> None:
    """v lasts 40 s, w 8 s."""
    fractions = "video,start,end,label,score\nv,0,.25,hop,.9\nv,.5,.65,hop,.8\nw,.5,1,run,.7\n"
    (tmp_path / "d.csv").write_text("video,duration\nv,40\nw,8\n")
    words = ("--unit", "fraction", "--durations", str(tmp_path / "d.csv"))
    ran = _run(tmp_path, *words, "--ground-truth-unit", "seconds", found=fractions)
    assert _rows(ran.stdout)["all"] == ["0.8214"]
    truth = "video,start,end,label\nv,0,.25,hop\nv,.5,.75,hop\nw,0,1,run\n"
    ran = _run(tmp_path, "--unit", "fraction", found=fractions, truth=truth)
    assert _rows(ran.stdout)["all"] == ["0.8214"]  # durations play no part in a ratio
    ran = _run(tmp_path, "--unit", "fraction", "--protocol", "tad", found=fractions, truth=truth)
    assert ran.exit_code == 2
    assert "--durations" in ran.stderr
    ran = _run(tmp_path, *words, "--protocol", "tad", found=fractions, truth=truth)
    assert _rows(ran.stdout)["0.7"][0] == "0.2500"
    ran = _run(tmp_path, "--unit", "fraction")
    assert ran.exit_code == 2
    assert "Are these seconds?" in ran.stderr


def test_ambiguous_intervals_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "Ambiguous_test.txt").write_text("v  12.0 14.0\n")
    found = FOUND + "v,11,15,hop,.95\n"
    ran = _run(tmp_path, "--protocol", "thumos14", found=found)
    assert "give them with --ambiguous" in ran.stderr
    assert _rows(ran.stdout)["0.4"] == ["0.7917"]  # hop: 1/2 and 2/3
    words = ("--protocol", "thumos14", "--ambiguous", str(tmp_path / "Ambiguous_test.txt"))
    ran = _run(tmp_path, *words, found=found)
    assert ran.stderr == ""
    assert _rows(ran.stdout)["0.4"] == ["1.0000"]


def test_snippets_on_the_grid(tmp_path: Path) -> None:
    """hop is 0 to 15.6 and 31.25 to 46.9 snippets."""
    found = "video,start,end,label,score\nv,0,16,hop,.9\nv,31,47,hop,.8\nw,0,12,run,.7\n"
    words = ("--protocol", "wtalc-grid", "--unit", "snippets", "--ground-truth-unit", "seconds")
    ran = _run(tmp_path, *words, "--tiou", "0.99", found=found)
    assert _rows(ran.stdout)["0.99"] == ["1.0000"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--protocol", "coco"), "activitynet, thumos14, wtalc-grid, tad, got 'coco'"),
        (("--tiou", "0:1:0.1"), "--tiou holds values above 0"),
        (("--tiou", "0.1:0.5"), "--tiou is first:last:step"),
        (("--tiou", "a,b"), "--tiou is first:last:step"),
        (("--unit", "frames"), "a unit is one of seconds, fraction, snippets, got 'frames'"),
        (("--protocol", "thumos14", "--ties", "official"), "thumos14 has its own"),
        (("--subset", "test"), "knows no subsets"),
        (("--durations", "none.csv"), "none.csv: cannot be read"),
    ],
)
def test_wrong_options_are_named(tmp_path: Path, words: tuple[str, ...], message: str) -> None:
    ran = _run(tmp_path, *words)
    assert ran.exit_code == 2
    assert message in ran.stderr


def test_no_predictions_and_no_instances(tmp_path: Path) -> None:
    ran = _run(tmp_path, found="video,start,end,label,score\n")
    assert _rows(ran.stdout)["all"] == ["0.0000"]
    ran = _run(tmp_path, truth="video,start,end,label\n")
    assert ran.exit_code == 2
    assert "g.csv: no action instance" in ran.stderr


def test_thresholds_by_hand() -> None:
    assert parse_tious("0.1:0.7:0.1") == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]
    assert parse_tious("0.5:0.95:0.05")[-1] == 0.95
    assert len(parse_tious("0.5:0.95:0.05")) == 10
    assert parse_tious("1") == [1.0]
    with pytest.raises(WtalError, match="step is above 0"):
        parse_tious("0.1:0.5:0")


def test_json_files_and_a_subset(tmp_path: Path) -> None:
    def entry(subset: str, *segments: Any) -> dict[str, Any]:
        items = [{"label": "hop", "segment": list(s)} for s in segments]
        return {"subset": subset, "duration": 40, "annotations": items}

    database = {"u": entry("train", (0, 9)), "v": entry("test", (0, 10), (20, 30))}
    (tmp_path / "g.json").write_text(json.dumps({"database": database}))
    results = {"v": [{"label": "hop", "score": 0.5, "segment": [0, 0.2]}], "u": []}
    (tmp_path / "p.json").write_text(json.dumps({"results": results}))
    words = ["evaluate", "--protocol", "activitynet", "--unit", "fraction"]
    for option, name in (("--predictions", "p.json"), ("--ground-truth", "g.json")):
        words += [option, str(tmp_path / name)]
    ran = CliRunner().invoke(app, words)  # 8 of 10 seconds; the truth is in seconds
    assert _rows(ran.stdout)["0.7"] == ["0.5000"]
    assert "g.json test: 2 instances" in ran.stdout
    ran = CliRunner().invoke(app, [*words, "--subset", "val"])
    assert "those that have some: train, test" in ran.stderr
