"""Downloads and files that somebody brought: into the weights folder, checked, whole or not."""

import os
import shutil
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, build_opener

from wtal_core.atomic import sync
from wtal_core.errors import WtalError, disk_full
from wtal_core.weights.registry import Entry, RemoteFile
from wtal_core.weights.verify import Verdict, read_trusted, record_trust, verify_file

LARGEST = 2 << 30  # bytes of a file whose size nobody could tell
TIMEOUT_S = 30.0  # without a byte
_BLOCK = 1 << 20
Watch = Callable[[str, int, int | None], None]  # name, bytes so far, bytes in all


def no_watch(name: str, done: int, total: int | None) -> None:
    """Shows nothing."""


def fetch_entry(folder: Path, entry: Entry, watch: Watch = no_watch) -> dict[str, Verdict]:
    """Have every file of `entry` in `folder`/<entry>, verified; what is there is not fetched again.

    A file that is there and wrong is an error, not a reason to replace it.
    """
    return {
        file.name: _settle(folder, entry, file, _download(folder, entry, file, watch))
        for file in entry.files
    }


def take_entry(
    folder: Path, entry: Entry, source: Path, given: str | None = None
) -> dict[str, Verdict]:
    """As `fetch_entry`, from `source`: the file, or the folder that holds all files of `entry`.

    given: a SHA-256 that the user vouches for in place of the registry's, for the largest file.
    """
    verdicts = {}
    for file in entry.files:
        found = source / file.name if source.is_dir() else source
        if len(entry.files) > 1 and not source.is_dir():
            found = source.with_name(file.name)
        if not found.is_file():
            raise WtalError(
                f"{found}: no such file; {entry.name} consists of "
                f"{', '.join(f.name for f in entry.files)}"
            )
        vouched = given if file is entry.files[-1] else None
        target = file_of(folder, entry, file)
        verify_file(found, file, vouched)  # before anything is copied
        part = _part(target)
        try:
            shutil.copyfile(found, part)
        except OSError as err:
            raise disk_full(err) or err from None
        verdicts[file.name] = _settle(folder, entry, file, part, vouched)
    return verdicts


def verify_entry(folder: Path, entry: Entry) -> dict[str, Verdict] | None:
    """The verdict on each file, None when one is absent; WtalError when one is wrong."""
    paths = {file: file_of(folder, entry, file) for file in entry.files}
    if not all(path.is_file() for path in paths.values()):
        return None
    trusted = read_trusted(folder)
    return {
        file.name: _judge(path, file, trusted.get(f"{entry.name}/{file.name}"))
        for file, path in paths.items()
    }


def file_of(folder: Path, entry: Entry, file: RemoteFile) -> Path:
    """Where a file of `entry` lies in the weights folder."""
    return folder / entry.name / file.name


def _judge(path: Path, file: RemoteFile, known: dict[str, str] | None) -> Verdict:
    # What the user vouched for stays vouched for; what the registry knows stands above a record.
    if known and known["how"] == "given":
        return verify_file(path, file, given=known["sha256"])
    return verify_file(path, file, recorded=known["sha256"] if known else None)


def _settle(
    folder: Path, entry: Entry, file: RemoteFile, path: Path, given: str | None = None
) -> Verdict:
    """Verify `path` and give it its place; a wrong unfinished file is deleted."""
    key, target = f"{entry.name}/{file.name}", file_of(folder, entry, file)
    try:
        if given is not None:
            verdict = verify_file(path, file, given)
        else:
            verdict = _judge(path, file, read_trusted(folder).get(key))
    except WtalError:
        if path != target:
            path.unlink()
        raise
    if path != target:
        sync(path)
        os.replace(path, target)
        sync(target.parent)
    if key not in read_trusted(folder) or given is not None:
        record_trust(folder, key, verdict)
    return verdict


def _part(target: Path) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    return target.with_name(f"{target.name}.part")


def _download(folder: Path, entry: Entry, file: RemoteFile, watch: Watch) -> Path:
    """The file's place if it is there, else its complete download, which is not yet verified."""
    target = file_of(folder, entry, file)
    if target.is_file():
        return target
    part = _part(target)
    have = part.stat().st_size if part.is_file() else 0
    if file.bytes is not None and have >= file.bytes:
        have = 0
    limit = file.bytes or LARGEST
    request = Request(file.url, headers={"User-Agent": "wtal", "Accept-Encoding": "identity"})
    if have:
        request.add_header("Range", f"bytes={have}-")
    try:
        with build_opener().open(request, timeout=TIMEOUT_S) as answer:
            if answer.headers.get_content_type() in ("text/html", "application/xhtml+xml"):
                raise WtalError(f"{file.url}: an HTML page, not weights; {by_hand(entry, folder)}")
            going_on = have > 0 and answer.status == 206
            have = have if going_on else 0
            length = answer.headers.get("Content-Length")
            total = have + int(length) if length else file.bytes
            if total is not None and total > limit:
                raise WtalError(f"{file.url}: {total} bytes, more than the {limit} expected")
            with part.open("ab" if going_on else "wb") as out:
                while block := answer.read(_BLOCK):
                    have += len(block)
                    if have > limit:
                        part.unlink()
                        raise WtalError(f"{file.url}: more than the {limit} bytes expected")
                    out.write(block)
                    watch(file.name, have, total)
    except (HTTPError, URLError, HTTPException, TimeoutError, ConnectionError) as err:
        if isinstance(err, HTTPError) and err.code == 416:  # the part is no start of this file
            part.unlink(missing_ok=True)
        raise WtalError(f"{file.url}: not fetched ({err}); {by_hand(entry, folder)}") from err
    except OSError as err:
        raise disk_full(err) or err from None
    if total is not None and have < total:
        raise WtalError(
            f"{file.url}: the connection ended after {have} of {total} bytes; run the same command "
            f"again, it goes on from there; {by_hand(entry, folder)}"
        )
    return part


def by_hand(entry: Entry, folder: Path) -> str:
    """What somebody without a network does."""
    wanted = "; ".join(
        f"{file.url} ({file.expected}) to {file_of(folder, entry, file)}" for file in entry.files
    )
    return f"bring by hand: {wanted}"
