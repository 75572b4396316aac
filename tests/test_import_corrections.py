"""`wtal import corrections` and the export that it takes back, on a small run."""

import csv
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.reporting.small_run import FPS, LOST, make_run
from wtal_cli.main import app
from wtal_core.annotations import read_labels
from wtal_core.corrections import Corrected, read_corrections, write_corrections


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The run's only training video is `LOST`, 8 s long, with the label jump; it has no file."""
    return make_run(tmp_path, truth=False, names=False)


def wtal(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def take(data: Path, file: Path, *words: str) -> Result:
    return wtal("import", "corrections", data.name, file, "--data", data.parent, *words)


def corrected(data: Path) -> dict[str, Corrected]:
    return read_corrections(data / "corrections.json", read_labels(data / "labels.json"))


def export(data: Path, form: str, out: Path, *words: str) -> Path:
    ran = wtal("export", data, "--to", form, "--training", "-o", out, *words)
    assert ran.exit_code == 0, ran.output
    return out


def test_a_table_there_and_back(data: Path, tmp_path: Path) -> None:
    """Exported, marked and edited as a spreadsheet does it, taken over."""
    table = export(data, "csv", tmp_path / "mine.csv", "--fps", str(FPS))
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows
    assert {row["label"] for row in rows} == {"jump"}
    assert {row["reviewed"] for row in rows} == {""}

    refused = take(data, table)
    assert refused.exit_code == 2
    assert "no row is marked in the column 'reviewed'" in refused.output
    assert not (data / "corrections.json").exists()

    whole = take(data, table, "--all", "--fps", str(FPS))
    assert whole.exit_code == 0, whole.output
    segments = tuple(("jump", float(r["start_s"]), float(r["end_s"])) for r in rows)
    assert corrected(data) == {LOST: Corrected(segments, ("jump",))}

    edited = [rows[0] | {"start_s": "1,5", "end_s": "0:02,25", "start_frame": "", "end_frame": ""}]
    edited[0]["reviewed"] = "yes"
    with table.open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=";", lineterminator="\r\n")
        writer.writeheader()
        writer.writerows(edited)
    before = table.read_bytes()
    refused = take(data, table)
    assert refused.exit_code == 2
    assert f"other corrections of {LOST}. Replace them by --force" in refused.output
    taken = take(data, table, "--force")
    assert taken.exit_code == 0, taken.output
    assert "1 of them replaced" in taken.output
    assert "pseudo_labels.corrections=true" in taken.output
    assert corrected(data) == {LOST: Corrected((("jump", 1.5, 2.25),), ("jump",))}
    assert table.read_bytes() == before
    assert take(data, table).exit_code == 0  # the same once more is no conflict


def test_label_studio_there_and_back(data: Path, tmp_path: Path) -> None:
    folder = export(data, "labelstudio", tmp_path / "tasks", "--fps", "10")
    tasks = json.loads((folder / "tasks.json").read_text())
    assert [task["data"]["video_id"] for task in tasks] == [LOST]
    assert "nobody reviewed" in take(data, folder / "tasks.json").output
    region = tasks[0]["predictions"][0]["result"][0]
    region["value"]["ranges"] = [{"start": 11, "end": 25}]
    tasks[0]["annotations"] = [{"was_cancelled": False, "result": [region]}]
    back = tmp_path / "project-1.json"
    back.write_text(json.dumps(tasks))
    taken = take(data, back)
    assert taken.exit_code == 0, taken.output
    assert corrected(data) == {LOST: Corrected((("jump", 1.0, 2.5),), ("jump",))}


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (["film,jump,1,2"], "line 2: 'film' is a test video"),
        ([f"{LOST}x,jump,1,2"], f"is '{LOST}' meant"),
        ([f"{LOST},jmp,1,2"], "is 'jump' meant"),
        ([f"{LOST},dive,1,2"], "has the labels jump, not 'dive'"),
        ([f"{LOST},jump,1,2", f"{LOST},jump,7,19"], "line 3: [7, 19] s is no part"),
        ([f"{LOST},,,"], "no segment of the videos that were looked at"),
    ],
)
def test_what_cannot_be_is_named(data: Path, tmp_path: Path, rows: list[str], said: str) -> None:
    write_corrections(data / "corrections.json", {})
    before = (data / "corrections.json").read_bytes()
    table = tmp_path / "table.csv"
    table.write_text("\n".join(["video,label,start_s,end_s", *rows]) + "\n")
    ran = take(data, table)
    assert ran.exit_code == 2
    assert said in ran.output
    assert str(table) in ran.output
    assert (data / "corrections.json").read_bytes() == before


def test_files_that_are_not_there_or_no_text(data: Path, tmp_path: Path) -> None:
    assert "no such file" in take(data, tmp_path / "x.csv").output
    (tmp_path / "x.csv").write_bytes(b"\xff\xfe\x00v")
    assert "no text in UTF-8" in take(data, tmp_path / "x.csv").output
    (tmp_path / "x.json").write_text("[{]")
    assert take(data, tmp_path / "x.json").exit_code == 2
    nowhere = wtal("import", "corrections", "nowhere", tmp_path / "x.csv", "--data", tmp_path)
    assert "not the folder of a data set" in nowhere.output


def test_the_warm_up_has_no_training_segments(data: Path, tmp_path: Path) -> None:
    ran = wtal("export", f"{data}@r0", "--to", "csv", "--training", "-o", tmp_path / "x.csv")
    assert ran.exit_code == 2
    assert "The warm-up (r0) makes none" in ran.output
