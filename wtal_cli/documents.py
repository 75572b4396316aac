"""What commands write: JSON trees, CSV tables, whole or not at all, and never over other files."""

import csv
import fcntl
import io
import json
import logging
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from wtal_core.atomic import fresh_file
from wtal_core.errors import WtalError, disk_full

log = logging.getLogger(__name__)


def write_tree(path: Path, tree: Mapping[str, Any] | Sequence[Any]) -> None:
    """Write a tree of plain values; ValueError for NaN and infinity."""
    write_text(path, json.dumps(tree, indent=1, allow_nan=False, ensure_ascii=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a text as it is, in UTF-8, to a file that is there whole or not at all."""
    if path.absolute().parts[1:2] in (("dev",), ("proc",)) or path.is_fifo():
        # /dev/stdout and its like: a rename would put a file in the device's place
        with path.open("w", encoding="utf-8", newline="") as device:
            device.write(text)
        return
    with fresh_file(path) as fresh:
        fresh.write_text(text, encoding="utf-8", newline="")


def to_csv(rows: Sequence[Mapping[str, Any]], columns: Sequence[str] = ()) -> str:
    """Rows with the same keys under one header; floats to six digits, None left blank.

    columns: the header, needed where there may be no row.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, list(columns or rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(
        {k: round(v, 6) if isinstance(v, float) else v for k, v in row.items()} for row in rows
    )
    return text.getvalue()


def refuse_existing(out: Path, force: bool, made: Sequence[str] = ()) -> None:
    """WtalError where `out` is there, unless it is an empty folder or may be replaced.

    made: patterns of what the command writes into a folder, none where it writes a file. Whatever
    is forced, nothing else is taken away. Also where nothing can be written.
    """
    check_place(out)
    inside = sorted(path.name for path in out.iterdir()) if out.is_dir() else []
    if out.exists() and not (out.is_dir() if made else out.is_file()):
        was = "a folder" if out.is_dir() else "a file" if out.is_file() else "no file"
        wanted = "a folder" if made else "a file"
        raise WtalError(f"{out}: is {was}, and {wanted} is to be written. Name another place.")
    if out.exists() and not force and (inside or not made):
        raise WtalError(f"{out}: is there already. Name another place, or replace it by --force.")
    others = [name for name in inside if not any(fnmatch(name, one) for one in made)]
    if others:
        raise WtalError(
            f"{out}: holds {others[0]}, which this command never wrote and --force would delete. "
            "Name another folder."
        )


def refuse_strangers(out: Path, record: str) -> None:
    """WtalError where a folder would replace anything but an empty one or one that holds `record`.

    Also where nothing can be written.
    """
    check_place(out)
    if not out.exists() or (out / record).is_file():
        return
    if not out.is_dir() or any(out.iterdir()):
        raise WtalError(f"{out}: holds other files and would be replaced. Name another folder.")


@contextmanager
def sole_writer(out: Path) -> Iterator[None]:
    """Keeps others from writing `out` for as long as the block lasts; WtalError if somebody does.

    Two writers of a folder would take each other's unfinished work away. The lock is the file
    .NAME.lock beside it; one that a killed process left behind binds nobody.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    path = out.absolute().with_name(f".{out.absolute().name}.lock")
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as err:
            raise WtalError(
                f"{out}: another wtal is writing it. Wait for its end, or name another folder."
            ) from err
        except OSError as err:
            log.warning("%s: no second wtal may write it: no locks there (%s)", out, err.strerror)
        try:
            yield
        finally:
            path.unlink(missing_ok=True)
    finally:
        os.close(lock)


def check_place(out: Path) -> None:
    """WtalError unless something can be made beside `out`: better before the work than after."""
    place = out.absolute().parent
    while not place.exists():
        place = place.parent
    try:
        os.rmdir(tempfile.mkdtemp(dir=place, prefix=".wtal."))
    except OSError as err:
        raise disk_full(err) or WtalError(
            f"{out}: cannot be written, since nothing can be made in {place} ({err.strerror}). "
            "Name another place, or give yourself the right to this one."
        ) from err
