"""Is a file what it should be? Asked before anything reads its content as weights."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wtal_core.atomic import fresh_file
from wtal_core.errors import WtalError
from wtal_core.weights.registry import RemoteFile

TRUSTED = "trusted.json"
_BLOCK = 1 << 20
_PAGE = (b"<!doctype", b"<html", b"<head", b"<?xml")
_POINTER = b"version https://git-lfs"


@dataclass(frozen=True)
class Verdict:
    """A file's hash, and why it is believed.

    how: "sha256" or "git blob" (the registry's), "given" (on the command line), "recorded" (the
    same as at an earlier time) or "first use".
    """

    sha256: str
    how: str


def verify_file(
    path: Path, expected: RemoteFile, given: str | None = None, recorded: str | None = None
) -> Verdict:
    """Raise WtalError unless `path` is the file that the registry means.

    given: a SHA-256 that somebody vouches for; it stands above the registry's hashes and size.
    recorded: the SHA-256 that this file had when it was first used.
    A hash that is known decides; without any, the first file to come is trusted.
    """
    size = path.stat().st_size
    refuse_page(path, expected.url)
    wrong = f"{path}: not {expected.name} of the registry"
    remedy = f"delete it and fetch it again ({expected.url})"
    if given is None and expected.bytes is not None and size != expected.bytes:
        cut = "truncated: " if size < expected.bytes else ""
        raise WtalError(f"{wrong}: {cut}{size} bytes, expected {expected.bytes}; {remedy}")
    sha256, git_blob = hash_both(path)
    for how, found, wanted in (
        ("given", sha256, given),
        ("sha256", sha256, None if given else expected.sha256),
        ("git blob", git_blob, None if given else expected.git_blob),
        ("recorded", sha256, None if given else recorded),
    ):
        if wanted is None:
            continue
        if found != wanted:
            raise WtalError(
                f"{wrong}: {how} hash {found}, expected {wanted}; {remedy}; if you know better, "
                "say so with --sha256"
            )
        return Verdict(sha256, how)
    return Verdict(sha256, "first use")


def refuse_page(path: Path, url: str) -> None:
    """Raise WtalError for what servers and clones give in place of a file."""
    with path.open("rb") as file:
        start = file.read(512).lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not start:
        raise WtalError(f"{path}: the file is empty; fetch it again ({url})")
    if start.startswith(_PAGE):
        raise WtalError(
            f"{path}: an HTML page, not weights: the server answered with a web page (an error, a "
            f"login, a captcha); download the file itself: {url}"
        )
    if start.startswith(_POINTER):
        raise WtalError(
            f"{path}: a pointer of Git LFS, not the file; run `git lfs pull`, or download {url}"
        )


def hash_both(path: Path) -> tuple[str, str]:
    """SHA-256 of the content, and git's name of it: SHA-1 of `blob <bytes>`, NUL, the content."""
    sha256 = hashlib.sha256()
    git = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            sha256.update(block)
            git.update(block)
    return sha256.hexdigest(), git.hexdigest()


def read_trusted(folder: Path) -> dict[str, dict[str, str]]:
    """`<entry>/<file>` -> its hash when it was first used here, and why it was believed."""
    path = folder / TRUSTED
    if not path.is_file():
        return {}
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return {str(k): {"sha256": v["sha256"], "how": v["how"]} for k, v in found.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as err:
        raise WtalError(
            f"{path}: not readable ({err}); delete it, and hashes are recorded anew"
        ) from err


def record_trust(folder: Path, key: str, verdict: Verdict) -> None:
    """Remember the hash of a file, so that another one under its name is noticed."""
    known = {**read_trusted(folder), key: {"sha256": verdict.sha256, "how": verdict.how}}
    with fresh_file(folder / TRUSTED) as fresh:
        fresh.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n", encoding="utf-8")
