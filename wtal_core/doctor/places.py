"""Disks: is there room, and may it be written to?"""

import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from wtal_core.findings import Finding

_NONE, _LITTLE = 0.5e9, 5e9  # bytes: too little for anything, little for videos


def look_at_places(places: Mapping[str, Path]) -> Iterator[Finding]:
    """`places`: what is kept there -> folder, which may not exist yet."""
    for what, place in places.items():
        folder = nearest_folder(place)
        free = shutil.disk_usage(folder).free
        room = f"{free / 1e9:.1f} GB free"
        if not os.access(folder, os.W_OK | os.X_OK):
            yield Finding(
                "error", "", str(place), f"{what}: it may not be written to",
                "give yourself the right to write, or set another place",
            )  # fmt: skip
        elif free < _NONE:
            yield Finding("error", "", str(place), f"{what}: {room}", "free some space")
        elif free < _LITTLE:
            yield Finding(
                "warning", "", str(place), f"{what}: {room}",
                "`wtal plan NAME` says how much a data set needs",
            )  # fmt: skip
        else:
            yield Finding("note", "", str(place), f"{what}: {room}")


def nearest_folder(place: Path) -> Path:
    """The folder itself, or the closest one above it that exists."""
    place = place.absolute()
    while not place.is_dir():
        place = place.parent
    return place
