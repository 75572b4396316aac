"""Which files below a folder are videos, and which of them a word in a table means."""

import os
import posixpath
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from wtal_core.errors import WtalError

SUFFIXES = frozenset(
    {
        *(".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".mpe", ".m2v"),
        *(".vob", ".ts", ".m2ts", ".mts", ".wmv", ".asf", ".flv", ".f4v", ".ogv", ".3gp", ".3g2"),
        *(".mxf", ".nut", ".y4m", ".ivf", ".dv", ".rm", ".rmvb", ".wtv", ".gif"),
    }
)


@dataclass(frozen=True)
class VideoFolder:
    """The videos below `folder` by their path within it ("a/x.mp4"), sorted; what else is there.

    A hidden file is none, and a linked folder is not entered; a linked file counts.
    """

    folder: Path
    videos: tuple[str, ...]
    others: Counter[str]  # suffix -> number of files that are no videos by their name
    _by_name: dict[str, str] = field(init=False, repr=False)
    _by_stem: dict[str, list[str]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        stems: dict[str, list[str]] = {}
        for video in self.videos:
            stems.setdefault(_normal(posixpath.splitext(video)[0]), []).append(video)
        object.__setattr__(self, "_by_name", {_normal(video): video for video in self.videos})
        object.__setattr__(self, "_by_stem", stems)

    def path(self, video: str) -> Path:
        """Where a video lies."""
        return self.folder / video

    def named(self, word: str, beside: Path) -> str | None:
        """The video that `word` means: a path within the folder, or seen from the folder `beside`
        (a table's own), or an absolute one, with or without its suffix; None for no video.

        Only videos found below the folder can be meant, so no word leads out of it. Raises
        WtalError where a name without a suffix fits several.
        """
        names = list(self._names(word, beside))
        for name in names:
            if name in self._by_name:
                return self._by_name[name]
        for name in names:
            found = self._by_stem.get(name, [])
            if len(found) > 1:
                raise WtalError(
                    f"{word!r} may mean {' or '.join(found)} in {self.folder}; write the suffix too"
                )
            if found:
                return found[0]
        return None

    def _names(self, word: str, beside: Path) -> Iterator[str]:
        """`word` as a path within the folder, in each of the ways in which it can be read."""
        words = dict.fromkeys([word, word.strip(), word.strip().replace("\\", "/")])
        roots = dict.fromkeys([os.path.abspath(self.folder), os.path.realpath(self.folder)])
        for one in words:
            if one and not one.startswith("/"):
                yield _normal(posixpath.normpath(one))
            for start in dict.fromkeys([os.path.abspath(beside), os.path.realpath(beside)]):
                whole = os.path.normpath(os.path.join(start, one))
                for root in roots:
                    if whole.startswith(root + os.sep):
                        yield _normal(os.path.relpath(whole, root))


def find_videos(folder: Path, skip: Path | None = None) -> VideoFolder:
    """Look through a folder; what lies below `skip` is not seen. WtalError without a video."""
    if not folder.is_dir():
        what = "a file" if folder.exists() else "not there"
        raise WtalError(f"{folder}: {what}; name the folder that holds the videos")
    hidden = None if skip is None else os.path.realpath(skip)
    videos: list[str] = []
    others: Counter[str] = Counter()
    for parent, folders, names in os.walk(folder, onerror=_refuse):
        folders[:] = [
            name for name in folders
            if not name.startswith(".") and os.path.realpath(os.path.join(parent, name)) != hidden
        ]  # fmt: skip
        for name in names:
            suffix = os.path.splitext(name)[1].lower()
            if name.startswith("."):
                continue
            if suffix in SUFFIXES:
                videos.append(Path(parent, name).relative_to(folder).as_posix())
            else:
                others[suffix or "without a suffix"] += 1
    if not videos:
        raise WtalError(
            f"{folder}: no video in it, by the files' names ({len(others)} other kinds of files); "
            f"name the folder that holds the videos. Videos end in {' '.join(sorted(SUFFIXES))}"
        )
    return VideoFolder(folder, tuple(sorted(videos)), others)


def _refuse(error: OSError) -> None:
    raise WtalError(
        f"{error.filename}: cannot be looked into ({error.strerror}); give yourself the right to, "
        "or move it away"
    )


def _normal(name: str) -> str:
    """One form for letters with accents: file systems differ in it."""
    return unicodedata.normalize("NFC", name)
