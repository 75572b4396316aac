"""docs/own-videos.md: its commands, as they stand there, on a folder of tagged films."""

import csv
import json
import re
import shlex
import shutil
from pathlib import Path

import pytest
import yaml

from tests.closure import ROOT
from tests.own_videos.folders import snapshot
from tests.tiny_run import Clone, stages_in
from wtal_core.annotations import read_json, read_labels, read_predictions
from wtal_core.store import read_sequences

DOCUMENT = ROOT / "docs" / "own-videos.md"
NAME, SEED, FILMS = "mine", 4321, 30  # of a world that nothing else uses
EDITED, MARK = "mine.csv", "reviewed"


def commands() -> list[list[str]]:
    """Words of every command of the document, in its order."""
    blocks = re.findall(r"^```bash\n(.*?)^```$", DOCUMENT.read_text(encoding="utf-8"), re.M | re.S)
    lines = [line for block in blocks for line in block.splitlines()]
    return [words for line in lines if (words := shlex.split(line, comments=True))]


def test_the_sequence_has_at_most_ten_commands() -> None:
    kinds = [words[1] for words in commands()]
    assert kinds == [
        "init", "check", "plan", "exp", "predict", "report", "export", "import", "exp"
    ]  # fmt: skip
    assert {words[0] for words in commands()} == {"wtal", "dvc"}


@pytest.fixture
def clone(tiny_run: Clone, tmp_path: Path) -> Clone:
    """A copy of the tiny run's: another data set changes its params.yaml and its dvc.lock."""
    shutil.copytree(tiny_run.root, tmp_path / "clone", symlinks=True)
    return Clone(tmp_path / "clone", tiny_run.workers)


def render_films(clone: Clone) -> Path:
    """Films of a fresh world in two folders with equal stems, a table with their tags and nothing
    else; and one film more, new.mp4, beside the folder.
    """
    world = clone.root.parent / "fresh"
    world.mkdir()
    params = yaml.safe_load((clone.root / "params.yaml").read_text(encoding="utf-8"))
    params["world"] |= {"seed": SEED, "train_videos": FILMS, "test_videos": 1}
    (world / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    clone.run("-m", "stages.demo_world", str(world), "--params", str(world / "params.yaml"))
    labels = read_labels(world / "labels.json")
    (unseen,) = labels.videos("test")
    (world / unseen.file).rename(clone.root / "new.mp4")
    films = clone.root / "films"
    with_tags = []
    for number, video in enumerate(labels.videos("train")):
        name = f"{'ab'[number % 2]}/{number // 2}.mp4"
        (films / name).parent.mkdir(parents=True, exist_ok=True)
        (world / video.file).rename(films / name)
        with_tags.append([name, ";".join(video.labels)])
    with (films / "tags.csv").open("w", newline="", encoding="utf-8-sig") as file:
        csv.writer(file, delimiter=";").writerows([["video", "tags"], *with_tags])
    return films


def put_right(table: Path) -> tuple[str, str, int]:
    """Move the end of a video's first segment, keep its others, as a spreadsheet would save it; the
    video, the label, and the segments of the label that it then has.
    """
    with table.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    chosen = rows[0]
    chosen |= {"end_s": str(float(chosen["start_s"]) + 3.2).replace(".", ",")}
    chosen |= {"start_s": chosen["start_s"].replace(".", ",")}
    chosen |= {"start_frame": "", "end_frame": "", MARK: "yes"}
    same = [row for row in rows[1:] if row["video"] == chosen["video"]]
    others = [row for row in rows[1:] if row["video"] != chosen["video"]][:4]
    kept = [row for row in same if row["label"] != chosen["label"]]
    for row in kept:
        row |= {"start_s": "", "end_s": ""}  # by their frames
    with table.open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.DictWriter(file, list(chosen), delimiter=";", lineterminator="\r\n")
        writer.writeheader()
        writer.writerows([chosen, *kept, *others])
    return chosen["video"], chosen["label"], 1


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.xdist_group("tiny_run")
def test_the_commands_of_the_document(clone: Clone) -> None:
    films = render_films(clone)
    before, said = snapshot(films), []
    corrected = ("", "", 0)
    for words in commands():
        if words[1] == "import":
            corrected = put_right(clone.root / EDITED)
        module = {"wtal": "wtal_cli.main", "dvc": "dvc"}[words[0]]
        said.append(clone.run("-m", module, *words[1:]))
    assert snapshot(films) == before
    data = clone.root / "data" / NAME

    # init: 30 videos, none lost for its stem, a fifth of them as the test split
    labels = read_labels(data / "labels.json")
    assert (len(labels.videos("train")), len(labels.videos("test"))) == (24, 6)
    printed = [line.split()[:2] for line in said[0][said[0].index("next:") :].splitlines()[1:]]
    assert printed[:5] == [
        ["wtal", "check"], ["dvc", "add"], ["git", "add"], ["wtal", "plan"], ["dvc", "exp"],
    ]  # fmt: skip
    assert "0 cannot be used" in said[1]

    # the first run, and the second, which repeats what learns from pseudo-labels
    assert {"check", "frames", "flow", "features_clip"} <= set(stages_in(said[3]))
    steps = ["b_step@r1", "f_step@r1", "infer@r1", "b_step@r2", "f_step@r2", "infer@r2"]
    assert sorted(stages_in(said[8])) == sorted(["check", *steps])
    found = read_json(data / "r2" / "predictions.json")["results"]
    assert set(found) == {video.id for video in labels.videos("test")}
    record = read_json(data / "frames" / "record.json")["videos"]
    segments = read_predictions(data / "r2" / "predictions.json")
    for video, end in zip(segments.video, segments.end_s, strict=True):
        assert end <= record[video]["duration_s"] + 1e-6

    # predict and report
    assert read_json(clone.root / "found" / "predictions.json")["results"].keys()
    for page in ("found/page/index.html", f"reports/{NAME}-r2/index.html"):
        assert (clone.root / page).is_file()

    # the correction, in the file and in both steps of both rounds
    video, label, count = corrected
    written = json.loads((data / "corrections.json").read_text(encoding="utf-8"))["videos"]
    assert list(written) == [video]
    own = [one for one in written[video]["segments"] if one["label"] == label]
    assert len(own) == count
    start, end = own[0]["segment"]
    assert end - start == pytest.approx(3.2, abs=1e-4)
    for round_ in ("r1", "r2"):
        for branch in ("cbp", "vlp"):
            store = read_sequences(data / round_ / f"pseudo_{branch}.zarr")
            assert store.attrs["corrections"]["videos"] == 1
            label_T = store.of(video)["label"][:, labels.classes.index(label)]
            assert (label_T == 1).sum() == 5  # of 0.64 s each
            assert (label_T == 0).sum() == len(label_T) - 5
