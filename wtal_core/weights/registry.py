"""The one list of weights: what, where from, whose, how large, which hash, in which layout."""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from wtal_core.errors import WtalError

REGISTRY = Path(__file__).with_name("registry.json")
LAYOUTS = ("piergiaj", "hassony2", "deepmind", "open_clip")
TARGETS = ("i3d_rgb", "i3d_flow", "clip")  # folders under data/<name>/encoders
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class RemoteFile:
    """One file of an entry. What nobody could tell is None.

    sha256    from public records of people who have the file
    git_blob  the name that git gives the content (SHA-1), from the repository's tree
    """

    name: str
    url: str
    bytes: int | None = None
    sha256: str | None = None
    git_blob: str | None = None

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"{self.name!r} is no plain file name")
        for key, digits in (("sha256", 64), ("git_blob", 40)):
            value = getattr(self, key)
            if value is not None and not re.fullmatch(f"[0-9a-f]{{{digits}}}", value):
                raise ValueError(f"{self.name}: {key} must be {digits} hexadecimal digits: {value}")
        if self.bytes is not None and self.bytes < 1:
            raise ValueError(f"{self.name}: bytes must be positive, got {self.bytes}")

    @property
    def expected(self) -> str:
        """What the file must be, for a message."""
        known = {"sha256": self.sha256, "git blob": self.git_blob}
        found = [f"{kind} {value}" for kind, value in known.items() if value]
        return found[0] if found else "no hash is known: it is trusted on first use"


@dataclass(frozen=True)
class Entry:
    """Weights under one name; `target` is the checkpoint folder that they become."""

    name: str
    target: str
    what: str
    layout: str
    licence: str
    home: str
    files: tuple[RemoteFile, ...]

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"{self.name!r} is no plain name")
        if self.target not in TARGETS or self.layout not in LAYOUTS:
            raise ValueError(f"{self.name}: target {self.target!r}, layout {self.layout!r}")
        if not self.files:
            raise ValueError(f"{self.name} has no files")


def read_registry(path: Path = REGISTRY) -> dict[str, Entry]:
    """Every entry by its name, in the order of the file."""
    entries: dict[str, Entry] = {}
    for found in json.loads(path.read_text(encoding="utf-8"))["entries"]:
        entry = _entry(found)
        if entry.name in entries:
            raise ValueError(f"{path}: {entry.name} twice")
        entries[entry.name] = entry
    return entries


def find_entry(name: str) -> Entry:
    """The entry of that name; WtalError that lists all names."""
    entries = read_registry()
    if name not in entries:
        raise WtalError(f"no weights are called {name!r}; there are {', '.join(entries)}")
    return entries[name]


def weights_folder(given: Path | None = None) -> Path:
    """Where downloads lie: `given`, else $WTAL_WEIGHTS, else the user's cache folder."""
    if given is not None:
        return given
    if named := os.environ.get("WTAL_WEIGHTS"):
        return Path(named)
    caches = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(caches).expanduser() / "wtal" / "weights"


def _entry(found: Mapping[str, Any]) -> Entry:
    files = tuple(RemoteFile(**file) for file in found["files"])
    for file in files:
        if urlsplit(file.url).scheme != "https":
            raise ValueError(f"{file.name}: {file.url} is not https")
    return Entry(**{**found, "files": files})
