"""The cache of finished items: keys, wholeness, orphans; and mapping over many videos."""

import logging
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from wtal_core import atomic, errors, items
from wtal_core.errors import BadVideo, WtalError
from wtal_core.items import (
    ItemCache,
    check_bad,
    code_version,
    hash_file,
    map_items,
    map_videos,
    work_dir,
    worker_count,
)


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WTAL_ITEM_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def put(cache: ItemCache, key: str, text: str) -> None:
    temporary = cache.temporary(key, ".x")
    temporary.write_text(text)
    cache.commit(key, ".x", temporary, {"frames": 3})


def test_keys_depend_on_everything_that_decides_the_content() -> None:
    def key(stage: str = "s", version: str = "1", content: str = "c", **params: Any) -> str:
        return ItemCache(stage, version, {"fps": 25} | params).key(content)

    assert key() == key()
    others = [key(stage="t"), key(version="2"), key(content="d"), key(fps=24), key(side=3)]
    assert len({key(), *others}) == 6
    assert ItemCache("s", "1", {"a": 1, "b": 2}).key("c") == ItemCache(
        "s", "1", {"b": 2, "a": 1}
    ).key("c")
    assert ItemCache("s", "1", {}).key("ab", "c") != ItemCache("s", "1", {}).key("a", "bc")


def test_commit_and_place(tmp_path: Path) -> None:
    cache = ItemCache("s", "1", {})
    key = cache.key("content")
    assert not cache.has(key, ".x")
    put(cache, key, "hello")
    assert cache.has(key, ".x")
    assert cache.meta(key) == {"frames": 3}
    cache.place(key, ".x", tmp_path / "out")
    assert (tmp_path / "out").read_text() == "hello"
    assert sorted(p.name for p in cache.folder.iterdir()) == [f"{key}.note", f"{key}.x"]


def test_whatever_a_kill_leaves_of_a_commit_is_an_orphan(monkeypatch: pytest.MonkeyPatch) -> None:
    cache = ItemCache("s", "1", {})
    written: list[str] = []
    monkeypatch.setattr(items, "sync", lambda path: written.append(path.name))
    put(cache, cache.key("content"), "hello")
    mark = f".{socket.gethostname()}.{os.getpid()}."
    files = [name for name in written if name != "s"]
    assert len(files) == 2
    assert all(name.startswith(".") and mark in name for name in files)
    assert written[-1] == "s", "the folder's own entries are synced last"


def test_half_an_item_is_none() -> None:
    cache = ItemCache("s", "1", {})
    for damage in ("no note", "no file", "short file", "half a note"):
        key = cache.key(damage)
        put(cache, key, "hello")
        assert cache.has(key, ".x")
        file, note = cache.path(key, ".x"), cache.folder / f"{key}.note"
        match damage:
            case "no note":
                note.unlink()
            case "no file":
                file.unlink()
            case "short file":
                file.write_text("hell")
            case "half a note":
                note.write_text(note.read_text()[:9])
        assert not cache.has(key, ".x"), damage


def test_orphans_of_dead_processes_go_others_stay() -> None:
    cache = ItemCache("s", "1", {})
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    host = socket.gethostname()
    names = {
        f".k.{host}.{dead.pid}.x.tmp": False,
        f".k.{host}.{os.getpid()}.x.tmp": True,
        f".k.other-{host}.{dead.pid}.x.tmp": True,
    }
    for name in names:
        (cache.folder / name).touch()
    ItemCache("s", "1", {})
    assert {name: (cache.folder / name).exists() for name in names} == names


def test_default_root_is_the_checkouts_even_in_an_experiments_copy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("WTAL_ITEM_CACHE")
    monkeypatch.setattr(items, "__file__", "/home/me/wtal/wtal_core/items.py")
    assert items.cache_root() == Path("/home/me/wtal/.cache/items")
    monkeypatch.setattr(items, "__file__", "/home/me/wtal/.dvc/tmp/exps/tmpab/wtal_core/items.py")
    assert items.cache_root() == Path("/home/me/wtal/.cache/items")


def test_work_dir_follows_its_inputs(root: Path) -> None:
    first = work_dir("f_step", {"seed": 0})
    assert first.is_dir()
    assert first.is_relative_to(root)
    assert work_dir("f_step", {"seed": 0}) == first
    assert len({first, work_dir("f_step", {"seed": 1}), work_dir("b_step", {"seed": 0})}) == 3


def test_hash_is_remembered_until_the_file_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a"
    path.write_text("one")
    known = "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed"
    assert hash_file(path) == known
    with monkeypatch.context() as patched:
        patched.setattr(items.hashlib, "file_digest", None)  # a second reading would fail
        assert hash_file(path) == known
    path.write_text("two")
    os.utime(path, ns=(1, 1))
    assert hash_file(path) != known


def test_code_version_sees_code_not_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def version(text: str) -> str:
        (tmp_path / "module.py").write_text(text)
        monkeypatch.setattr(atomic, "__file__", str(tmp_path / "module.py"))
        return code_version(atomic)

    plain = version('"""Doc."""\ndef f(x):\n    return x + 1\n')
    assert version('"""Other."""\n# why\ndef f(x):\n    """What."""\n    return x + 1\n') == plain
    assert version('"""Doc."""\ndef f(x):\n    return x + 2\n') != plain
    assert code_version(errors) != code_version(errors, packages=("numpy",))


def work(item: str) -> str:
    """Upper case; "bad*" is a bad video, "die" kills its process, "slow" takes a moment."""
    if item.startswith("bad"):
        raise BadVideo("E102", item, "cause", "remedy")
    if item == "die":
        os._exit(9)
    if item == "slow":
        time.sleep(0.3)
    return item.upper()


def test_results_come_in_the_items_order() -> None:
    assert list(map_items(work, ["slow", "a", "b", "c"], "test", workers=2)) == [
        "SLOW", "A", "B", "C",
    ]  # fmt: skip


def test_bad_videos_are_results_and_a_death_is_one() -> None:
    found = list(map_videos(work, ["bad1", "die", "x"], "test", workers=2))
    assert isinstance(found[0], BadVideo)
    assert found[0].code == "E102"
    assert isinstance(found[1], BadVideo)
    assert (found[1].code, found[1].file) == ("E105", "die")
    assert "exit code 9" in found[1].cause
    assert found[2] == "X"


def test_map_items_raises_a_bad_video() -> None:
    with pytest.raises(BadVideo, match="E102 bad"):
        list(map_items(work, ["a", "bad"], "test", workers=1))


def test_a_log_hears_how_it_went(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        list(map_items(work, ["a", "b"], "frames", workers=1))
    assert caplog.records[-1].getMessage().startswith("frames: 2 of 2 in ")


@pytest.mark.parametrize(
    ("bad", "total", "limit", "stops"),
    [(0, 20, 0.0, False), (1, 20, 0.05, False), (2, 20, 0.05, True), (1, 20, 0.0, True),
     (3, 3, 1.0, True), (2, 3, 1.0, False)],
)  # fmt: skip
def test_the_ceiling(bad: int, total: int, limit: float, stops: bool) -> None:
    videos = [BadVideo("E102", f"v{i}.mp4", "cause", "remedy") for i in range(bad)]
    if not stops:
        check_bad(videos, total, limit)
        return
    with pytest.raises(WtalError, match=f"{bad} of {total} videos") as caught:
        check_bad(videos, total, limit)
    assert all(f"E102 v{i}.mp4: cause; remedy" in str(caught.value) for i in range(bad))


@pytest.mark.parametrize("value", ["0", "-1", "many", "1.5"])
def test_a_wrong_number_of_workers_is_named(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("WTAL_WORKERS", value)
    with pytest.raises(WtalError, match="WTAL_WORKERS"):
        worker_count()


def test_number_of_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WTAL_WORKERS", "7")
    assert worker_count() == 7
    monkeypatch.delenv("WTAL_WORKERS")
    assert worker_count() == len(os.sched_getaffinity(0))
