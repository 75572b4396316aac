"""`wtal inspect` on one artifact of each kind, and on two."""

import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console
from typer.testing import CliRunner

from wtal_cli.artifacts.kinds import artifacts_in, kind_of
from wtal_cli.description import facts_of, percent, summary_of
from wtal_cli.inspection import compare, describe
from wtal_cli.main import app
from wtal_cli.show import show
from wtal_core.annotations import write_predictions
from wtal_core.checkpoint import save_checkpoint
from wtal_core.errors import WtalError
from wtal_core.grid import SnippetGrid
from wtal_core.segments import Segments
from wtal_core.store import write_sequences
from wtal_core.video.frames import write_flow, write_frames

GRID = SnippetGrid(fps=25.0, window=16, stride=16)
CLASSES = ["Jump", "Spin", "Throw"]


def text_of(path: Path, other: Path | None = None, video: str | None = None) -> str:
    """What the command prints, on a wide terminal."""
    console = Console(file=io.StringIO(), width=200)
    found = compare(path, other, video) if other else describe(path, video, None, 60)
    for description in found:
        show(description, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def row(text: str, start: str) -> list[str]:
    """Cells of the first table row that starts with a word."""
    for line in text.splitlines():
        cells = [c.strip() for c in re.split("[│┃|]", line)[1:-1]]
        if cells and cells[0] == start:
            return cells
    raise AssertionError(f"no row {start!r} in\n{text}")


def make_pseudo(path: Path, flip: bool = False) -> Path:
    """Video a (Jump, Spin): 5 snippets; video b (Throw): 2. Counted by hand in the tests."""
    jump, spin = [1, 1, -1, 0, 0], [0, 0, 0, 1, -1]
    if flip:
        jump = [1, 0, 1, 0, 0]
    a = np.array([jump, spin, [0] * 5], np.int8).T
    b = np.array([[0, 0], [0, 0], [1, -1]], np.int8).T
    score = {1: 0.75, 0: 0.0, -1: 0.25}
    items: list[tuple[str, dict[str, np.ndarray]]] = [
        (name, {"label": x, "score": np.array([[score[v] for v in t] for t in x], np.float16)})
        for name, x in (("a", a), ("b", b))
    ]
    attrs = {
        "classes": CLASSES,
        "video_labels": {"a": ["Jump", "Spin"], "b": ["Throw"]},
        "grid": GRID.to_dict(),
        "thresholds": {"delta_h": 0.4 if flip else 0.3, "delta_l": 0.1},
        "branch": "cbp",
        "round": "r1",
    }
    write_sequences(path, items, {"label": ("T", "C"), "score": ("T", "C")}, attrs)
    return path


def test_shares_per_class_count_only_videos_of_the_class(tmp_path: Path) -> None:
    text = text_of(make_pseudo(tmp_path / "pseudo_cbp.zarr"))
    assert "2 videos, 7 snippets (2 to 5 each)" in text
    assert row(text, "Jump")[1:6] == ["1", "5", "40.0%", "40.0%", "20.0%"]
    assert row(text, "Spin")[1:6] == ["1", "5", "20.0%", "60.0%", "20.0%"]
    assert row(text, "Throw")[1:6] == ["1", "2", "50.0%", "0.0%", "50.0%"]
    # 12 labels: 4 foreground, 5 background, 3 uncertain
    assert row(text, "all")[1:6] == ["2", "12", "33.3%", "41.7%", "25.0%"]
    assert row(text, "all")[6:] == ["0.750", "0.000", "0.250"]
    assert "thresholds.delta_h" in text
    assert "cbp" in text


def test_the_timeline_shows_labels_and_scores_against_time(tmp_path: Path) -> None:
    (description,) = describe(make_pseudo(tmp_path / "p.zarr"), "a", None, 24 + 20)
    lines = description.drawings[0].splitlines()
    assert lines[1].strip() == "0.0 s to 3.2 s"
    assert lines[2].split() == ["Jump", "##?.."]
    assert lines[3].split() == ["77200"]
    assert lines[4].split() == ["Spin", "...#?"]
    assert "Throw" not in description.drawings[0]


def test_a_long_timeline_is_broken_into_lines(tmp_path: Path) -> None:
    label = np.ones((45, 1), np.int8)
    arrays: dict[str, np.ndarray] = {"label": label, "score": label.astype(np.float32)}
    attrs = {"classes": ["Jump"], "video_labels": {"v": ["Jump"]}, "grid": GRID.to_dict(),
             "thresholds": {"delta_h": 0.3, "delta_l": 0.1}}  # fmt: skip
    path = tmp_path / "p.zarr"
    write_sequences(path, [("v", arrays)], {"label": ("T", "C"), "score": ("T", "C")}, attrs)
    (description,) = describe(path, "v", None, 24 + 20)
    runs = re.findall("#+", description.drawings[0].split("\n", 1)[1])
    assert [len(r) for r in runs] == [20, 20, 5]
    assert "25.6 s to 28.8 s" in description.drawings[0]


def test_a_png_of_the_timeline_is_a_picture_and_the_same_again(tmp_path: Path) -> None:
    pseudo = make_pseudo(tmp_path / "p.zarr")
    for name in ("1.png", "2.png"):
        describe(pseudo, "a", tmp_path / name, 80)
    content = (tmp_path / "1.png").read_bytes()
    assert content.startswith(b"\x89PNG")
    assert content == (tmp_path / "2.png").read_bytes()
    with pytest.raises(WtalError, match="name it with --video"):
        describe(pseudo, None, tmp_path / "3.png", 80)


def test_two_sets_of_pseudo_labels(tmp_path: Path) -> None:
    a = make_pseudo(tmp_path / "a.zarr")
    b = make_pseudo(tmp_path / "b.zarr", flip=True)
    text = text_of(a, b)
    # Jump went ##?.. to #.#..: of 4 foreground one to background, of 3 uncertain one to foreground
    assert row(text, "fg in A")[1:] == ["75.0%", "25.0%", "0.0%", "4"]
    assert row(text, "bg in A")[1:] == ["0.0%", "100.0%", "0.0%", "5"]
    assert row(text, "uncertain in A")[1:] == ["33.3%", "0.0%", "66.7%", "3"]
    assert row(text, "in B")[1:] == ["33.3%", "50.0%", "16.7%", "12"]
    assert "(83.3% stayed)" in text
    assert row(text, "thresholds.delta_h") == ["thresholds.delta_h", "0.3", "0.4"]
    assert row(text, "Jump")[2:] == ["40.0% > 40.0%", "40.0% > 60.0%", "20.0% > 0.0%"]
    assert "made alike" in text_of(a, a)


def test_features(tmp_path: Path) -> None:
    paths = [tmp_path / "a.zarr", tmp_path / "b.zarr"]
    for i, path in enumerate(paths):
        items = [
            ("x", {"feat": np.array([[0, 1], [2, 3 + i]], np.float16)}),
            ("y", {"feat": np.array([[4, 5]], np.float16)}),
        ]
        write_sequences(path, items, {"feat": ("T", "D")}, {"encoder": "i3d", "fps": 25 + i})
    text = text_of(paths[0])
    assert "encoder" in text
    assert row(text, "feat") == ["feat", "3x2", "float16", "0", "2.5", "1.708", "5", "16.7%"]
    assert row(text_of(paths[0], video="y"), "feat")[1] == "1x2"
    compared = text_of(paths[0], paths[1])
    assert row(compared, "feat")[1:4] == ["1 of 2", "0.1667", "1"]
    assert row(compared, "fps") == ["fps", "25", "26"]
    with pytest.raises(WtalError, match=r"no video 'z' in it; it has x, y \(2\)"):
        text_of(paths[0], video="z")


def test_checkpoints(tmp_path: Path) -> None:
    a = {"head": torch.tensor([[3.0, 4.0]]), "same": torch.ones(2), "old": torch.ones(1)}
    b = {"head": torch.tensor([[3.0, 4.5]]), "same": torch.ones(2), "new": torch.ones(1)}
    save_checkpoint(tmp_path / "a", a, {"branch": "cbp", "epochs": 10})
    save_checkpoint(tmp_path / "b", b, {"branch": "cbp", "epochs": 20})
    text = text_of(tmp_path / "a")
    assert "checkpoint of 5 numbers" in text
    assert row(text, "head")[1:3] == ["1x2", "float32"]
    compared = text_of(tmp_path / "a", tmp_path / "b")
    assert row(compared, "head")[1] == "10.000%"
    assert row(compared, "same")[1] == "equal"
    assert row(compared, "old")[1] == "only in A"
    assert row(compared, "new")[1] == "only in B"
    assert row(compared, "epochs") == ["epochs", "10", "20"]
    assert "branch" not in compared


def test_predictions(tmp_path: Path) -> None:
    first = Segments.build(["x", "x", "y"], ["Jump", "Spin", "Jump"], [0, 5, 1], [2, 9, 3],
                           [0.9, 0.5, 0.7])  # fmt: skip
    second = Segments.build(["x", "y"], ["Jump", "Jump"], [0.5, 8], [2, 9], [0.9, 0.7])
    for name, segments in (("a.json", first), ("b.json", second)):
        write_predictions(tmp_path / name, segments, ["x", "y", "z"], {"branch": "cbp"})
    text = text_of(tmp_path / "a.json")
    assert "3 predictions in 3 videos" in text
    assert row(text, "Jump") == ["Jump", "2", "2", "2.00", "0.8000", "0.9000"]
    assert row(text, "all")[1:3] == ["3", "2"]
    assert row(text_of(tmp_path / "a.json", video="x"), "Spin")[1:] == ["5.00", "9.00", "0.5000"]
    compared = text_of(tmp_path / "a.json", tmp_path / "b.json")
    assert row(compared, "Jump") == ["Jump", "2", "2", "50.0%", "50.0%"]
    assert row(compared, "Spin") == ["Spin", "1", "0", "0.0%", "-"]


def test_frames_and_flow(tmp_path: Path) -> None:
    for i, name in enumerate(("a", "b")):
        folder = tmp_path / name / "frames"
        folder.mkdir(parents=True)
        pictures = np.full((3, 8, 6, 3), 10 + i, np.uint8)
        write_frames(folder / "v.mkv", pictures, 25.0)
        bad = [{"id": "w", "code": "E102", "cause": "empty", "remedy": "copy it again"}]
        record = {"fps": 25.0, "videos": {"v": {"frames": 3, "width": 6 + i}}, "bad": bad}
        (folder / "record.json").write_text(json.dumps(record))
    text = text_of(tmp_path / "a/frames")
    assert row(text, "v") == ["v", "3", "6"]
    assert row(text, "w") == ["w", "E102", "empty", "copy it again"]
    one = text_of(tmp_path / "a/frames", video="v")
    assert "3x8x6x3 uint8" in one
    assert row(one, "green")[1:] == ["10", "10", "0", "10", "0.0%"]
    compared = text_of(tmp_path / "a/frames", tmp_path / "b/frames")
    assert "1 of 1 videos differ" in compared
    pixels = text_of(tmp_path / "a/frames", tmp_path / "b/frames", video="v")
    assert row(pixels, "v") == ["v", "1", "1", "100.00%"]
    flow = tmp_path / "a/flow"
    flow.mkdir()
    write_flow(flow / "v.mkv", np.full((2, 8, 6, 2), 128, np.uint8))
    (flow / "record.json").write_text('{"bound": 20, "videos": {"v": {"fields": 2}}}')
    assert row(text_of(flow, video="v"), "x")[1] == "128"


def test_folders_of_artifacts(tmp_path: Path) -> None:
    for name in ("r0", "r1"):
        save_checkpoint(tmp_path / name / "cbp", {"w": torch.ones(2)}, {"round": name})
        make_pseudo(tmp_path / name / "pseudo_cbp.zarr", flip=name == "r1")
        write_predictions(tmp_path / name / "predictions.json", Segments.empty(), ["x"])
        (tmp_path / name / "curves.csv").write_text("epoch,loss\n")
    assert artifacts_in(tmp_path / "r0") == {
        "cbp": "checkpoint",
        "predictions.json": "predictions",
        "pseudo_cbp.zarr": "pseudo-labels",
    }
    assert "r0/cbp" in artifacts_in(tmp_path)
    assert "3 artifacts" in text_of(tmp_path / "r0")
    compared = text_of(tmp_path / "r0", tmp_path / "r1")
    assert row(compared, "round") == ["round", "r0", "r1"]
    assert "83.3% stayed" in compared


def test_what_is_no_artifact(tmp_path: Path) -> None:
    with pytest.raises(WtalError, match="nothing there; `dvc repro`"):
        kind_of(tmp_path / "none")
    (tmp_path / "a.json").write_text("[]")
    (tmp_path / "b.json").write_text("{broken")
    for path in (tmp_path, tmp_path / "a.json", tmp_path / "b.json"):
        with pytest.raises(WtalError, match="no artifact of this project"):
            kind_of(path)
    save_checkpoint(tmp_path / "cbp", {"w": torch.ones(2)}, {})
    pseudo = make_pseudo(tmp_path / "p.zarr")
    with pytest.raises(WtalError, match=r"is checkpoint and .* is pseudo-labels"):
        compare(tmp_path / "cbp", pseudo, None)
    with pytest.raises(WtalError, match="--png draws pseudo-labels"):
        describe(tmp_path / "cbp", None, tmp_path / "x.png", 80)


def test_the_command(tmp_path: Path) -> None:
    pseudo = make_pseudo(tmp_path / "p.zarr")
    png = tmp_path / "a.png"
    done = CliRunner().invoke(app, ["inspect", str(pseudo), "--video", "a", "--png", str(png)])
    assert done.exit_code == 0
    assert "##?.." in done.stdout
    assert png.exists()
    failed = CliRunner().invoke(app, ["inspect", str(tmp_path / "none")])
    assert failed.exit_code == 2
    assert "nothing there" in failed.stderr
    both = CliRunner().invoke(app, ["inspect", str(pseudo), str(pseudo), "--png", str(png)])
    assert both.exit_code == 2


def test_small_words() -> None:
    assert summary_of(np.array([0.0, 0.0, 3.0, 1.0])) == ("0", "1", "1.225", "3", "50.0%")
    assert summary_of(np.empty((0, 2))) == ("-",) * 5
    assert percent(float("nan")) == "-"
    meta = {"b": {"x": 1, "y": [1, 2]}, "a": list(range(9)), "c": 0}
    assert facts_of(meta, but=["c"]) == {"a": "0, 1, 2, ... (9)", "b.x": "1", "b.y": "1, 2"}
