"""Where the video files of `labels.json` lie, and which names and paths are refused."""

import logging
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path, PureWindowsPath

from wtal_core.annotations import Video
from wtal_core.errors import WtalError

log = logging.getLogger(__name__)
# An id becomes a file name; with a suffix and a temporary prefix it has to stay under 255 bytes.
_MAX_ID_BYTES = 200
_PROTOCOL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


def find_sources(folder: Path, videos: Iterable[Video]) -> dict[str, Path]:
    """Video id -> its file below the dataset's `folder`, in order of ids.

    A path must lead downwards from the folder by its own words (E120); a link that its owner put
    on the way may lead anywhere. An id must do as a file name (E110). Raises WtalError listing
    all offenders, and all files that are missing; warns of video files that nobody names.
    """
    sources = {video.id: folder / video.file for video in sorted(videos, key=lambda v: v.id)}
    if not sources:
        raise WtalError(f"{folder / 'labels.json'}: it names no video; add some")
    names = {video: str(path.relative_to(folder)) for video, path in _inside(folder, sources)}
    _refuse(
        "E120 paths that leave the dataset's folder",
        [f"{i}: {sources[i]}" for i in sources if i not in names or _leaves(names[i])],
        "write paths relative to that folder, without '..' or a protocol",
    )
    _refuse(
        "E110 ids that cannot be file names",
        [repr(i) for i in sources if not _is_file_name(i)],
        "use letters, digits, spaces and signs other than '/', at most 200 bytes, no leading '.'",
    )
    _refuse(
        "files that do not exist",
        [str(path) for path in sources.values() if not os.path.lexists(path)],
        "put them there, or remove their entries",
    )
    _warn_of_strangers(folder, set(sources.values()))
    return sources


def warn_of_twins(sha256: Mapping[str, str]) -> None:
    """Warn (W210) of videos with the same content: one in each subset would leak the test split."""
    ids: dict[str, list[str]] = {}
    for video, digest in sha256.items():
        ids.setdefault(digest, []).append(video)
    for twins in ids.values():
        if len(twins) > 1:
            log.warning("W210 the same video under several ids: %s", ", ".join(twins))


def _inside(folder: Path, sources: dict[str, Path]) -> list[tuple[str, Path]]:
    return [(i, path) for i, path in sources.items() if path.is_relative_to(folder)]


def _leaves(name: str) -> bool:
    windows = PureWindowsPath(name)
    return ".." in windows.parts or bool(windows.anchor) or _PROTOCOL.match(name) is not None


def _is_file_name(name: str) -> bool:
    return (
        name.isprintable()
        and "/" not in name
        and not name.startswith(".")
        and 0 < len(name.encode(errors="surrogatepass")) <= _MAX_ID_BYTES
    )


def _refuse(what: str, offenders: list[str], remedy: str) -> None:
    if offenders:
        listed = "\n  ".join(offenders[:20])
        more = f"\n  and {len(offenders) - 20} more" if len(offenders) > 20 else ""
        raise WtalError(f"labels.json names {len(offenders)} {what}; {remedy}:\n  {listed}{more}")


def _warn_of_strangers(folder: Path, named: set[Path]) -> None:
    for parent in sorted({path.parent for path in named}):
        for path in sorted(parent.iterdir()):
            if path.is_file() and path not in named and not path.name.startswith("."):
                log.warning("%s is not in labels.json and is left out", path)
