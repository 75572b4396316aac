"""`wtal report` as a user calls it, without a browser."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.reporting.small_run import CLASSES, IMG, LOST, OLD, TEST, make_run
from wtal_cli.main import app


def call(*words: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["report", *map(str, words)])
    return result.exit_code, result.output


def tree(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def data_of(page: str) -> dict[str, Any]:
    found = re.search(r'id="data">(.*?)</script>', page, re.DOTALL)
    assert found
    return dict(json.loads(found[1]))


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a report on the hostile run, which was moved and whose run is gone."""
    root = tmp_path_factory.mktemp("hostile")
    data, out = make_run(root / "here"), root / "out"
    before = tree(data)
    code, said = call(data, "-o", out)
    assert code == 0, said
    assert said.splitlines()[0] == f"3 videos; open {out / 'index.html'} in a browser"
    assert tree(data) == before
    shutil.rmtree(root / "here")
    shutil.move(out, root / "moved")
    return root / "moved"


def test_a_folder_that_holds_everything(hostile: Path) -> None:
    files = tree(hostile)
    pages = json.loads(files["report.json"])["videos"]
    assert len(pages) == 3
    assert set(pages.values()) <= set(files)
    assert {Path(name).suffix for name in files if name.startswith("media/")} == {".mp4"}
    assert len([name for name in files if name.startswith("thumbs/")]) == 2
    for name in ("plots/map.svg", "plots/tiou.svg", "plots/miou.svg", "diagnosis/1/instances.png"):
        assert name in files
    for name, content in files.items():
        assert re.fullmatch(r"[A-Za-z0-9_./-]+", name)
        assert str(hostile.parent).encode() not in content


def test_a_moved_report_has_all_that_it_names(hostile: Path) -> None:
    for page in hostile.rglob("*.html"):
        named = re.findall(r'(?:src|href)="([^"#]+)"', page.read_text())
        addresses = [name for name in named if not name.startswith("data:")]
        assert addresses
        for name in addresses:
            assert (page.parent / name).is_file(), f"{page.name} names {name}"


def test_hostile_names_are_text(hostile: Path) -> None:
    for page in hostile.rglob("*.html"):
        text = page.read_text()
        assert IMG not in text
        assert "alert(2)</script>" not in text
        assert "\u202e" not in text
        assert text.count("</script>") == text.count("<script")
    index = (hostile / "index.html").read_text()
    assert "&lt;img src=x onerror=alert(1)&gt;" in index
    assert "clip_\\u202e4pm.exe" in index
    page = next(path for path in (hostile / "videos").iterdir() if path.name.startswith("a-b-b"))
    found = data_of(page.read_text())
    assert found["id"] == TEST
    assert found["classes"] == list(CLASSES)


def test_equal_runs_give_equal_bytes(tmp_path: Path) -> None:
    make_run(tmp_path / "one")
    shutil.copytree(tmp_path / "one", tmp_path / "deeper" / "two")
    for name in ("one", "deeper/two"):
        assert call(tmp_path / name / "data/tiny", "-o", tmp_path / name / "out")[0] == 0
    assert tree(tmp_path / "one/out") == tree(tmp_path / "deeper/two/out")


def test_two_rounds_side_by_side(tmp_path: Path) -> None:
    data, out = make_run(tmp_path), tmp_path / "out"
    code, said = call(data, f"{data}@r0", "-o", out, "--subset", "test")
    assert code == 0, said
    pages = list((out / "videos").iterdir())
    assert len(pages) == 2
    for page in pages:
        runs = data_of(page.read_text())["runs"]
        assert [run["name"] for run in runs] == ["tiny@r2", "tiny@r0"]
        assert [run["predictions"][1][2] for run in runs] == [5.8, 6.0]


def test_train_videos_show_every_rounds_pseudo_labels(tmp_path: Path) -> None:
    data, out = make_run(tmp_path), tmp_path / "out"
    assert call(f"{data}@r1", "-o", out, "--subset", "train")[0] == 0
    (page,) = (out / "videos").iterdir()
    assert page.stem == LOST
    text = page.read_text()
    assert "videos/lost.mp4 is not there" in text
    (run,) = data_of(text)["runs"]
    assert [one["title"] for one in run["strips"]] == ["r1 CBP", "r1 VLP", "r2 CBP", "r2 VLP"]
    assert [one["title"] for one in run["curves"]] == ["CBP (r1/cbp)", "VLP (r1/vlp)"]


def test_without_ground_truth(tmp_path: Path) -> None:
    data, out = make_run(tmp_path, truth=False, names=False), tmp_path / "out"
    code, said = call(data, "-o", out)
    assert code == 0, said
    index = (out / "index.html").read_text()
    assert "No metrics of this run" in index
    assert "Without ground truth" in index
    assert data_of((out / "videos/film.html").read_text())["truth"] is None


@pytest.mark.parametrize(("mode", "copies"), [("link", 1), ("none", 0)])
def test_media_modes(tmp_path: Path, mode: str, copies: int) -> None:
    data, out = make_run(tmp_path, names=False), tmp_path / "deep" / "out"
    assert call(data, "-o", out, "--media", mode)[0] == 0
    assert len(list((out / "media").iterdir())) == copies
    page = (out / "videos/film.html").read_text()
    found = re.search(r'<video id="player" src="([^"]+)"', page)
    if mode == "link":
        assert found
        assert (out / "videos" / found[1]).resolve() == (data / "videos/new.mp4").resolve()
    else:
        assert found is None
        assert "written without videos" in page


def test_what_it_would_replace(tmp_path: Path) -> None:
    data, out = make_run(tmp_path, names=False), tmp_path / "out"
    out.mkdir()
    (out / "thesis.txt").write_text("years")
    code, said = call(data, "-o", out)
    assert code == 2
    assert "holds other files" in said
    assert (out / "thesis.txt").read_text() == "years"
    (out / "thesis.txt").unlink()
    for _ in range(2):  # an empty folder, then a report
        assert call(data, "-o", out)[0] == 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--media", "beam"], "--media is one of copy, link, none"),
        (["--subset", "val"], "--subset is one of all, train, test"),
    ],
)
def test_wrong_words(tmp_path: Path, words: list[str], told: str) -> None:
    data = make_run(tmp_path, names=False)
    code, said = call(data, "-o", tmp_path / "out", *words)
    assert code == 2
    assert told in said
    assert not (tmp_path / "out").exists()


def test_no_run(tmp_path: Path) -> None:
    code, said = call(tmp_path / "none")
    assert code == 2
    assert "no such folder" in said


def test_runs_of_different_videos(tmp_path: Path) -> None:
    one, two = (make_run(tmp_path / name, names=False) for name in ("one", "two"))
    record = json.loads((two / "frames/record.json").read_text())
    record["videos"]["film"]["duration_s"] = 9.0
    (two / "frames/record.json").write_text(json.dumps(record))
    code, said = call(one, two, "-o", tmp_path / "out")
    assert code == 2
    assert "B tiny@r2: its video film lasts 9.00 s and that of A tiny@r2 8.00 s" in said


def test_a_broken_video_costs_its_picture_only(tmp_path: Path) -> None:
    data, out = make_run(tmp_path), tmp_path / "out"
    (data / "videos/old.avi").write_bytes(b"no video")
    assert call(data, "-o", out)[0] == 0
    text = "".join(page.read_text() for page in (out / "videos").iterdir())
    assert "videos/old.avi cannot be shown (E102: not a video file that FFmpeg knows" in text
    assert OLD not in text
