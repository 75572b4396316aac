"""Files and folders that stand under their names whole or not at all."""

import glob
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wtal_core.errors import disk_full


@contextmanager
def fresh_folder(path: Path) -> Iterator[Path]:
    """An empty folder to fill; on success it takes the name `path`, replacing what stood there.

    On any error, and on Ctrl+C, it is deleted and `path` stays as it was. What a killed run left
    behind goes at the next call. The folder lies beside `path`, so the rename stays in one file
    system; one process at a time may write one path.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_leftovers(path)
    fresh = _temporary(path)
    fresh.mkdir()
    try:
        yield fresh
        sync_tree(fresh)
        aside = fresh.with_suffix(".old.tmp")
        if path.exists():
            path.rename(aside)
        fresh.rename(path)
        sync(path.parent)
        shutil.rmtree(aside, ignore_errors=True)
    except OSError as err:
        raise disk_full(err) or err from None
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


@contextmanager
def fresh_file(path: Path) -> Iterator[Path]:
    """A name to write a file to, which then takes the name `path`; as `fresh_folder`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = _temporary(path)
    try:
        yield fresh
        sync(fresh)
        os.replace(fresh, path)
        sync(path.parent)
    except OSError as err:
        raise disk_full(err) or err from None
    finally:
        fresh.unlink(missing_ok=True)


def link_or_copy(source: Path, target: Path) -> None:
    """Give the file `source` the second name `target`; copy it where that cannot be."""
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without links
        shutil.copyfile(source, target)


def remove_leftovers(path: Path) -> None:
    """Delete unfinished writes of `path`. For one writer at a time."""
    for orphan in path.parent.glob(f".{glob.escape(path.name)}.*.tmp"):
        if orphan.is_dir():
            shutil.rmtree(orphan, ignore_errors=True)
        else:
            orphan.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Have the file or folder on the disk itself, so that a power cut cannot empty it."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(folder: Path) -> None:
    """`sync` everything below `folder`."""
    for parent, _, names in os.walk(folder):
        for name in names:
            sync(Path(parent, name))
        sync(Path(parent))


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}.tmp")
