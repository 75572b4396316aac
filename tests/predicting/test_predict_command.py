"""`wtal predict` as a user calls it: tables, files, pages, and videos that cannot be used."""

import csv
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from stages.parts.trained import load_predictor
from tests.closure import ROOT
from tests.predicting.tiny_trained import make_trained, write_stores
from tests.reporting.test_report_command import data_of, tree
from tests.video.films import picture, turn, write_film, write_sound
from wtal_cli.main import app
from wtal_core.annotations import read_json, read_predictions
from wtal_core.store import read_sequences

IMG = "<img src=x onerror=alert(1)>"
UNSTEADY = [0, 40, 80, 300, 340, 380, 420, 700, 740, 780, 820, 860, 900, 940, 980, 1400]
# name: seconds
GOOD = {"good.mp4": 2.4, "upright": 1.6, "good.mkv": 1.44, IMG: 1.2}
BAD = {"cut": "E106", "text": "E102", "empty": "E102", "none": "E109", "sound": "E103"}


@dataclass(frozen=True)
class Called:
    """One call with good and bad videos among each other."""

    root: Path
    data: Path
    films: Path
    out: Path
    code: int
    said: str
    told: str  # on standard error


def predict(*words: object) -> Any:
    return CliRunner().invoke(app, ["predict", *map(str, words)])


def write_films(folder: Path) -> list[Path]:
    """Good and bad ones in turns."""
    folder.mkdir()
    pictures = [picture(i, 46, 62) for i in range(60)]
    write_film(folder / "good.mp4", pictures)
    turn(write_film(folder / "upright.mov", pictures[:40]), (0, 1, -1, 0))
    write_film(folder / "good.mkv", pictures[:16], UNSTEADY)
    write_film(folder / f"{IMG}.mp4", pictures[:30])
    cut = write_film(folder / "cut.mkv", pictures)
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    (folder / "text.mp4").write_text("not a film at all\n" * 100)
    (folder / "empty.mp4").touch()
    write_sound(folder / "sound.mp4")
    names = (
        "cut.mkv", "good.mp4", "text.mp4", "upright.mov", "none.mp4", "good.mkv", "empty.mp4",
        f"{IMG}.mp4", "sound.mp4",
    )  # fmt: skip
    return [folder / name for name in names]


@pytest.fixture(scope="module")
def called(tmp_path_factory: pytest.TempPathFactory) -> Called:
    """`wtal predict` on all films at once, with files and pages."""
    root = tmp_path_factory.mktemp("predict")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WTAL_ITEM_CACHE", str(root / "cache"))
        patch.setenv("COLUMNS", "200")
        data, out = make_trained(root), root / "out"
        before = tree(data)
        films = write_films(root / "films")
        ran = predict(data, *films, "-o", out, "--min-score", "0")
        assert tree(data) == before
    return Called(root, data, root / "films", out, ran.exit_code, ran.stdout, ran.stderr)


def test_bad_videos_are_named_and_the_others_go_on(called: Called) -> None:
    assert called.code == 3, called.told
    for name, code in BAD.items():
        (line,) = [line for line in called.told.splitlines() if f"/{name}." in line]
        assert line.startswith("error: ")
        assert code in line
    assert "5 of 9 videos could not be used" in called.told
    assert "labels.json" not in called.told  # these videos are not in any
    assert "Traceback" not in called.said + called.told
    assert f"{called.out}: 4 videos; open {called.out / 'page/index.html'}" in called.said


def test_the_table_says_where_what_and_at_what_cost(called: Called) -> None:
    lines = called.said.splitlines()
    at = lines.index(str(called.films / "good.mp4"))
    assert lines[at + 1].split() == ["length", "2.40", "s"]
    assert "s per second of video" in lines[at + 2]
    assert lines[at + 3].endswith("segments of score 0 or more")
    end = lines.index(str(called.films / "upright.mov"))
    rows = [
        [cell.strip() for cell in line.split("│")[1:-1]]
        for line in lines[at:end]
        if line.startswith("│")
    ]
    # "00:00:01.300 --> 00:00:02.400", then "HopScotch 0.35"
    cues = (called.out / "vtt" / "good.mp4.vtt").read_text().strip().split("\n\n")[1:]
    assert len(rows) == len(cues) > 1
    for (start, stop, label, score), cue in zip(rows, cues, strict=True):
        times, told = cue.split("\n")
        assert times == f"00:0{start}0 --> 00:0{stop}0"  # all are whole tenths
        assert told == f"{label} {score}"


def test_segments_and_scores_are_those_of_the_python_call(called: Called) -> None:
    files = {
        "good.mp4": "good.mp4", "upright": "upright.mov", "good.mkv": "good.mkv", IMG: f"{IMG}.mp4",
    }  # fmt: skip
    predictor = load_predictor(called.data, "r1", called.root / "params.yaml", threads=1)
    found = read_predictions(called.out / "predictions.json")
    scores = read_sequences(called.out / "data/toy/scores/r1.zarr")
    assert list(scores.names) == list(read_json(called.out / "predictions.json")["results"])
    assert set(scores.names) == set(GOOD)
    for name, seconds in GOOD.items():
        made = predictor.predict(called.films / files[name], name)
        assert made.duration_s == pytest.approx(seconds, abs=0.001)
        own = found.take(found.video == name)
        assert len(own)
        assert own.label.tolist() == made.segments.label.tolist()
        np.testing.assert_array_equal(own.seg_N2, made.segments.seg_N2)
        np.testing.assert_array_equal(own.score, made.segments.score)
        for key, score_TC in made.scores.items():
            np.testing.assert_array_equal(scores.of(name)[key], score_TC)


def test_tables_and_subtitles(called: Called) -> None:
    found = read_predictions(called.out / "predictions.json")
    with (called.out / "predictions.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(found)
    assert {row["video"] for row in rows} == set(GOOD)
    assert all(int(row["start_frame"]) <= int(row["end_frame"]) for row in rows)
    assert {path.stem for path in (called.out / "vtt").iterdir()} == set(GOOD)
    text = (called.out / "vtt" / f"{IMG}.vtt").read_text()
    assert text.startswith("WEBVTT\n\n00:00:00.")
    record = read_json(called.out / "predict.json")
    assert record["run"] == "toy@r1"
    assert {name: one["duration_s"] for name, one in record["videos"].items()} == GOOD
    assert {name: one["code"] for name, one in record["bad"].items()} == BAD
    assert all(one["remedy"] for one in record["bad"].values())


def test_pages_of_new_videos(called: Called) -> None:
    page = called.out / "page"
    record = read_json(page / "report.json")
    index = (page / "index.html").read_text()
    assert set(record["videos"]) == set(GOOD)
    assert "New videos through a trained run" in index
    assert "a program rendered" not in index
    assert IMG not in index
    for name, address in record["videos"].items():
        text = (page / address).read_text()
        assert "test split" not in text
        shown = data_of(text)
        assert shown["truth"] is None
        assert shown["duration"] == pytest.approx(GOOD[name], abs=0.001)
        (run,) = shown["runs"]
        assert [curve["title"] for curve in run["curves"]] == ["CBP", "VLP", "final"]
        assert run["predictions"]
    assert len(list((page / "media").iterdir())) == len(GOOD)


def test_other_commands_take_the_results_as_a_run(called: Called, tmp_path: Path) -> None:
    place = called.out / "data" / "toy"
    for words in (
        ["export", place, "--to", "csv", "-o", tmp_path / "a.csv"],
        ["stats", place],
        ["report", place, "-o", tmp_path / "report", "--media", "none"],
    ):
        ran = CliRunner().invoke(app, [str(word) for word in words])
        assert ran.exit_code == 0, ran.output
    again, first = (tmp_path / "a.csv").read_text(), (called.out / "predictions.csv").read_text()
    assert len(again.splitlines()) == len(first.splitlines())


def test_results_are_replaced_by_results_alone(called: Called, tmp_path: Path) -> None:
    film = called.films / "good.mkv"
    (tmp_path / "diary.txt").write_text("mine")
    refused = predict(called.data, film, "-o", tmp_path)
    assert refused.exit_code == 2
    assert "holds other files" in refused.stderr
    out = tmp_path / "copy"
    shutil.copytree(called.out, out, symlinks=True)
    ran = predict(called.data, film, "-o", out, "--no-page")
    assert ran.exit_code == 0, ran.output
    assert list(read_json(out / "predict.json")["videos"]) == ["good"]
    assert not (out / "page").exists()
    assert (out / "data/toy/videos/good.mkv").samefile(film)


def test_nothing_but_bad_videos(called: Called, tmp_path: Path) -> None:
    ran = predict(
        called.data, called.films / "empty.mp4", called.films / "none.mp4", "-o", tmp_path
    )
    assert ran.exit_code == 2
    assert "E102" in ran.stderr
    assert "E109" in ran.stderr
    assert "none of the 2 videos can be used" in ran.stderr
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_file(called: Called, tmp_path: Path) -> None:
    """A pipe that nobody writes to would be waited for without end."""
    os.mkfifo(tmp_path / "pipe.mp4")
    ran = predict(called.data, tmp_path / "pipe.mp4", "/dev/zero", "https://x.test/a.mp4", tmp_path)
    assert ran.exit_code == 2
    told = ran.stderr.splitlines()
    assert told[0].endswith(
        "pipe.mp4: a pipe or a device, no file; save it to a file and name that"
    )
    assert "E109 /dev/zero: a pipe or a device" in told[1]
    assert "a.mp4: an address, no file; download it and name the file" in told[2]
    assert f"a folder; name its videos, such as {tmp_path}/*.mp4" in told[3]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-o", "new", "--media", "cinema"], "--media is one of copy, link, none, got 'cinema'"),
        (["--min-score", "7"], "--min-score"),
        (["--params", "lost.yaml"], "lost.yaml: no such file"),
    ],
)
def test_words_that_are_wrong(called: Called, words: list[str], said: str) -> None:
    ran = predict(called.data, called.films / "good.mkv", *words)
    assert ran.exit_code == 2
    assert said in ran.stderr


def test_flow_that_is_not_the_runs_is_said_once_before_any_video(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WTAL_ITEM_CACHE", str(tmp_path / "cache"))
    data = make_trained(tmp_path)
    write_stores(data, flow={"method": "dis", "preset": "medium", "bound": 3.0})
    film = write_film(tmp_path / "a.mp4", [picture(0, 46, 62)])
    ran = predict(data, film, film.with_name("lost.mp4"))
    assert ran.exit_code == 2
    assert ran.stderr.count("error:") == 1
    assert "preset: medium then, ultrafast now" in ran.stderr


@pytest.mark.parametrize("debug", [False, True])
def test_what_is_missing_is_said_before_anything_heavy_is_loaded(
    called: Called, tmp_path: Path, debug: bool
) -> None:
    data = tmp_path / "data" / "toy"
    shutil.copytree(called.data, data)
    shutil.copy(called.root / "params.yaml", tmp_path)
    shutil.rmtree(data / "r1" / "cbp")
    words = ["wtal", "predict", str(data), "none.mp4", *(["--debug"] if debug else [])]
    code = (
        f"import sys\nsys.argv = {words!r}\nfrom wtal_cli.main import app\n"
        "try:\n    app()\n"
        "finally:\n    print(*({'torch', 'cv2', 'open_clip', 'zarr', 'av'} & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert ran.stdout.strip() == ""
    assert "r1/cbp: no trained branch. `dvc checkout`" in ran.stderr
    assert ("Traceback" in ran.stderr) == debug
    assert ran.returncode == (1 if debug else 2)


def test_what_the_terminal_gets(called: Called) -> None:
    """A file name is text there, too; nothing of it is a command to the terminal."""
    assert f"{called.films}/{IMG}.mp4" in called.said
    assert "\x1b" not in called.said


def test_help_names_what_comes_out() -> None:
    said = predict("--help").output
    assert "predictions.json" in said
