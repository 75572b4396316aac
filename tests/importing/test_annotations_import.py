"""Every layout of annotations is recognised and gives the same data set, its quirks named."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from tests.importing.annotation_packages import (
    OFFICIAL,
    save_objects,
    video_id,
    write_actionformer,
    write_activitynet,
    write_json,
    write_text_files,
    write_um,
    write_wtalc,
)
from tests.video.films import picture, write_film
from wtal_cli.main import app
from wtal_core.annotations import read_labels
from wtal_core.errors import WtalError
from wtal_core.ground_truth import read_ground_truth
from wtal_core.importing.annotations_model import Annotations
from wtal_core.importing.benchmark_sets import BENCHMARKS
from wtal_core.importing.recognise import read_annotations
from wtal_core.importing.thumos14 import CLASSES
from wtal_core.params import load_yaml, read_facts
from wtal_core.schema.dataset import DatasetParams, SnippetParams
from wtal_core.schema.encoders import ClipParams, I3dParams
from wtal_core.schema.evaluation import EvaluationParams
from wtal_core.schema.video import FlowParams, VideoParams

THUMOS, ANET = BENCHMARKS["thumos14"], BENCHMARKS["activitynet12"]
WRITERS = {
    "text": write_text_files, "um": write_um, "wtalc": write_wtalc,
    "actionformer": write_actionformer,
}  # fmt: skip


def wtal_import(tmp_path: Path, which: str, source: Path, *options: str) -> Result:
    words = ["import", which, str(source), "--data", str(tmp_path / "data"), *options]
    return CliRunner().invoke(app, words)


def trees(folder: Path) -> tuple[dict[str, Any], dict[str, Any], str]:
    labels, truth = (
        json.loads((folder / f).read_text()) for f in ("labels.json", "ground_truth.json")
    )
    return labels, truth, (folder / "README.md").read_text()


def imported(tmp_path: Path, which: str, source: Path, *options: str) -> tuple[Any, Any, str]:
    result = wtal_import(tmp_path, which, source, *options)
    assert result.exit_code == 0, result.output
    return trees(tmp_path / "data" / which)


@pytest.mark.parametrize("layout", WRITERS)
def test_every_layout_of_thumos14(tmp_path: Path, layout: str) -> None:
    writer: Callable[[Path], Path] = WRITERS[layout]
    labels, truth, readme = imported(tmp_path, "thumos14", writer(tmp_path / "package"))
    assert labels["classes"] == list(CLASSES)
    videos, database = labels["videos"], truth["database"]
    train = {v: e["labels"] for v, e in videos.items() if e["subset"] == "train"}
    assert train == {
        video_id(51, "train"): ["Billiards"],
        video_id(161, "train"): ["CliffDiving", "Diving"],
    }
    tests = {v for v, e in videos.items() if e["subset"] == "test"}
    expected = (
        {4, 131} | ({270} if layout != "um" else set()) | ({1292} if layout == "text" else set())
    )
    assert tests == {video_id(number, "test") for number in expected}
    assert all("labels" not in videos[video] for video in tests)
    assert videos[video_id(4, "test")]["file"] == "videos/video_test_0000004.mp4"
    rows = database[video_id(161, "train")]["annotations"]
    assert sorted((r["label"], *r["segment"]) for r in rows) == [
        ("CliffDiving", 11.3, 14.1), ("Diving", 11.3, 14.1), ("Diving", 20.0, 21.5)
    ]  # fmt: skip
    if layout in ("text", "wtalc"):
        assert truth["ambiguous"][video_id(131, "test")] == [[30.5, 33.0]]
    else:
        assert "ambiguous" not in truth
    assert "train: 1 of 1 have a twin; test: 1 of 1 have a twin" in readme
    assert ("times as strings (16)" in readme) == (layout == "um")
    folder = tmp_path / "data/thumos14"
    assert len(read_labels(folder / "labels.json").all_videos) == len(videos)
    assert len(read_ground_truth(folder / "ground_truth.json", "test").segments) == 3 + (
        layout != "um"
    )


def test_protocols_and_facts_are_valid(tmp_path: Path) -> None:
    expected = {
        "text": "thumos14", "um": "activitynet", "wtalc": "wtalc-grid", "actionformer": "tad"
    }  # fmt: skip
    for layout, writer in WRITERS.items():
        imported(tmp_path / layout, "thumos14", writer(tmp_path / layout / "p"))
        facts = tmp_path / layout / "data/thumos14/dataset.yaml"
        evaluation = read_facts(facts, "evaluation", EvaluationParams)
        assert evaluation.protocol == expected[layout]
    video = read_facts(facts, "video", VideoParams)
    assert (video.fps, video.short_side, video.crop) == (25, 256, 224)
    assert read_facts(facts, "snippet", SnippetParams) == SnippetParams(16, 16)
    flow = read_facts(facts, "flow", FlowParams)
    assert (flow.method, flow.bound) == ("tvl1", 20)
    assert read_facts(facts, "dataset", DatasetParams) == DatasetParams("thumos14")
    assert read_facts(facts, "i3d", I3dParams) == I3dParams()
    assert read_facts(facts, "clip", ClipParams) == ClipParams()
    root = Path(__file__).parents[2]
    assert (
        load_yaml(facts)["method"].keys()
        == load_yaml(root / "data/demo/dataset.yaml")["method"].keys()
    )
    assert not any(load_yaml(facts)["method"].values())


def test_durations(tmp_path: Path) -> None:
    """The package's; else a file's; else what is known; else the last end, rounded up."""
    text = write_text_files(tmp_path / "text")
    wtalc = write_wtalc(tmp_path / "wtalc")
    _, truth, readme = imported(tmp_path / "0", "thumos14", text)
    entry = truth["database"][video_id(131, "test")]
    assert (entry["duration"], entry["duration_from"]) == (
        33.0,
        "last segment",
    )  # of ambiguous ones
    assert truth["database"][video_id(270, "test")]["duration"] == 176.2453514
    assert truth["database"][video_id(1292, "test")]["duration"] == 9.0
    assert "durations unknown (5 videos)" in readme
    _, truth, readme = imported(tmp_path / "1", "thumos14", text, "--durations", str(wtalc))
    assert truth["database"][video_id(131, "test")]["duration"] == 40.0
    assert "duration_from" not in truth["database"][video_id(131, "test")]
    assert "durations unknown (1 videos)" in readme
    for name, content in {
        "d.json": json.dumps({video_id(4, "test"): 12.5}),
        "e.json": json.dumps({"database": {video_id(4, "test"): {"duration": "12.5"}}}),
        "f.csv": f"video,duration\n{video_id(4, 'test')},12.5\n",
    }.items():
        (tmp_path / name).write_text(content)
        options = ("--durations", str(tmp_path / name))
        _, truth, _ = imported(tmp_path / name[0], "thumos14", text, *options)
        assert truth["database"][video_id(4, "test")]["duration"] == 12.5
    for name, content, message in (
        ("g.json", "{}", "no durations"), ("h.json", '{"a": 0}', "0 s or less: a"),
        ("i.csv", "id,s\na,1\n", "columns video and duration"),
        ("j.xml", "", "no file of durations"),
        ("k.json", '{"a": "x"}', "no number"),
    ):  # fmt: skip
        (tmp_path / name).write_text(content)
        result = wtal_import(tmp_path, "thumos14", text, "--durations", str(tmp_path / name))
        assert result.exit_code == 2
        assert message in result.output


def test_past_the_end(tmp_path: Path) -> None:
    """270 is annotated behind its end: kept and marked, or dropped."""
    package = write_wtalc(tmp_path / "package")
    _, truth, readme = imported(tmp_path / "keep", "thumos14", package)
    video = video_id(270, "test")
    assert truth["database"][video]["annotations"] == [
        {"segment": [187.3, 193.4], "label": "HammerThrow", "as_annotated": True}
    ]
    assert f"{video} (test): HammerThrow 187.3–193.4 s, video 176.2 s" in readme
    _, truth, _ = imported(tmp_path / "drop", "thumos14", package, "--past-end", "drop")
    assert truth["database"][video]["annotations"] == []


@pytest.mark.parametrize(
    ("drop", "left"),
    [("none", {4, 131, 270, 1292}), ("um", {4, 131}), ("opentad", {4, 131}),
     ("wtalc", {4, 131, 270}), ("270", {4, 131, 1292}), ("video_test_0000004, 1292", {131, 270})],
)  # fmt: skip
def test_disputed_videos(tmp_path: Path, drop: str, left: set[int]) -> None:
    package = write_text_files(tmp_path / "package")
    labels, truth, readme = imported(tmp_path, "thumos14", package, "--drop", drop)
    tests = {int(v[-7:]) for v, e in labels["videos"].items() if e["subset"] == "test"}
    assert tests == left
    assert {int(v[-7:]) for v, e in truth["database"].items() if e["subset"] == "test"} == left
    assert set(truth["ambiguous"]) == {video_id(n, "test") for n in left & {131, 1292}}
    done = "left out (--drop)" if 270 not in left else "kept, as in the package"
    assert f"**video_test_0000270: annotated as HammerThrow, shows a haircut**: {done}" in readme
    assert (
        "video_test_0001496: its class is wrong in the annotation**: not in the package" in readme
    )


def test_labels_of_the_package_hold(tmp_path: Path) -> None:
    """labels_all.npy unlike the segments: kept; empty: from the segments; strange: an error."""
    package = write_wtalc(tmp_path / "a", {161: ["CliffDiving"], 51: []})
    labels, _, readme = imported(tmp_path, "thumos14", package)
    assert labels["videos"][video_id(161, "train")]["labels"] == ["CliffDiving"]
    assert labels["videos"][video_id(51, "train")]["labels"] == ["Billiards"]
    assert "labels CliffDiving; segments CliffDiving, Diving" in readme
    assert "**empty labels**: taken from the segments" in readme
    package = write_wtalc(tmp_path / "b", {4: ["Curling"]})
    result = wtal_import(tmp_path, "thumos14", package, "--force")
    assert result.exit_code == 2
    assert "the labels Curling are none of the 20 classes of THUMOS14" in result.output


@pytest.mark.parametrize("prefix", ["", "v_"])
def test_odd_segments_of_activitynet(tmp_path: Path, prefix: str) -> None:
    package = write_activitynet(tmp_path / "package", prefix)
    labels, truth, readme = imported(tmp_path, "activitynet12", package)
    assert labels["classes"] == ["Chopping wood", "Pole vault", "Snatch"]
    assert {v: e.get("labels") for v, e in labels["videos"].items()} == {
        "-bbbbbbbbb2": ["Chopping wood", "Snatch"],
        "_ccccccccc3": ["Snatch"],
        "aaaaaaaaaa1": ["Pole vault"],
        "dddddddddd4": None,
        "eeeeeeeeee5": None,
    }
    assert labels["videos"]["-bbbbbbbbb2"]["file"] == "videos/v_-bbbbbbbbb2.mp4"
    rows = {
        v: [(*row["segment"], row.get("as_annotated", False)) for row in e["annotations"]]
        for v, e in truth["database"].items()
    }
    assert rows == {
        "aaaaaaaaaa1": [(1.5, 6.0, False), (1.5, 6.0, False)],
        "-bbbbbbbbb2": [(13.0, 50.0, False), (48.0, 61.0, True)],
        "_ccccccccc3": [],
        "dddddddddd4": [(3.0, 3.0, True), (0.0, 4.0, False)],
        "eeeeeeeeee5": [(0.0, 30.0, False)],
    }
    for line in (
        "**duplicate segments (1, train)**: kept",
        "**reversed segments (1)**: left out",
        "**segments up to 0.1 s past the end (1)**: cut at the end",
        "**segments past the end (1)**: kept and marked",
        "**empty segments (1)**: kept and marked",
        "**segments that begin before 0 s (1)**: cut at 0 s",
        "**segments before the video (1)**: left out",
        "**subset 'testing' (1 videos)**: left out",
        "**no video-level labels in the package**: taken from the training split",
        "| train | 4819 | 3 | 3 | 5 | 4 |",
        "| test | 2383 | 2 | 2 | 4 | 3 |",
    ):
        assert line in readme
    assert ("**ids begin with v_**" in readme) == bool(prefix)
    path = tmp_path / "data/activitynet12/ground_truth.json"
    assert len(read_ground_truth(path, "test").segments) == 3


def test_wtalc_files_of_activitynet(tmp_path: Path) -> None:
    """CO2-Net's form: other words for splits, no Ambiguous, ids with v_."""
    folder = write_wtalc(tmp_path / "package")
    (folder / "Ambiguous_test.txt").unlink()
    names = [f"v_{letter * 11}" for letter in "abcde"]
    np.save(folder / "videoname.npy", np.array([name.encode() for name in names]))
    words = ["training", "training", "validation", "validation", "validation"]
    np.save(folder / "subset.npy", np.array([word.encode() for word in words]))
    labels, truth, readme = imported(tmp_path, "activitynet12", folder)
    subsets = {v: e["subset"] for v, e in labels["videos"].items()}
    assert subsets == {
        "a" * 11: "train", "b" * 11: "train", "c" * 11: "test", "d" * 11: "test", "e" * 11: "test"
    }  # fmt: skip
    assert labels["videos"]["b" * 11]["labels"] == ["CliffDiving", "Diving"]
    assert truth["database"]["c" * 11]["duration"] == 30
    assert "ambiguous" not in truth
    assert "CliffDiving segment is a Diving" not in readme


def test_another_version_is_refused(tmp_path: Path) -> None:
    package = write_activitynet(tmp_path / "package", version="VERSION 1.3")
    result = wtal_import(tmp_path, "activitynet12", package)
    assert result.exit_code == 2
    assert "'VERSION 1.3', which is not ActivityNet 1.2" in result.output
    assert wtal_import(tmp_path, "activitynet13", package).exit_code == 0


def test_videos_are_looked_for(tmp_path: Path) -> None:
    package = write_activitynet(tmp_path / "package")
    videos = tmp_path / "videos"
    videos.mkdir()
    for name in ("v_aaaaaaaaaa1.mkv", "-bbbbbbbbb2.mp4", "v_dddddddddd4.webm", "notes.txt"):
        (videos / name).write_bytes(b"x")
    labels, truth, readme = imported(tmp_path, "activitynet12", package, "--videos", str(videos))
    assert {v: e["file"] for v, e in labels["videos"].items()} == {
        "-bbbbbbbbb2": "videos/-bbbbbbbbb2.mp4",
        "aaaaaaaaaa1": "videos/v_aaaaaaaaaa1.mkv",
        "dddddddddd4": "videos/v_dddddddddd4.webm",
    }
    assert truth["database"].keys() == labels["videos"].keys()
    assert "missing videos (2)" in readme
    assert "2 test instances with them" in readme
    assert "  - _ccccccccc3 (train)\n  - eeeeeeeeee5 (test)\n" in readme
    (videos / "v_-bbbbbbbbb2.mp4").write_bytes(b"x")
    result = wtal_import(tmp_path, "activitynet12", package, "--videos", str(videos))
    assert "-bbbbbbbbb2 has several files" in result.output


def test_durations_of_videos(tmp_path: Path) -> None:
    videos = tmp_path / "videos"
    videos.mkdir()
    for number, subset in ((51, "train"), (161, "train"), (4, "test"), (131, "test")):
        pictures = [picture(i) for i in range(30)]
        write_film(videos / f"{video_id(number, subset)}.mkv", pictures)
    package = write_um(tmp_path / "package")
    _, truth, readme = imported(tmp_path, "thumos14", package, "--videos", str(videos))
    entry = truth["database"][video_id(4, "test")]
    assert entry["duration"] == pytest.approx(1.2, abs=0.05)
    assert "duration_from" not in entry
    assert "**durations not in the package (4)**: from the videos themselves" in readme


def test_nothing_else_is_overwritten(tmp_path: Path) -> None:
    """Again: fine. Others' files: refused as a whole, --force aside. SOURCE stays as it was."""
    package = write_um(tmp_path / "package")
    before = {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in package.rglob("*")}
    imported(tmp_path, "thumos14", package)
    imported(tmp_path, "thumos14", package)
    folder = tmp_path / "data/thumos14"
    (folder / "dataset.yaml").write_text("mine: {}\n")
    (folder / "labels.json").unlink()
    result = wtal_import(tmp_path, "thumos14", package)
    assert result.exit_code == 2
    assert "dataset.yaml is there with other content" in result.output
    assert not (folder / "labels.json").exists()
    assert wtal_import(tmp_path, "thumos14", package, "--force").exit_code == 0
    assert (folder / "dataset.yaml").read_text() != "mine: {}\n"
    assert {p.name for p in folder.iterdir()} == {
        "dataset.yaml", "labels.json", "ground_truth.json", "README.md", "corrections.json"
    }  # fmt: skip
    assert before == {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in package.rglob("*")}


def test_what_is_read_is_not_written(tmp_path: Path) -> None:
    source = tmp_path / "data/thumos14/ground_truth.json"
    write_json(source, json.loads((write_um(tmp_path / "p") / "gt.json").read_text()))
    result = wtal_import(tmp_path, "thumos14", source, "--force")
    assert result.exit_code == 2
    assert "ground_truth.json is what is read" in result.output


def recognise(source: Path) -> Annotations:
    return read_annotations(source, THUMOS)


def test_a_failed_import_leaves_nothing(tmp_path: Path) -> None:
    package = write_activitynet(tmp_path / "package")
    assert wtal_import(tmp_path, "activitynet12", package, "--drop", "nobody").exit_code == 2
    assert wtal_import(tmp_path, "thumos14", package).exit_code == 2
    assert wtal_import(tmp_path, "activitynet12", package, "--name", "../x").exit_code == 2
    assert not (tmp_path / "data").exists()


def test_layouts_are_told_apart(tmp_path: Path) -> None:
    """A folder's own files go before those below; two packages, or none, are an error."""
    write_wtalc(tmp_path / "all/annotations")
    assert recognise(tmp_path / "all").layout.startswith("W-TALC")
    assert recognise(tmp_path / "all/annotations/segments.npy").layout.startswith("W-TALC")
    write_text_files(tmp_path / "all/official")
    with pytest.raises(WtalError, match=r"several packages.*text files.*annotations"):
        recognise(tmp_path / "all")
    write_um(tmp_path / "all")
    assert recognise(tmp_path / "all").layout == "UM's gt.json with split files"
    assert recognise(tmp_path / "all/gt.json").layout == "UM's gt.json with split files"
    write_json(tmp_path / "other/page.json", {"no": "database"})
    (tmp_path / "other/broken.json").write_text("{")
    with pytest.raises(
        WtalError, match=r"no annotations of THUMOS14.*`database`.*\.npy.*_test\.txt"
    ):
        recognise(tmp_path / "other")
    with pytest.raises(WtalError, match="no such file"):
        recognise(tmp_path / "nowhere")


def test_faults_are_named(tmp_path: Path) -> None:
    text = write_text_files(tmp_path / "text")
    line = text / "annotation_test/Diving_test.txt"
    line.write_text("video_test_0000131  19.3 23.0\nvideo_test_0000131  19.3\n")
    with pytest.raises(WtalError, match=r"Diving_test\.txt: line 2 is not `video start end`"):
        recognise(text)
    line.write_text("video_test_0000131  19.3 nan\n")
    with pytest.raises(WtalError, match="line 1 has the time nan"):
        recognise(text)
    line.unlink()
    with pytest.raises(WtalError, match=r"no file Diving_test\.txt for 1 of 20 classes"):
        recognise(text)

    um = write_um(tmp_path / "um")
    tree = json.loads((um / "gt.json").read_text())
    tree["database"][video_id(4, "test")]["annotations"][0]["segment"] = ["1.2", "later"]
    write_json(um / "gt.json", tree)
    with pytest.raises(WtalError, match=r"annotations\[0\] has the time 'later'"):
        recognise(um)
    (write_um(tmp_path / "um2") / "split_test.txt").write_text("video_test_0000009\n")
    with pytest.raises(WtalError, match="the annotations lack: video_test_0000009"):
        recognise(tmp_path / "um2")
    (tmp_path / "um2/split_test.txt").unlink()
    with pytest.raises(WtalError, match=r"split_train\.txt without the other"):
        recognise(tmp_path / "um2")

    wtalc = write_wtalc(tmp_path / "wtalc")
    save_objects(wtalc / "labels.npy", [[b"Diving"]] * 5)
    with pytest.raises(WtalError, match="has 2 segments and 1 labels"):
        recognise(wtalc)
    np.save(wtalc / "subset.npy", np.array([b"test"] * 4))
    with pytest.raises(WtalError, match=r"subset\.npy: 4 rows, but videoname\.npy has 5"):
        recognise(wtalc)


def test_split_files_hold(tmp_path: Path) -> None:
    um = write_um(tmp_path / "um", drop=())
    (um / "split_test.txt").write_text(f"{video_id(4, 'test')}\n{video_id(131, 'test')}\n")
    tree = json.loads((um / "gt.json").read_text())
    tree["database"][video_id(4, "test")]["subset"] = "train"
    write_json(um / "gt.json", tree)
    found = recognise(um)
    assert {v.id for v in found.videos if v.subset == "test"} == {
        video_id(4, "test"), video_id(131, "test")
    }  # fmt: skip
    assert {note.quirk: note.items for note in found.notes if note.items} == {
        "videos in no split file": (video_id(270, "test"),),
        "subsets unlike the split files": (video_id(4, "test"),),
    }


def test_ambiguous_intervals_from_elsewhere(tmp_path: Path) -> None:
    um, text = write_um(tmp_path / "um"), write_text_files(tmp_path / "text")
    path = text / "annotation_test/Ambiguous_test.txt"
    _, truth, readme = imported(tmp_path, "thumos14", um, "--ambiguous", str(path))
    assert truth["ambiguous"] == {video_id(131, "test"): [[30.5, 33.0]]}
    assert "ambiguous intervals (1 in 1 videos)" in readme
    result = wtal_import(tmp_path, "thumos14", text, "--ambiguous", str(path))
    assert "has ambiguous intervals of its own" in result.output


def test_names_break_no_line(tmp_path: Path) -> None:
    package = write_activitynet(tmp_path / "package")
    tree = json.loads((package / "activity_net.json").read_text())
    items = tree["database"]["aaaaaaaaaa1"]["annotations"]
    for item in items:
        item["label"] = "<b>\n# head"
    write_json(package / "a\nmethod: 3.json", tree)
    (package / "activity_net.json").unlink()
    labels, _, readme = imported(tmp_path, "activitynet12", package)
    assert "<b>\n# head" in labels["classes"]
    assert "aaaaaaaaaa1: &lt;b&gt; # head 1.5–6 s" in readme
    facts = load_yaml(tmp_path / "data/activitynet12/dataset.yaml")
    assert isinstance(facts["method"], dict)


def test_features_fit_what_was_imported(tmp_path: Path) -> None:
    """Both commands in turn: dataset.yaml names the features, lengths are checked."""
    labels, _, _ = imported(tmp_path, "thumos14", write_um(tmp_path / "package"))
    folder = tmp_path / "features"
    folder.mkdir()
    lengths = {video_id(51, "train"): 143, video_id(161, "train"): 36, video_id(4, "test"): 4}
    lengths |= {video_id(131, "test"): 35}  # 23 s
    for i, (video, length) in enumerate(lengths.items()):
        np.save(folder / f"{video}.npy", np.full((length, 6), i, np.float32))
    data = tmp_path / "data/thumos14"
    words = ["import", "features", str(folder), "--data", str(data), "--kind", "i3d"]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    assert "4 videos, 218 snippets" in result.output
    facts = read_facts(data / "dataset.yaml", "i3d", I3dParams)
    assert (facts.imported, facts.rgb) == ("imported/i3d", "encoders/i3d_rgb")
    assert labels["videos"].keys() == lengths.keys()


def test_class_numbers(tmp_path: Path) -> None:
    text = write_text_files(tmp_path / "text")
    path = text / "detclasslist.txt"
    path.write_text("".join(f"{i} {name}\n" for i, name in enumerate(CLASSES, 1)))
    assert "not the official ones" in recognise(text).notes[0].quirk
    path.write_text("".join(f"{n} {name}\n" for n, name in zip(OFFICIAL, CLASSES, strict=True)))
    assert recognise(text).notes[0].quirk == "class numbers"
    path.write_text("1 Curling\n")
    with pytest.raises(WtalError, match="needs a number and a name"):
        recognise(text)
