"""`wtal init`: the folder that it writes, and everything that it must not touch."""

import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from stages.check import check as check_params
from tests.own_videos.folders import HOSTILE, add_films, snapshot
from tests.stages.tiny_method import make_clip
from wtal_cli.main import app
from wtal_core.annotations import read_labels
from wtal_core.params import load_yaml
from wtal_core.sources import find_sources

ROOT = Path(__file__).parents[2]
NAMES = ("a/x.mp4", "b/x.mp4", "c.mkv", "d.mp4", "e.mp4", "f.mp4")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace with params.yaml, and films beside it, each with a label."""
    films = add_films(tmp_path / "films", NAMES)
    lines = [f"{name},{'Drum' if n % 2 else 'Kite'}\n" for n, name in enumerate(NAMES)]
    (films / "tags.csv").write_text("file,labels\n" + "".join(lines))
    work = tmp_path / "work"
    work.mkdir()
    (work / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    monkeypatch.chdir(work)
    monkeypatch.setenv("WTAL_ITEM_CACHE", str(tmp_path / "cache"))
    return work


def init(*words: str | Path, code: int = 0) -> Result:
    ran = CliRunner().invoke(app, ["init", "mine", *map(str, words)])
    assert ran.exit_code == code, ran.output
    return ran


def test_a_pipe_is_no_video(place: Path) -> None:
    """Reading it would wait for whoever writes to it."""
    films = place.parent / "films"
    os.mkfifo(films / "pipe.mp4")
    with (films / "tags.csv").open("a") as file:
        file.write("pipe.mp4,Kite\n")
    ran = init(films, code=2)
    assert "1 videos cannot be read" in ran.stderr
    assert "pipe.mp4 (no file, but a pipe or a device)" in ran.stderr
    assert not Path("data").exists()


def test_a_folder_that_the_stages_accept(place: Path) -> None:
    before = snapshot(place.parent / "films")
    said = init(place.parent / "films").output
    assert snapshot(place.parent / "films") == before
    data = Path("data/mine")
    assert sorted(path.name for path in data.iterdir()) == [
        ".gitignore", "README.md", "corrections.json", "dataset.yaml", "labels.json",
        "sources.json", "videos",
    ]  # fmt: skip
    assert sorted(path.name for path in Path().iterdir()) == ["data", "params.yaml"]
    check_params(Path("params.yaml"), data / "dataset.yaml")
    labels = read_labels(data / "labels.json")
    assert labels.classes == ("Drum", "Kite")
    assert (len(labels.videos("train")), len(labels.videos("test"))) == (5, 1)
    sources = find_sources(data, labels.all_videos)
    from_where = json.loads((data / "sources.json").read_text())["videos"]
    for identity, path in sources.items():
        assert not path.is_symlink()
        original = place.parent / "films" / from_where[identity]["source"]
        assert path.read_bytes() == original.read_bytes()
        assert path.stat().st_ino != original.stat().st_ino
    assert "5 training and 1 test videos, 2 classes" in said
    assert "-S thresholds.delta_h=0.64 -S thresholds.delta_l=0.53" in said
    text = "".join(path.read_text() for path in data.iterdir() if path.is_file())
    assert str(place.parent) not in text


def test_equal_stems_are_two_videos(place: Path) -> None:
    init(place.parent / "films")
    found = json.loads(Path("data/mine/sources.json").read_text())["videos"]
    assert {one["source"] for one in found.values()} == set(NAMES)
    assert {name.rpartition("-")[0] for name in found} == {"a-x", "b-x", "c", "d", "e", "f"}


def test_the_same_call_gives_the_same_bytes(place: Path) -> None:
    init(place.parent / "films")
    first = {k: v[2] for k, v in snapshot(Path("data/mine")).items()}
    os.rename(place.parent / "films", place.parent / "elsewhere")
    Path("data/mine/r0").mkdir()
    Path("data/mine/r0/result").write_text("kept")
    init(place.parent / "elsewhere", "--force")
    second = {k: v[2] for k, v in snapshot(Path("data/mine")).items()}
    assert second.pop("r0/result") == b"kept"
    assert second == first


def test_links_lead_to_the_originals(place: Path) -> None:
    said = init(place.parent / "films", "--symlink").output
    assert "warning" not in said
    links = sorted(Path("data/mine/videos").iterdir())
    assert all(link.is_symlink() for link in links)
    assert {link.resolve() for link in links} == {place.parent / "films" / name for name in NAMES}
    assert {link.suffix for link in links} == {".mp4", ".mkv"}


def test_links_and_a_dvc_that_links(place: Path) -> None:
    Path(".dvc").mkdir()
    Path(".dvc/config").write_text('[cache]\n    type = "reflink,hardlink"\n')
    assert "would make your original files read-only" in init(
        place.parent / "films", "--symlink"
    ).output.replace("\n", " ")


def test_nothing_is_overwritten(place: Path) -> None:
    init(place.parent / "films")
    before = snapshot(Path("data"))
    assert "--force" in init(place.parent / "films", code=2).output
    Path("data/other").mkdir()
    Path("data/other/labels.json").write_text("mine")
    for force in ([], ["--force"]):
        ran = CliRunner().invoke(app, ["init", "other", str(place.parent / "films"), *force])
        assert ran.exit_code == 2
        assert "wtal init did not make it" in ran.output
    assert Path("data/other/labels.json").read_text() == "mine"
    assert {k: v for k, v in snapshot(Path("data")).items() if k.startswith("mine")} == before


def test_a_refusal_writes_nothing(place: Path) -> None:
    (place.parent / "films" / "tags.csv").write_text("file,labels\nz.mp4,Kite\n")
    assert "line 2: z.mp4" in init(place.parent / "films", code=2).output
    assert not Path("data").exists()


@pytest.mark.parametrize("name", ["../mine", "a/b", ".hidden", "", "a b", "<b>"])
def test_a_name_that_is_no_folder(place: Path, name: str) -> None:
    ran = CliRunner().invoke(app, ["init", name, str(place.parent / "films")])
    assert ran.exit_code == 2
    assert "no name of a data set" in ran.output
    assert not Path("data").exists()


def test_the_split_of_a_file(place: Path) -> None:
    Path("split.csv").write_text("file;subset\nd;test\ne.mp4;validation\n")
    init(place.parent / "films", "--split", "split.csv")
    found = json.loads(Path("data/mine/sources.json").read_text())["videos"]
    tests = {one.id for one in read_labels(Path("data/mine/labels.json")).videos("test")}
    assert {found[one]["source"] for one in tests} == {"d.mp4", "e.mp4"}


def test_hostile_names(tmp_path: Path, place: Path) -> None:
    films = add_films(tmp_path / "hostile", [f"{'KD'[n % 2]}/{v}" for n, v in enumerate(HOSTILE)])
    before = snapshot(films)
    said = init(films, "--labels", "folder-per-class").output
    assert snapshot(films) == before
    labels = read_labels(Path("data/mine/labels.json"))
    assert len(find_sources(Path("data/mine"), labels.all_videos)) == len(HOSTILE)
    from_where = json.loads(Path("data/mine/sources.json").read_text())["videos"]
    assert {one["source"].partition("/")[2] for one in from_where.values()} == set(HOSTILE)
    written = Path("data/mine/README.md").read_text() + Path("data/mine/labels.json").read_text()
    assert "<img" not in written
    assert "\u202e" not in said + written


def test_a_hostile_label_is_text_in_the_readme(place: Path) -> None:
    tags = place.parent / "films" / "tags.csv"
    tags.write_text(tags.read_text().replace("Kite", "<script>x|y</script>".replace("|", "/")))
    init(place.parent / "films")
    readme = Path("data/mine/README.md").read_text()
    assert "<script>" not in readme
    assert "&lt;script&gt;x/y&lt;/script&gt;" in readme


def make_encoders(data: Path) -> Path:
    """Three checkpoints: a CLIP of toy size, twice more under other names."""
    for name in ("clip", "i3d_rgb", "i3d_flow"):
        make_clip(data / "encoders" / name)
    return data / "encoders"


def test_encoders_bring_their_facts(place: Path) -> None:
    encoders = make_encoders(place.parent / "demo")
    init(place.parent / "films", "--encoders", encoders)
    facts = load_yaml(Path("data/mine/dataset.yaml"))
    # by the record of CLIP: 40 px, and flow in proportion, 20 px of 256
    assert facts["video"] == {"fps": 25.0, "short_side": 40, "crop": 40}
    assert facts["flow"] == {"method": "tvl1", "bound": 3.12}
    for name in ("clip", "i3d_rgb", "i3d_flow"):
        copied = Path("data/mine/encoders") / name
        assert (
            copied.joinpath("meta.json").read_bytes()
            == (encoders / name / "meta.json").read_bytes()
        )
    check_params(Path("params.yaml"), Path("data/mine/dataset.yaml"))


def test_encoders_of_a_data_set_bring_its_facts(place: Path) -> None:
    demo = place.parent / "demo"
    make_encoders(demo)
    (demo / "dataset.yaml").write_bytes((ROOT / "data/demo/dataset.yaml").read_bytes())
    theirs = load_yaml(demo / "dataset.yaml")
    init(place.parent / "films", "--encoders", demo / "encoders")
    facts = load_yaml(Path("data/mine/dataset.yaml"))
    assert facts["flow"] == theirs["flow"]
    assert not any(facts["method"].values())
    init(place.parent / "films", "--like", demo, "--force")
    facts = load_yaml(Path("data/mine/dataset.yaml"))
    assert facts["method"] == theirs["method"]
    check_params(Path("params.yaml"), Path("data/mine/dataset.yaml"))


def test_encoders_that_are_not_there(place: Path) -> None:
    said = init(place.parent / "films", "--encoders", place / "none", code=2).output
    assert "model.safetensors: not there" in said
    assert not Path("data").exists()


def test_videos_that_cannot_be_read_are_named(place: Path) -> None:
    (place.parent / "films" / "d.mp4").unlink()
    (place.parent / "films" / "d.mp4").symlink_to("gone.mp4")
    assert "films/d.mp4 (No such file" in init(place.parent / "films", code=2).output
    assert not Path("data").exists()
