"""What new videos are called: short names that can be file names, no two alike."""

import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

_MOST_BYTES = 150  # with suffixes and a temporary prefix a name stays under 255


def name_videos(paths: Iterable[Path]) -> dict[str, Path]:
    """Name -> file, in order; a file that is given twice comes once.

    The name is the file's stem; where several files share it, their whole names, and behind these
    a number where even they are equal: `a/x.mp4 b/x.mp4 x.avi` are x.mp4, x.mp4-2, x.avi.
    """
    places: dict[str, Path] = {}
    for path in paths:
        places.setdefault(os.path.abspath(path), path)
    files = list(places.values())
    stems = Counter(_fold(path.stem) for path in files)
    found: dict[str, Path] = {}
    taken: set[str] = set()
    for path in files:
        base = name = _tame(path.stem if stems[_fold(path.stem)] == 1 else path.name)
        number = 1
        while name.casefold() in taken:
            number += 1
            name = f"{base}-{number}"
        taken.add(name.casefold())
        found[name] = path
    return found


def _fold(stem: str) -> str:
    """Some file systems know no capitals."""
    return _tame(stem).casefold()


def _tame(text: str) -> str:
    """Signs that do not show themselves, and bytes that are no text, become `_`."""
    shown = "".join(c if c.isprintable() and not "\ud800" <= c <= "\udfff" else "_" for c in text)
    shown = shown.removeprefix(".").replace("/", "_") or "_"
    while len(shown.encode()) > _MOST_BYTES:
        shown = shown[:-1]
    return shown
