"""Where commands write: said before the work, and nobody else's files are taken away."""

import os
import threading
from pathlib import Path

import pytest

from wtal_cli.documents import (
    check_place,
    refuse_existing,
    refuse_strangers,
    sole_writer,
    write_text,
)
from wtal_core.errors import WtalError

MADE = ("tasks.json", "*.vtt")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An earlier result."""
    made = tmp_path / "made"
    made.mkdir()
    for name in ("tasks.json", "a.vtt"):
        (made / name).touch()
    return made


def test_what_may_be_written(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "old.csv").touch()
    refuse_existing(tmp_path / "deep/er/new", False, MADE)
    refuse_existing(tmp_path / "deep/er/new.csv", False)
    refuse_existing(tmp_path / "empty", False, MADE)
    refuse_existing(folder, True, MADE)
    refuse_existing(tmp_path / "old.csv", True)
    assert {path.name for path in tmp_path.iterdir()} == {"empty", "made", "old.csv"}


def test_without_force_nothing_is_replaced(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "old.csv").touch()
    for out, made in ((folder, MADE), (tmp_path / "old.csv", ())):
        with pytest.raises(WtalError, match=r"is there already.*--force"):
            refuse_existing(out, False, made)


def test_force_takes_nobody_elses_files(folder: Path) -> None:
    (folder / "film.mp4").touch()
    with pytest.raises(WtalError, match=r"made: holds film\.mp4, which this command never wrote"):
        refuse_existing(folder, True, MADE)


def test_a_file_is_no_folder(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "pipe")
    for force in (False, True):
        with pytest.raises(WtalError, match="made: is a folder, and a file is to be written"):
            refuse_existing(folder, force)
        with pytest.raises(WtalError, match="file: is a file, and a folder is to be written"):
            refuse_existing(tmp_path / "file", force, MADE)
        with pytest.raises(WtalError, match="pipe: is no file, and a file is to be written"):
            refuse_existing(tmp_path / "pipe", force)


def test_a_record_tells_whose_a_folder_is(tmp_path: Path, folder: Path) -> None:
    refuse_strangers(tmp_path / "new", "record.json")
    refuse_strangers(folder, "tasks.json")
    with pytest.raises(WtalError, match="made: holds other files"):
        refuse_strangers(folder, "record.json")
    (tmp_path / "file").touch()
    with pytest.raises(WtalError, match="file: holds other files"):
        refuse_strangers(tmp_path / "file", "record.json")


def test_a_place_where_nothing_can_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(WtalError, match=r"file/a/b: cannot be written.*Not a directory"):
        check_place(tmp_path / "file/a/b")
    with pytest.raises(WtalError, match=r"/proc/x: cannot be written.*another place"):
        check_place(Path("/proc/x"))
    monkeypatch.chdir(tmp_path)
    check_place(Path("new"))
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_pipe_is_written_to_and_stays_one(tmp_path: Path) -> None:
    """As `--json` names the pipe of a shell's `>(...)`."""
    pipe, heard = tmp_path / "pipe", list[str]()
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: heard.append(pipe.read_text()), daemon=True)
    reader.start()
    write_text(pipe, "one\ntwo\n")
    reader.join(timeout=30)
    assert heard == ["one\ntwo\n"]
    assert pipe.is_fifo()


def test_standard_output_as_a_file_name(tmp_path: Path) -> None:
    """/dev/stdout leads to /proc/self/fd/1, where nothing can be put beside anything."""
    with (tmp_path / "out").open("w") as file:
        write_text(Path(f"/proc/self/fd/{file.fileno()}"), "words\n")
    assert (tmp_path / "out").read_text() == "words\n"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_one_writer_at_a_time(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out"
    with sole_writer(out), sole_writer(tmp_path / "deep" / "other"):
        with pytest.raises(WtalError, match="out: another wtal is writing it"), sole_writer(out):
            raise AssertionError("two at once")
        (out.parent / ".out.lock").chmod(0o600)  # whoever was refused left it there
    assert list((tmp_path / "deep").iterdir()) == []
    with pytest.raises(KeyError), sole_writer(out):
        raise KeyError
    (out.parent / ".out.lock").touch()  # of a process that was killed
    with sole_writer(out):
        pass
    assert list((tmp_path / "deep").iterdir()) == []
