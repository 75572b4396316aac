"""`wtal check`: each fault of a video and of labels is found, named and weighed."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from tests.own_videos.folders import add_film
from tests.video.films import picture, turn, write_film, write_sound
from tests.video.test_decode import CLIPS, VIDEOS, needs_reference
from wtal_cli.main import app

ROOT = Path(__file__).parents[2]
ENCODERS = ("i3d_rgb", "i3d_flow", "clip")


class Set:
    """A data set of films in the current folder."""

    def __init__(self) -> None:
        self.data = Path("data/mine")
        (self.data / "videos").mkdir(parents=True)
        shutil.copy(ROOT / "params.yaml", "params.yaml")
        for name in ("dataset.yaml", "corrections.json"):
            shutil.copy(ROOT / "data" / "demo" / name, self.data)
        self.classes = [f"class {letter}" for letter in "abcdefghijkl"]
        self.videos: dict[str, dict[str, Any]] = {}

    def add(self, name: str, subset: str = "test", *labels: str, suffix: str = ".mp4") -> Path:
        """Name a video; its file is still to be made."""
        file = f"videos/{name}{suffix}"
        self.videos[name] = {"file": file, "subset": subset}
        if subset == "train":
            self.videos[name]["labels"] = list(labels)
        return self.data / file

    def fill(self) -> None:
        """Two training videos for each class, and one to test: nothing to complain of."""
        first = add_film(self.data / "videos" / "first.mp4", 20)
        for n, name in enumerate(self.classes * 2):
            path = self.add(f"v{n}", "train", name)
            # as good as another video, and quicker to make
            path.write_bytes(first.read_bytes() + n.to_bytes(4) + b"free")
        first.rename(self.add("t"))
        for place in ENCODERS:
            for file in ("model.safetensors", "meta.json"):
                path = self.data / "encoders" / place / file
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch()

    def check(self, code: int, *words: str) -> tuple[Result, dict[str, Any]]:
        """Run it; its output and its JSON."""
        labels = {"classes": self.classes, "videos": self.videos}
        (self.data / "labels.json").write_text(json.dumps(labels))
        ran = CliRunner().invoke(app, ["check", "mine", "--json", "out.json", *words])
        assert ran.exit_code == code, ran.output
        tree: dict[str, Any] = json.loads(Path("out.json").read_text())
        return ran, tree


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Set:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WTAL_ITEM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("WTAL_WORKERS", "1")
    return Set()


def codes(tree: dict[str, Any], video: str) -> list[str]:
    """Of one video's findings."""
    (found,) = [one for one in tree["videos"] if one["id"] == video]
    return [finding["code"] for finding in found["findings"]]


def general(tree: dict[str, Any]) -> dict[str, list[str]]:
    """Code: its subjects, of what concerns the whole."""
    found: dict[str, list[str]] = {}
    for one in tree["general"]:
        found.setdefault(one["code"], []).append(one["subject"])
    return found


def test_nothing_to_complain_of(mine: Set) -> None:
    mine.fill()
    ran, tree = mine.check(0)
    assert tree["exit_code"] == 0
    assert general(tree) == {}
    assert all(one["findings"] == [] for one in tree["videos"])
    health = tree["videos"][-1]["health"]
    assert (health["frames"], health["duration_s"], health["fps"]) == (20, 0.8, 25.0)
    assert (health["width"], health["height"], health["rotation"]) == (52, 36, 0)
    assert (health["variable"], health["resized"], health["mirrored"]) == (False, False, False)
    assert "25, of which 0 cannot be used" in ran.output
    assert list(mine.data.glob("*.ok")) == []


def test_a_second_look_decodes_nothing(mine: Set, tmp_path: Path) -> None:
    mine.fill()
    first = mine.check(0)[1]
    made = {p.name: p.stat().st_mtime_ns for p in (tmp_path / "cache/check").glob("*.json")}
    assert len(made) == 25
    assert mine.check(0)[1] == first
    after = {p.name: p.stat().st_mtime_ns for p in (tmp_path / "cache/check").glob("*.json")}
    assert after == made


def test_each_fault_of_a_video(mine: Set) -> None:
    mine.fill()
    pictures = [picture(n) for n in range(40)]
    mine.add("empty").touch()
    mine.add("text").write_text("no film")
    write_sound(mine.add("sound"))
    cut = write_film(mine.add("cut"), pictures, movflags="faststart")
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    mine.add("gone")
    mine.add("loose").symlink_to("nowhere.mp4")
    uneven = [40 * n + (15 if n % 3 else 0) for n in range(40)]
    write_film(mine.add("phone"), pictures, uneven)
    paused = [40 * n + (3000 if n >= 20 else 0) for n in range(40)]
    write_film(mine.add("paused"), pictures, paused)
    turn(write_film(mine.add("turned"), pictures), (0, 1, -1, 0))
    turn(write_film(mine.add("mirror"), pictures), (-1, 0, 0, 1))
    write_film(mine.add("short"), pictures[:3])
    _, tree = mine.check(2)
    assert {v["id"]: codes(tree, v["id"]) for v in tree["videos"] if v["findings"]} == {
        "empty": ["E102"], "text": ["E102"], "sound": ["E103"], "cut": ["E106"], "gone": ["E109"],
        "loose": ["E109"], "phone": ["W202"], "paused": ["W204", "W202"], "turned": ["W205"],
        "mirror": ["W205"], "short": ["W207"],
    }  # fmt: skip
    health = {one["id"]: one["health"] for one in tree["videos"]}
    assert health["empty"] is None
    assert (health["turned"]["rotation"], health["turned"]["mirrored"]) == (90, False)
    assert (health["turned"]["width"], health["turned"]["height"]) == (36, 52)
    assert health["mirror"]["mirrored"]
    assert health["phone"]["variable"]
    assert health["paused"]["longest_gap_s"] == pytest.approx(3.04)
    assert health["paused"]["duration_s"] == pytest.approx(4.6)


def test_the_same_content_in_both_splits_is_an_error(mine: Set) -> None:
    mine.fill()
    shutil.copy(mine.data / "videos/t.mp4", mine.add("leak", "train", mine.classes[0]))
    assert general(mine.check(2)[1]) == {"E210": ["leak, t"]}


def test_the_same_content_twice_is_a_warning(mine: Set) -> None:
    mine.fill()
    shutil.copy(mine.data / "videos/v0.mp4", mine.add("again", "train", mine.classes[0]))
    shutil.copy(mine.data / "videos/v1.mp4", mine.add("other", "train", mine.classes[5]))
    _, tree = mine.check(1, "--strict")
    assert sorted(general(tree)["W210"]) == ["again, v0", "other, v1"]
    texts = {one["subject"]: one["text"] for one in tree["general"]}
    assert "different labels" in texts["other, v1"]
    assert "different" not in texts["again, v0"]
    mine.check(0)


def test_labels_that_are_no_classes_get_the_nearest(mine: Set) -> None:
    mine.fill()
    mine.videos["v0"]["labels"] = ["Class-A"]
    _, tree = mine.check(2)
    (found,) = [one for one in tree["general"] if one["code"] == "E220"]
    assert found["subject"] == "v0"
    assert "did you mean 'class a'?" in found["text"]


def test_classes_with_too_few_videos_and_slips(mine: Set) -> None:
    mine.fill()
    del mine.videos["v12"]  # the second of class a
    mine.classes += ["class  L", "none"]
    mine.videos["v11"]["labels"] += ["class  L"]
    found = general(mine.check(2)[1])
    assert found["W222"] == ["class a", "class  L"]
    assert found["E223"] == ["none"]
    assert found["W220"] == ["class  L"]
    assert found["W240"] == ["data/mine/videos/v12.mp4"]


def test_few_classes_need_other_thresholds(mine: Set) -> None:
    mine.classes = mine.classes[:3]
    mine.fill()
    (found,) = [one for one in mine.check(0)[1]["general"] if one["code"] == "W223"]
    assert found["remedy"] == "-S thresholds.delta_h=0.51 -S thresholds.delta_l=0.37"
    mine.check(1, "--strict")


def test_a_split_without_videos(mine: Set) -> None:
    mine.fill()
    del mine.videos["t"]
    assert general(mine.check(2)[1])["E222"] == ["test"]


def test_weights_that_are_missing_stop_a_run(mine: Set) -> None:
    mine.fill()
    shutil.rmtree(mine.data / "encoders" / "i3d_flow")
    _, tree = mine.check(2)
    assert general(tree) == {"E230": ["data/mine/encoders/i3d_flow"]}
    (found,) = tree["general"]
    assert "wtal weights fetch i3d_flow --into data/mine/encoders" in found["remedy"]
    # a pipeline of the data set's own would make them
    (mine.data / "dvc.yaml").touch()
    assert [one["level"] for one in mine.check(0)[1]["general"]] == ["note"]


@pytest.mark.parametrize("name", ["../up", "../../outside", "videos/../../up"])
def test_paths_that_leave_are_refused(mine: Set, name: str) -> None:
    mine.fill()
    mine.videos["t"]["file"] = name
    Path("data/up").touch()
    Path("outside").touch()
    labels = {"classes": mine.classes, "videos": mine.videos}
    (mine.data / "labels.json").write_text(json.dumps(labels))
    ran = CliRunner().invoke(app, ["check", "mine"])
    assert ran.exit_code == 2
    assert "E120" in ran.output


def test_a_name_has_no_power_over_the_terminal(mine: Set) -> None:
    mine.fill()
    mine.classes[0] = "red \x1b[31m\u202e[bold]"
    mine.videos["v0"]["labels"] = mine.videos["v12"]["labels"] = [mine.classes[0]]
    ran, _ = mine.check(0)
    assert "\x1b" not in ran.output
    assert "\u202e" not in ran.output
    assert "[bold]" in ran.output


def test_what_is_missing_is_said_at_once(mine: Set) -> None:
    ran = CliRunner().invoke(app, ["check", "other"])
    assert ran.exit_code == 2
    assert "wtal init other VIDEOS" in ran.output
    ran = CliRunner().invoke(app, ["check", "mine"])
    assert ran.exit_code == 2
    assert "labels.json: no such file" in ran.output


@pytest.mark.reference
@needs_reference
def test_real_clips(mine: Set) -> None:
    mine.fill()
    names = {f"real {n}": name for n, name in enumerate(CLIPS)}
    for identity, name in names.items():
        mine.add(identity, suffix=Path(name).suffix).symlink_to(VIDEOS / name)
    _, tree = mine.check(0)
    found = {one["id"]: one for one in tree["videos"]}
    for identity, name in names.items():
        frames, (height, width), seconds = CLIPS[name]
        health = found[identity]["health"]
        assert (health["frames"], health["height"], health["width"]) == (frames, height, width)
        assert health["duration_s"] == pytest.approx(seconds, abs=1e-5)
        assert not {"error"} & {f["level"] for f in found[identity]["findings"]}
    by_name = {name: found[identity] for identity, name in names.items()}
    turned = by_name["decord/video_90.mov"]["health"]
    assert turned["rotation"] in (90, 270)
    promised = by_name["cuhk/plastering.avi"]
    assert promised["health"]["header_frames"] == 1618
    assert "W201" in [f["code"] for f in promised["findings"]]


def test_corrections_that_would_stop_a_run(mine: Set) -> None:
    mine.fill()
    path = mine.data / "corrections.json"
    path.write_text('{"videos": {"t": {"reviewed": [], "segments": []}}}')
    _, tree = mine.check(2)
    assert [one["code"] for one in tree["general"]] == ["E241"]
    assert "'t' is no training video" in tree["general"][0]["text"]
    path.unlink()
    ran, tree = mine.check(2)
    assert [one["code"] for one in tree["general"]] == ["E240"]
    assert '{ "videos": {}}' in ran.output
    path.write_text('{ "videos": {}}')
    mine.check(0)
