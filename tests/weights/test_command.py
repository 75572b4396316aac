"""`wtal weights`: from a file that somebody brought to features, without a network."""

import hashlib
import shutil
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner, Result

from tests.weights.foreign import three_layouts, write_bundle
from wtal_cli.main import app
from wtal_core.checkpoint import load_checkpoint
from wtal_core.weights.registry import read_registry


def run(*words: object) -> Result:
    return CliRunner().invoke(app, ["weights", *map(str, words)])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of downloads; what goes to the network ends in an error."""
    monkeypatch.setenv("WTAL_WEIGHTS", str(tmp_path / "weights"))
    for name in ("http_proxy", "https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    return tmp_path / "weights"


def test_the_list_says_everything(folder: Path) -> None:
    said = run("list").output
    assert str(folder) in said
    for entry in read_registry().values():
        for text in (entry.name, entry.what, entry.licence, entry.home):
            assert text in said
        for file in entry.files:
            assert file.url in said
            assert str(file.sha256 or file.git_blob) in said
    assert "50.9 MB" in said


def test_without_a_network_the_recipe(folder: Path) -> None:
    done = run("fetch", "clip", "--into", "data/thumos14/encoders")
    assert done.exit_code == 2
    file = read_registry()["clip"].files[0]
    for part in (file.url, str(file.sha256), str(folder / "clip" / file.name)):
        assert part in done.stderr
    assert run("fetch", "i3d").exit_code == 2
    assert run("verify", "clip").exit_code == 2
    assert "clip: not here" in run("verify").output


def test_from_a_file_to_a_checkpoint(folder: Path, tmp_path: Path) -> None:
    source, encoders = tmp_path / "rgb.pt", tmp_path / "data/films/encoders"
    torch.save(three_layouts(3)[0], source)
    sha256 = hashlib.sha256(source.read_bytes()).hexdigest()
    # It is not the published file, so it needs a word of the user.
    refused = run("fetch", "i3d_rgb", "--from", source, "--into", encoders)
    assert refused.exit_code == 2
    assert "not rgb_imagenet.pt of the registry" in refused.stderr
    assert not encoders.exists()

    done = run("fetch", "i3d_rgb", "--from", source, "--sha256", sha256, "--into", encoders)
    assert done.exit_code == 0
    assert "has the SHA-256 that you gave" in done.output
    tensors, meta = load_checkpoint(encoders / "i3d_rgb")
    assert len(tensors) == 230
    assert meta["source"]["files"]["rgb_imagenet.pt"]["sha256"] == sha256
    before = (encoders / "i3d_rgb" / "meta.json").read_bytes()

    source.unlink()  # it is in the folder now, for the next data set
    again = run("fetch", "i3d_rgb", "--into", encoders)
    assert again.exit_code == 0
    assert (encoders / "i3d_rgb" / "meta.json").read_bytes() == before
    verified = run("verify", "i3d_rgb", "--encoders", encoders)
    assert verified.exit_code == 0
    assert "whole, 230 tensors; i3d_rgb" in verified.output

    file = folder / "i3d_rgb" / "rgb_imagenet.pt"
    with file.open("ab") as out:
        out.write(b"!")
    assert run("verify").exit_code == 2
    assert run("fetch", "i3d_rgb", "--into", encoders).exit_code == 2


def test_what_else_stands_there_stays(folder: Path, tmp_path: Path) -> None:
    """data/NAME/clip and data/NAME/i3d are features; a slip must not replace them."""
    source, data = tmp_path / "flow.pt", tmp_path / "data/films"
    torch.save(three_layouts(2)[0], source)
    sha256 = hashlib.sha256(source.read_bytes()).hexdigest()
    (data / "i3d_flow").mkdir(parents=True)
    (data / "i3d_flow" / "dear.txt").touch()
    words = ("fetch", "i3d_flow", "--from", source, "--sha256", sha256, "--into", data)
    done = run(*words)
    assert done.exit_code == 2
    assert "something else stands there, no checkpoint" in done.stderr
    assert [p.name for p in (data / "i3d_flow").iterdir()] == ["dear.txt"]
    (data / "dataset.yaml").touch()  # now it is a data set, whose encoders have their own folder
    assert run(*words).exit_code == 0
    assert load_checkpoint(data / "encoders" / "i3d_flow")[1]["stream"] == "flow"
    assert run(*words).exit_code == 0  # a checkpoint may be replaced by a checkpoint


def test_deepminds_two_files(folder: Path, tmp_path: Path) -> None:
    brought, encoders = tmp_path / "brought", tmp_path / "encoders"
    write_bundle(brought / "model.ckpt.index", three_layouts(2)[2])
    index, data = (brought / f.name for f in read_registry()["i3d_flow_deepmind"].files)
    assert data.stat().st_size == 50_730_368  # as long as the published file
    sha256 = hashlib.sha256(data.read_bytes()).hexdigest()
    done = run("fetch", "i3d_flow_deepmind", "--from", brought, "--sha256", sha256)
    assert done.exit_code == 2  # the index is not the published one, and one hash is one file's
    assert "model.ckpt.index" in done.stderr
    index.unlink()
    assert "no such file" in run("fetch", "i3d_flow_deepmind", "--from", data).stderr
    assert not encoders.exists()


def test_words_that_do_not_go_together(folder: Path) -> None:
    assert "one name" in run("fetch", "i3d_rgb", "clip", "--from", "x.pt").stderr
    assert "goes with --from" in run("fetch", "i3d_rgb", "--sha256", "ab").stderr


def test_checkpoints_of_a_folder(folder: Path, tmp_path: Path) -> None:
    assert "no checkpoints in it" in run("verify", "--encoders", tmp_path).stderr
    source = tmp_path / "flow.pt"
    torch.save(three_layouts(2)[0], source)
    sha256 = hashlib.sha256(source.read_bytes()).hexdigest()
    run("fetch", "i3d_flow", "--from", source, "--sha256", sha256, "--into", tmp_path / "e")
    model = tmp_path / "e" / "i3d_flow" / "model.safetensors"
    model.write_bytes(model.read_bytes()[:-4])
    done = run("verify", "--encoders", tmp_path / "e")
    assert done.exit_code == 2
    assert "truncated or of another run" in done.stderr
    shutil.rmtree(tmp_path / "e")
