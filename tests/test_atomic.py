"""Files and folders appear whole or not at all, and leftovers of killed runs go."""

import os
from pathlib import Path

import pytest

from wtal_core.atomic import fresh_file, fresh_folder, link_or_copy


def test_a_folder_replaces_the_old_one_whole(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "out"
    for number in range(2):
        with fresh_folder(target) as fresh:
            (fresh / f"file{number}").write_text("x")
            assert not (target / f"file{number}").exists()
    assert [p.name for p in target.iterdir()] == ["file1"]
    assert [p.name for p in target.parent.iterdir()] == ["out"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_leaves_what_was_there(tmp_path: Path, error: type[BaseException]) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "old").touch()
    (tmp_path / "file").write_text("old")

    def fail_in_folder() -> None:
        with fresh_folder(tmp_path / "out") as fresh:
            (fresh / "new").touch()
            raise error

    def fail_in_file() -> None:
        with fresh_file(tmp_path / "file") as fresh:
            fresh.write_text("new")
            raise error

    for fail in (fail_in_folder, fail_in_file):
        with pytest.raises(error):
            fail()
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["file", "old", "out"]
    assert (tmp_path / "file").read_text() == "old"


def test_leftovers_of_a_killed_run_go_and_others_stay(tmp_path: Path) -> None:
    (tmp_path / ".a[1].77.tmp").mkdir()
    (tmp_path / ".a[1].77.tmp" / "half").touch()
    (tmp_path / ".a[1].77.old.tmp").mkdir()
    (tmp_path / ".a1.77.tmp").mkdir()
    with fresh_folder(tmp_path / "a[1]") as fresh:
        (fresh / "x").touch()
    assert sorted(p.name for p in tmp_path.iterdir()) == [".a1.77.tmp", "a[1]"]


def test_link_or_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_text("x")
    link_or_copy(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b").stat().st_ino == (tmp_path / "a").stat().st_ino

    def refuse(*_: object) -> None:
        raise OSError("another file system")

    monkeypatch.setattr(os, "link", refuse)
    link_or_copy(tmp_path / "a", tmp_path / "c")
    assert (tmp_path / "c").read_text() == "x"
    assert (tmp_path / "c").stat().st_ino != (tmp_path / "a").stat().st_ino
