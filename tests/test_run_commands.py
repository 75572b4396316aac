"""`wtal diagnose`, `stats`, `audit` and `export` on a small run that is written by hand."""

import csv
import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from typer.testing import CliRunner, Result

from wtal_cli.main import app
from wtal_cli.run_ import named_folder, open_run
from wtal_core.annotations import read_predictions, write_predictions
from wtal_core.errors import WtalError
from wtal_core.segments import Segments
from wtal_core.store import write_sequences

CLASSES = ["hop", "<b>run</b>"]
# 20 s each; the fourth, hostile one has neither prediction nor instance
VIDEOS = ["v1", "v2", "v3", '=x"<i>']
TRUE = Segments.build(
    ["v1", "v1", "v2", "v3"], ["hop", "hop", CLASSES[1], "hop"], [0, 10, 4, 2], [4, 14, 9, 6]
)
FOUND = Segments.build(
    ["v1", "v1", "v2", "v3", "v3"],
    ["hop", "hop", CLASSES[1], "hop", CLASSES[1]],
    [0, 10, 4, 3, 12],
    [4, 12, 9, 6, 15],
    [0.9, 0.8, 0.7, 0.6, 0.25],
)
GRID = {"fps": 25.0, "window": 16, "stride": 16, "offset": 0}
DATASET = """\
dataset: {name: small, synthetic: true}
evaluation: {protocol: activitynet}
method: {}
"""


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A data set's folder with the rounds r1 and r10 finished."""
    data = tmp_path / "small"
    for name in ("frames", "r1", "r10"):
        (data / name).mkdir(parents=True)
    (data / "dataset.yaml").write_text(DATASET)
    entries: dict[str, Any] = {
        v: {"file": f"videos/{i}.mkv", "subset": "test"} for i, v in enumerate(VIDEOS)
    }
    entries["t"] = {"file": "videos/t.mkv", "subset": "train", "labels": ["hop"]}
    _write(data / "labels.json", {"classes": CLASSES, "videos": entries})
    _write(data / "frames/record.json", {"videos": {v: {"duration_s": 20.0} for v in VIDEOS}})
    database = {
        v: {
            "subset": "test",
            "duration": 20.0,
            "annotations": [
                {"label": str(TRUE.label[i]), "segment": TRUE.seg_N2[i].tolist()}
                for i in np.flatnonzero(TRUE.video == v)
            ],
        }
        for v in VIDEOS
    }
    _write(data / "ground_truth.json", {"database": database})
    for name in ("r1", "r10"):
        write_predictions(data / name / "predictions.json", FOUND, VIDEOS)
        score_TC = np.linspace(0, 1, 62, dtype=np.float32).reshape(31, 2)
        arrays = {"cbp": score_TC, "vlp": score_TC[::-1].copy(), "final": score_TC}
        attrs = {"classes": CLASSES, "grid": GRID, "distilled": {"cbp": False, "vlp": True}}
        dims = dict.fromkeys(arrays, ("T", "C"))
        write_sequences(data / f"scores/{name}.zarr", [(v, arrays) for v in VIDEOS], dims, attrs)
    return data


def _write(path: Path, tree: Any) -> None:
    path.write_text(json.dumps(tree), encoding="utf-8")


def _table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _wtal(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def test_the_last_round_or_the_one_that_is_named(run: Path) -> None:
    assert open_run(str(run)).round == "r10"
    found = open_run(f"{run}@r1")
    assert (found.round, found.predictions) == ("r1", run / "r1/predictions.json")
    with pytest.raises(WtalError, match=r"round r2 has no predictions\.json; there are r1, r10"):
        open_run(f"{run}@r2")
    with pytest.raises(WtalError, match="no such folder"):
        open_run(f"{run}@last")
    odd = run.rename(run.with_name("x@r3"))
    assert open_run(str(odd)).round == "r10"
    (odd / "dataset.yaml").unlink()
    with pytest.raises(WtalError, match=r"no dataset\.yaml"):
        open_run(str(odd))


def test_a_folder_without_a_finished_round(tmp_path: Path) -> None:
    (tmp_path / "dataset.yaml").write_text(DATASET)
    with pytest.raises(WtalError, match="dvc exp run -S dataset="):
        open_run(str(tmp_path))


def test_diagnosis_of_the_small_run(run: Path, tmp_path: Path) -> None:
    """At 0.6: hop hits in v1 and v3 (3 of 4 s), its half of an instance in v1 is not enough."""
    out = tmp_path / "out"
    ran = _wtal("diagnose", run, "--tiou", "0.6", "--json", tmp_path / "d.json", "--out", out)
    assert ran.exit_code == 0, ran.output
    found = _read(tmp_path / "d.json")
    first = found["false_positives"][0]
    # 1G: three of hop, the best of run
    assert first["true positive"] == 0.75
    assert first["localisation"] == 0.25
    assert found["false_positives"][1]["background"] == 1
    # hop: hits at ranks 1 and 3 of 3 instances
    assert {c["label"]: c["ap"] for c in found["classes"]} == {
        "hop": pytest.approx((1 + 2 / 3) / 3), CLASSES[1]: 1,
    }  # fmt: skip
    assert found["impact"]["localisation"] == pytest.approx((2 / 3 - 5 / 9) / 2)
    assert sorted(path.name for path in out.iterdir()) == [
        "classes.csv", "classes.png", "diagnosis.json", "false_positives.csv",
        "false_positives.png", "impact.csv", "instances.csv", "instances.png",
    ]  # fmt: skip
    rows = _table(out / "false_positives.csv")
    assert [row["true positive"] for row in rows[:2]] == ["0.75", "0.0"]
    assert CLASSES[1] in ran.output
    again = _wtal("diagnose", run, "--out", out)
    assert again.exit_code == 2
    assert "--force" in again.stderr


def test_equal_input_gives_equal_pictures(run: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        assert _wtal("diagnose", run, "--out", tmp_path / name).exit_code == 0
    for path in sorted((tmp_path / "a").iterdir()):
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


def test_without_ground_truth_others_are_named(run: Path) -> None:
    (run / "ground_truth.json").unlink()
    ran = _wtal("diagnose", run)
    assert ran.exit_code == 2
    assert "wtal stats" in ran.stderr
    assert "wtal audit" in ran.stderr


def test_statistics_need_no_ground_truth(run: Path, tmp_path: Path) -> None:
    (run / "ground_truth.json").unlink()
    ran = _wtal("stats", run, "--json", tmp_path / "s.json")
    assert ran.exit_code == 0, ran.output
    found = _read(tmp_path / "s.json")
    assert (found["videos"], found["duration_s"]) == (4, 80)
    half = next(one for one in found["coverage"] if one["level"] == 0.5)
    # v1: 4 + 2 s, v2: 5 s, v3: 3 s
    assert (half["segments"], half["videos_without"]) == (4, 1)
    assert half["time_share"] == pytest.approx(14 / 80)
    assert found["foreground_above"]["cbp"] == 0.3
    assert 0.6 < found["foreground_above"]["vlp"] < 0.7
    assert [one["correlation"] for one in found["classes"]] == pytest.approx([-1, -1])
    assert found["labels"] == {}
    assert "no pseudo-labels" in " ".join(ran.output.split())


def test_labels_of_training_videos_are_ranked(run: Path, tmp_path: Path) -> None:
    items = [
        (name, {"score": np.full((9, 2), value, np.float32) * [1, 0.5]})
        for name, value in (("a", 0.9), ("b", 0.8), ("c", 0.7))
    ]
    attrs = {
        "classes": CLASSES, "teacher": "r0/cbp",
        "video_labels": {"a": ["hop"], "b": [CLASSES[1]], "c": ["hop"]},
    }  # fmt: skip
    write_sequences(run / "r10/pseudo_cbp.zarr", items, {"score": ("T", "C")}, attrs)
    assert _wtal("stats", run, "--json", tmp_path / "s.json").exit_code == 0
    found = _read(tmp_path / "s.json")["labels"]
    assert set(found) == {"cbp"}
    assert found["cbp"]["ap"] == {"hop": pytest.approx((1 + 2 / 3) / 2), CLASSES[1]: 0.5}
    assert (found["cbp"]["scores_of"], found["cbp"]["videos"]) == ("r0/cbp", 3)


def test_an_audit_from_draw_to_estimate(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "audit"
    ran = _wtal("audit", run, "--videos", 4, "-o", out, "--predictions")
    assert ran.exit_code == 0, ran.output
    assert sorted(p.name for p in out.iterdir()) == [
        "annotations.csv", "audit.json", "predictions.csv",
    ]  # fmt: skip
    sheet = out / "annotations.csv"
    assert "'=x" in sheet.read_text()
    unfinished = _wtal("audit", run, "--annotations", sheet)
    assert unfinished.exit_code == 2
    assert "4 videos are not filled in" in unfinished.stderr
    lines = [f"{v},f,{s},{e},{c}" for v, c, s, e in zip(
        TRUE.video, TRUE.label, TRUE.start_s, TRUE.end_s, strict=True)]  # fmt: skip
    sheet.write_text("\n".join(["video,file,start_s,end_s,label", *lines, '"\'=x""<i>",f,,,none']))
    words = ["audit", run, "--annotations", sheet, "--tiou", "0.6", "--json", tmp_path / "a.json"]
    ran = _wtal(*words)
    assert ran.exit_code == 0, ran.output
    found = _read(tmp_path / "a.json")
    assert (found["audited"], found["videos"]) == (4, 4)
    # all are audited: the diagnosis' figure, and nothing left to chance
    expected = ((1 + 2 / 3) / 3 + 1) / 2
    assert found["map"] == {
        "value": pytest.approx(expected), "value_low": pytest.approx(expected),
        "value_high": pytest.approx(expected),
    }  # fmt: skip
    assert "warning" not in ran.output
    sheet.write_text(sheet.read_text().replace(lines[2] + "\n", ""))
    assert "1 of the drawn videos are not in the table" in _wtal(*words).output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "either --videos k"),
        (["--videos", "2", "--annotations", "x"], "either --videos k"),
        (["--videos", "5"], "1 to 4 videos"),
        (["--annotations", "nowhere.csv"], "nowhere.csv"),
    ],
)
def test_audits_that_cannot_be(run: Path, tmp_path: Path, words: list[str], said: str) -> None:
    ran = _wtal("audit", run, *words, *(["-o", tmp_path / "a"] if "--videos" in words else []))
    assert ran.exit_code == 2
    assert said in ran.stderr


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("mine", "sets/mine"),
        ("data/mine", "data/mine"),
        ("./mine/", "mine"),
        ("/x/mine", "/x/mine"),
    ],
)
def test_a_data_set_by_its_name_or_its_folder(name: str, folder: str) -> None:
    assert named_folder(name, Path("sets")) == Path(folder)


def test_exports_without_the_video_files(run: Path, tmp_path: Path) -> None:
    def export(form: str, *words: str) -> Result:
        return _wtal("export", run, "--to", form, "-o", tmp_path / form, *words)

    assert export("activitynet", "--min-score", "0.65").exit_code == 0
    kept = read_predictions(tmp_path / "activitynet")
    assert kept.score.tolist() == [0.9, 0.8, 0.7]
    assert set(_read(tmp_path / "activitynet")["results"]) == set(VIDEOS)
    ran = export("csv")
    assert "without frame numbers" in ran.output
    rows = _table(tmp_path / "csv")
    assert [row["start_frame"] for row in rows] == [""] * 5
    assert export("fiftyone").exit_code == 2
    assert not (tmp_path / "fiftyone").exists()
    assert export("fiftyone", "--fps", "10").exit_code == 0
    labels = _read(tmp_path / "fiftyone/labels.json")["labels"]
    assert labels["v1"][1]["support"] == [101, 120]
    assert labels[VIDEOS[3]] is None
    places = _read(tmp_path / "fiftyone/data.json")
    assert places["v1"] == str(run / "videos/0.mkv")
    assert export("labelstudio").exit_code == 0
    tasks = _read(tmp_path / "labelstudio/tasks.json")
    assert [task["data"]["fps"] for task in tasks] == [25.0] * 4
    assert export("vtt").exit_code == 0
    assert sorted(p.stem for p in (tmp_path / "vtt").iterdir()) == sorted(VIDEOS)
    assert "0.25" not in (tmp_path / "vtt/v3.vtt").read_text()  # below what people look at
    assert "&lt;b&gt;run&lt;/b&gt; 0.70" in (tmp_path / "vtt/v2.vtt").read_text()
    again = export("csv")
    assert again.exit_code == 2
    assert "--force" in again.stderr
    assert export("csv", "--force").exit_code == 0


def test_frames_are_those_of_the_original_file(run: Path, tmp_path: Path) -> None:
    """v1 has a frame at 0, 1, 2, 3, 9, 10 and 11 s: neither 25 frames a second nor any rate."""
    (run / "videos").mkdir()
    with av.open(str(run / "videos/0.mkv"), "w") as container:
        stream: Any = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        stream.codec_context.time_base = stream.time_base = Fraction(1, 1000)
        for second in (0, 1, 2, 3, 9, 10, 11):
            frame = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), "rgb24")
            frame.pts, frame.time_base = 1000 * second, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    ran = _wtal("export", run, "--to", "csv", "-o", tmp_path / "x.csv")
    assert "v2, v3" in ran.output
    rows = _table(tmp_path / "x.csv")
    assert [(r["start_frame"], r["end_frame"]) for r in rows if r["video"] == "v1"] == [
        ("1", "4"), ("6", "7"),
    ]  # fmt: skip


def test_an_id_that_leaves_the_folder_is_no_file_name(run: Path, tmp_path: Path) -> None:
    for path in (run / "labels.json", run / "frames/record.json", run / "r10/predictions.json"):
        path.write_text(path.read_text().replace('"v1"', '"../v1"'))
    ran = _wtal("export", run, "--to", "vtt", "-o", tmp_path / "vtt")
    assert ran.exit_code == 2
    assert "'../v1'" in ran.stderr
    assert not (tmp_path / "v1.vtt").exists()
