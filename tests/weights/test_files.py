"""Files of weights before they are read: wrong, truncated, web pages, pickles that would run."""

import hashlib
import io
import json
import os
import pickle
import subprocess
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch

from wtal_core.errors import WtalError
from wtal_core.weights import convert
from wtal_core.weights.fetch import take_entry, verify_entry
from wtal_core.weights.pickles import check_pickles
from wtal_core.weights.registry import (
    Entry,
    RemoteFile,
    find_entry,
    read_registry,
    weights_folder,
)
from wtal_core.weights.verify import hash_both, read_trusted, refuse_page, verify_file

CONTENT = b"seventeen bytes.\n"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
URL = "https://example.org/w.pt"


def entry(**known: Any) -> Entry:
    file = RemoteFile("w.pt", URL, **known)
    return Entry("mine", "i3d_rgb", "a test", "piergiaj", "none", "https://example.org", (file,))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "brought" / "other-name.pt"
    path.parent.mkdir()
    path.write_bytes(CONTENT)
    return path


class TestRegistry:
    def test_every_entry_can_be_checked(self) -> None:
        entries = read_registry()
        assert list(entries)[:2] == ["i3d_rgb", "i3d_flow"]
        assert {entries[name].target for name in entries} == {"i3d_rgb", "i3d_flow", "clip"}
        for one in entries.values():
            assert one.what
            assert one.licence
            for file in one.files:
                assert file.sha256 or file.git_blob, f"{one.name}: no hash at all"
                # Of a commit: a branch's name would point at another file one day.
                assert any(len(part) == 40 for part in file.url.split("/")), file.url

    def test_an_unknown_name_lists_the_known(self) -> None:
        with pytest.raises(WtalError, match="no weights are called 'i3d'; there are i3d_rgb, "):
            find_entry("i3d")

    @pytest.mark.parametrize(
        "broken",
        [{"sha256": "ab"}, {"git_blob": "xy" * 20}, {"bytes": 0}, {"name": "../w.pt"}],
    )
    def test_a_broken_file_entry(self, broken: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match=r"must be|no plain file name"):
            RemoteFile(**{"name": "w.pt", "url": URL, **broken})

    def test_plain_http_is_no_source(self, tmp_path: Path) -> None:
        file = {"name": "w.pt", "url": "http://example.org/w.pt"}
        one = {"name": "a", "target": "clip", "what": "", "layout": "open_clip", "licence": ""}
        path = tmp_path / "r.json"
        path.write_text(json.dumps({"entries": [{**one, "home": "", "files": [file]}]}))
        with pytest.raises(ValueError, match="is not https"):
            read_registry(path)

    def test_the_folder_of_downloads(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
        monkeypatch.delenv("WTAL_WEIGHTS", raising=False)
        assert weights_folder() == Path("/caches/wtal/weights")
        monkeypatch.setenv("WTAL_WEIGHTS", "/mnt/weights")
        assert weights_folder() == Path("/mnt/weights")
        assert weights_folder(Path("here")) == Path("here")


class TestVerify:
    def test_git_names_the_content_as_we_do(self, path: Path) -> None:
        git = subprocess.run(
            ["git", "hash-object", path], capture_output=True, text=True, check=True
        )
        assert hash_both(path) == (SHA256, git.stdout.strip())

    def test_what_is_known_decides(self, path: Path) -> None:
        blob = hash_both(path)[1]
        zeros = "0" * 64
        for how, known in (
            ("sha256", {"sha256": SHA256, "git_blob": "0" * 40}),
            ("git blob", {"git_blob": blob}),
        ):
            assert verify_file(path, RemoteFile("w.pt", URL, 17, **known)).how == how
        assert verify_file(path, RemoteFile("w.pt", URL)).how == "first use"
        assert verify_file(path, RemoteFile("w.pt", URL), recorded=SHA256).how == "recorded"
        given = verify_file(path, RemoteFile("w.pt", URL, 99, zeros), given=SHA256)
        assert (given.how, given.sha256) == ("given", SHA256)

    @pytest.mark.parametrize(
        ("known", "message"),
        [
            ({"bytes": 99}, "truncated: 17 bytes, expected 99"),
            ({"bytes": 9}, "registry: 17 bytes, expected 9"),
            ({"sha256": "1" * 64}, f"sha256 hash {SHA256}, expected {'1' * 64}"),
            ({"git_blob": "1" * 40}, f"expected {'1' * 40}"),
        ],
    )
    def test_a_wrong_file(self, path: Path, known: dict[str, Any], message: str) -> None:
        with pytest.raises(WtalError, match=message):
            verify_file(path, RemoteFile("w.pt", URL, **known))
        with pytest.raises(WtalError, match="given hash"):
            verify_file(path, RemoteFile("w.pt", URL), given="2" * 64)

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b"\n <!DOCTYPE html><title>404</title>", "an HTML page"),
            (b"\xef\xbb\xbf<html><body>log in", "an HTML page"),
            (b"version https://git-lfs.github.com/spec/v1\noid", "pointer of Git LFS"),
            (b"", "the file is empty"),
        ],
    )
    def test_what_servers_give_instead(self, path: Path, content: bytes, message: str) -> None:
        path.write_bytes(content)
        with pytest.raises(WtalError, match=message):
            verify_file(path, RemoteFile("w.pt", URL, sha256=SHA256))
        with pytest.raises(WtalError, match=message):
            refuse_page(path, URL)


class TestTrust:
    def test_the_first_file_is_trusted_and_another_is_not(self, path: Path, tmp_path: Path) -> None:
        folder, mine = tmp_path / "weights", entry()
        assert verify_entry(folder, mine) is None
        assert take_entry(folder, mine, path)["w.pt"].how == "first use"
        assert (folder / "mine" / "w.pt").read_bytes() == CONTENT
        assert read_trusted(folder) == {"mine/w.pt": {"sha256": SHA256, "how": "first use"}}
        found = verify_entry(folder, mine)
        assert found is not None
        assert found["w.pt"].how == "recorded"
        path.write_bytes(CONTENT.upper())
        with pytest.raises(WtalError, match="recorded hash"):
            take_entry(folder, mine, path)
        assert [p.name for p in (folder / "mine").iterdir()] == ["w.pt"]
        assert (folder / "mine" / "w.pt").read_bytes() == CONTENT

    def test_a_hash_that_the_user_gives(self, path: Path, tmp_path: Path) -> None:
        folder, mine = tmp_path / "weights", entry(bytes=99, sha256="1" * 64)
        with pytest.raises(WtalError, match="truncated"):
            take_entry(folder, mine, path)
        assert take_entry(folder, mine, path, SHA256)["w.pt"].how == "given"
        found = verify_entry(folder, mine)
        assert found is not None
        assert found["w.pt"].how == "given"

    def test_a_changed_file_is_noticed(self, path: Path, tmp_path: Path) -> None:
        mine = entry(sha256=SHA256)
        take_entry(tmp_path, mine, path)
        (tmp_path / "mine" / "w.pt").write_bytes(CONTENT[::-1])
        with pytest.raises(WtalError, match="sha256 hash"):
            verify_entry(tmp_path, mine)

    def test_a_broken_record(self, tmp_path: Path) -> None:
        (tmp_path / "trusted.json").write_text("[1]")
        with pytest.raises(WtalError, match=r"not readable.*hashes are recorded anew"):
            read_trusted(tmp_path)

    def test_a_file_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(WtalError, match=r"no such file; mine consists of w\.pt"):
            take_entry(tmp_path, entry(), tmp_path / "nowhere.pt")


class Evil:
    """Would create a file on loading."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.mark),)


def zipped(content: bytes, path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", content)
        archive.writestr("archive/version", "3")


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize("form", ["pickle", "zip", "row"])
def test_a_pickle_that_would_run_is_refused(form: str, protocol: int, tmp_path: Path) -> None:
    """Though the user vouches for the file: the mark does not appear."""
    mark, path = tmp_path / "mark", tmp_path / "rgb.pt"
    state = OrderedDict(a=torch.zeros(2), b=Evil(mark))
    content = pickle.dumps(Evil(mark), protocol)
    if form == "pickle":
        path.write_bytes(content)
    elif form == "zip":
        zipped(content, path)
    else:
        torch.save(
            state, path, _use_new_zipfile_serialization=False, pickle_protocol=max(protocol, 2)
        )
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    one = find_entry("i3d_rgb")
    with pytest.raises(WtalError, match=r"not rgb_imagenet\.pt of the registry"):
        take_entry(tmp_path / "weights", one, path)
    take_entry(tmp_path / "weights", one, path, sha256)
    with pytest.raises(WtalError, match="refused before loading"):
        convert.read_piergiaj(tmp_path / "weights" / "i3d_rgb" / "rgb_imagenet.pt", "i3d_rgb")
    assert not mark.exists()
    with path.open("rb") as file:  # the test would notice: loaded carelessly, it does appear
        if form == "pickle":
            pickle.load(file)
            assert mark.exists()


def test_names_of_tensors_pass_in_both_forms(tmp_path: Path) -> None:
    state = OrderedDict(a=torch.rand(3), b=torch.rand(2).half(), n=torch.tensor(4))
    state["p"] = torch.nn.Parameter(torch.zeros(5))
    for new in (True, False):
        torch.save(state, tmp_path / "s.pt", _use_new_zipfile_serialization=new)
        check_pickles(tmp_path / "s.pt")
        assert convert.load_state(tmp_path / "s.pt").keys() == state.keys()


@pytest.mark.parametrize("new", [True, False])
def test_a_truncated_file_is_refused(new: bool, tmp_path: Path) -> None:
    path = tmp_path / "s.pt"
    torch.save({"a": torch.rand(500)}, path, _use_new_zipfile_serialization=new)
    whole = path.read_bytes()
    for kept in (3, 40, len(whole) // 2, len(whole) - 30):
        path.write_bytes(whole[:kept])
        with pytest.raises(WtalError, match=r"truncated|fetch (it|the file) again"):
            convert.load_state(path)


def test_torchscript_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ViT-B-16.pt"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("data.pkl", "constants.pkl", "code/__torch__/model.py"):
            archive.writestr(f"archive/{name}", b"\x80\x02N.")
    with pytest.raises(WtalError, match="TorchScript, which holds a program"):
        check_pickles(path)


@pytest.mark.parametrize("content", [b"\x80\x02N.", b"just text", b"PK\x03\x04 cut"])
def test_other_files_are_not_of_torch(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.pt").write_bytes(content)
    with pytest.raises(WtalError, match="truncated"):
        check_pickles(tmp_path / "x.pt")


def test_a_zip_of_something_else(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.pt", "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(WtalError, match=r"its pickles are \[\]"):
        check_pickles(tmp_path / "x.pt")


def test_a_name_of_the_old_protocol(tmp_path: Path) -> None:
    """INST names what it calls in one opcode; torch.save has no use for it."""
    zipped(b"(S'touch x'\nios\nsystem\n.", tmp_path / "x.pt")
    with pytest.raises(WtalError, match="a pickle with INST"):
        check_pickles(tmp_path / "x.pt")


def test_nothing_is_written_for_a_file_that_is_refused(tmp_path: Path) -> None:
    stream = io.BytesIO()
    torch.save({"a": torch.zeros(2)}, stream)
    path = tmp_path / "rgb.pt"
    path.write_bytes(stream.getvalue())
    one = find_entry("i3d_rgb")
    with pytest.raises(WtalError, match="of another network or layout: 287 tensors missing"):
        convert.convert_entry(
            one, {one.files[0].name: path}, {one.files[0].name: "x"}, tmp_path / "encoders"
        )
    assert not (tmp_path / "encoders").exists()
