"""The counts of real packages, which nobody here made."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.importing.annotation_packages import OFFICIAL
from tests.importing.test_annotations_import import trees
from wtal_cli.main import app
from wtal_core.annotations import read_labels
from wtal_core.ground_truth import read_ground_truth
from wtal_core.importing.thumos14 import CLASSES, NUMBERS

TRUTH = Path(__file__).parents[3] / "shared/reference/ground_truth"
pytestmark = [
    pytest.mark.reference,
    pytest.mark.skipif(not TRUTH.is_dir(), reason="no ../shared/reference/ground_truth"),
]
CASES = {
    # layout: command, source, videos of train and test, their segments, segments marked
    "official": ("thumos14", "thumos14/official_txt", (200, 213), (3007, 3358), 30),
    "um": ("thumos14", "thumos14", (200, 210), (3007, 3311), 8),
    "wtalc": ("thumos14", "thumos14/Thumos14reduced-Annotations", (200, 212), (3007, 3358), 30),
    "cmcs": ("activitynet12", "activitynet12", (4441, 2198), (6588, 3281), 10),
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Every package, imported once."""
    data = tmp_path_factory.mktemp("data")
    for name, (command, source, *_) in CASES.items():
        words = ["import", command, str(TRUTH / source), "--data", str(data), "--name", name]
        result = CliRunner().invoke(app, words)
        assert result.exit_code == 0, result.output
    return {name: data / name for name in CASES}


def segments_of(truth: dict[str, Any], subset: str) -> set[tuple[str, str, float, float]]:
    return {
        (video, row["label"], *row["segment"])
        for video, entry in truth["database"].items() if entry["subset"] == subset
        for row in entry["annotations"]
    }  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_videos_and_instances(folders: dict[str, Path], name: str) -> None:
    _, _, videos, segments, marked = CASES[name]
    labels, truth, readme = trees(folders[name])
    read = read_labels(folders[name] / "labels.json")
    for subset, count, instances in zip(("train", "test"), videos, segments, strict=True):
        assert len(read.videos(subset)) == count
        found = read_ground_truth(folders[name] / "ground_truth.json", subset)
        assert (len(found.durations), len(found.segments)) == (count, instances)
        assert f"| {count} | {count} | {instances} | {instances} |" in readme
    rows = [row for entry in truth["database"].values() for row in entry["annotations"]]
    assert sum("as_annotated" in row for row in rows) == marked
    assert all(("labels" in e) == (e["subset"] == "train") for e in labels["videos"].values())
    assert len(labels["classes"]) == (100 if name == "cmcs" else 20)


def test_classes_have_the_official_numbers(folders: dict[str, Path]) -> None:
    text = (TRUTH / "thumos14/official_txt/annotation_test/detclasslist.txt").read_text()
    assert tuple(line.split()[1] for line in text.splitlines()) == CLASSES
    assert NUMBERS == OFFICIAL
    assert "class numbers are not the official ones" in trees(folders["official"])[2]


def test_ambiguous_intervals(folders: dict[str, Path]) -> None:
    for name, test, train in (("official", 99, 89), ("wtalc", 96, 0)):
        ambiguous = trees(folders[name])[1]["ambiguous"]
        counts = {"test": 0, "vali": 0}
        for video, pairs in ambiguous.items():
            counts[video[6:10]] += len(pairs)
        assert counts == {"test": test, "vali": train}
    # The three that W-TALC's package lacks are those of the video that it leaves out.
    assert len(trees(folders["official"])[1]["ambiguous"]["video_test_0001292"]) == 3


def test_each_cliff_diving_has_its_twin(folders: dict[str, Path]) -> None:
    for name in ("official", "um", "wtalc"):
        _, truth, readme = trees(folders[name])
        for subset, count in (("train", 143), ("test", 217)):
            rows = segments_of(truth, subset)
            cliff = {row for row in rows if row[1] == "CliffDiving"}
            assert len(cliff) == count
            assert {(v, "Diving", start, end) for v, _, start, end in cliff} <= rows
        assert "train: 143 of 143 have a twin; test: 217 of 217 have a twin" in readme


def test_packages_agree(folders: dict[str, Path]) -> None:
    """The three packages of THUMOS14 hold the same segments, but for the videos left out."""
    official, um, wtalc = (trees(folders[name])[1] for name in ("official", "um", "wtalc"))
    left = {"video_test_0000270", "video_test_0001292", "video_test_0001496"}
    assert set(official["database"]) - set(um["database"]) == left
    assert set(official["database"]) - set(wtalc["database"]) == {"video_test_0001292"}
    assert segments_of(official, "train") == segments_of(wtalc, "train") == segments_of(um, "train")
    assert segments_of(official, "test") == segments_of(wtalc, "test")
    kept = {row for row in segments_of(official, "test") if row[0] not in left}
    assert kept == segments_of(um, "test")
    assert len(segments_of(official, "test")) - len(kept) == 29 + 18


def test_labels_of_wtalc(folders: dict[str, Path]) -> None:
    """Eight training videos whose labels are not the classes of their segments."""
    labels, _, readme = trees(folders["wtalc"])
    own = trees(folders["official"])[0]["videos"]
    unlike = {
        v[-4:] for v, e in labels["videos"].items() if e.get("labels") != own[v].get("labels")
    }
    assert unlike == {"0171", "0173", "0178", "0183", "0316", "0665", "0786", "0932"}
    assert "extracted_fps.npy says 10" in readme
    counts = [len(e["labels"]) for e in labels["videos"].values() if e["subset"] == "train"]
    assert (counts.count(1), counts.count(2)) == (179, 21)


def test_quirks_of_activitynet(folders: dict[str, Path]) -> None:
    readme = (folders["cmcs"] / "README.md").read_text()
    for line in (
        "subset 'testing' (2268 videos)",
        "duplicate segments (26, train)",
        "duplicate segments (5, test)",
        "empty segments (9)",
        "segments past the end (1)",
        "| train | 4819 | 4441 |",
        "| test | 2383 | 2198 |",
    ):
        assert line in readme
    source = json.loads(next((TRUTH / "activitynet12").glob("*.json")).read_text())["database"]
    late = sum(
        e["duration"] < item["segment"][1] <= e["duration"] + 0.1
        for e in source.values() for item in e["annotations"]
    )  # fmt: skip
    assert f"segments up to 0.1 s past the end ({late})" in readme
