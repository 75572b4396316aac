"""Folders of small films with awkward names, for the tests of this room."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from tests.video.films import picture, write_film

# Names that a shell, a page, a table or a terminal could trip over.
HOSTILE = (
    "<img src=x onerror=alert(1)>.mp4",
    'it\'s "quoted".mp4',
    "right\u202eleft.mp4",
    "two\nlines.mp4",
    " blanks  inside .mp4",
    "-i.mp4",
    "$(id);`id`.mp4",
    "=cmd().mp4",
    "😀 ü.mp4",
    "x" * 240 + ".mp4",
)


def add_film(path: Path, frames: int) -> Path:
    """A film whose length, and so whose content, is its own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    plain = path.parent / f"in_work{path.suffix}"  # PyAV reads some names as protocols
    write_film(plain, [picture(frames + i) for i in range(frames)])
    os.rename(plain, path)
    return path


def add_films(folder: Path, names: Iterable[str]) -> Path:
    """A film for each name, each longer than the one before."""
    for number, name in enumerate(names):
        add_film(folder / name, 20 + number)
    return folder


def add_files(folder: Path, names: Iterable[str]) -> Path:
    """Files that are videos by their names alone, each with its own content."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return folder


def snapshot(folder: Path) -> Mapping[str, tuple[int, int, bytes]]:
    """Rights, time of change and content of every file, to prove that nothing touched them."""
    return {
        path.relative_to(folder).as_posix(): (
            path.stat().st_mode, path.stat().st_mtime_ns, path.read_bytes(),
        )
        for path in sorted(folder.rglob("*")) if path.is_file()
    }  # fmt: skip
