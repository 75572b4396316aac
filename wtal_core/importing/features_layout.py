"""Where a package of features keeps the arrays of each video.

Layouts: one `.npy` a video; an RGB and a flow `.npy` a video (in folders named `rgb` and `flow`, in
two folders that are named, or told apart by the ends of their names); one `.npy` that holds an
object array with a row a video, and `videoname.npy` with the names of the rows.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np

from wtal_core.errors import WtalError
from wtal_core.importing.object_arrays import is_object_array, read_npy, read_object_array

NAMES = "videoname.npy"
LOOKED_FOR = (
    "one .npy a video; folders rgb/ and flow/ with one .npy a video each (or --flow DIR, or "
    f"--rgb-suffix and --flow-suffix); an object array *.npy beside {NAMES}"
)


class Stored(Protocol):
    """One array of a package."""

    @property
    def name(self) -> str:
        """Where it lies within the package."""

    def open(self) -> np.ndarray:
        """The array, its values perhaps still on the disk; ValueError or OSError for a bad file."""

    def sha256(self) -> str:
        """Of the file, or of the values where a file holds many videos."""


@dataclass(frozen=True)
class NpyFile:
    """A plain `.npy`; what it maps is not read before it is asked for."""

    name: str
    path: Path

    def open(self) -> np.ndarray:
        """A read-only map of the file; refuses objects, which could run code."""
        array: np.ndarray = np.lib.format.open_memmap(self.path, mode="r")
        return array

    def sha256(self) -> str:
        """Of the file."""
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True)
class Row:
    """A row of an object array, which is in memory as a whole."""

    name: str
    value: object

    def open(self) -> np.ndarray:
        """The values, as numbers."""
        if not isinstance(self.value, np.ndarray):
            raise ValueError(f"holds a {type(self.value).__name__} instead of an array")
        return self.value

    def sha256(self) -> str:
        """Of the values, row by row."""
        return hashlib.sha256(np.ascontiguousarray(self.open()).tobytes()).hexdigest()


@dataclass(frozen=True)
class Package:
    """Id of each video, as the package spells it, and its array, or its RGB and flow arrays."""

    source: str  # base name; where it lay is nobody else's business
    layout: str
    arrays: Mapping[str, tuple[Stored, ...]]

    @cached_property
    def is_pairs(self) -> bool:
        """Does each video have an array for RGB and one for flow?"""
        return len(next(iter(self.arrays.values()))) == 2

    def of(self, video: str) -> tuple[Stored, ...] | None:
        """The arrays of a video, also where only one of package and data set writes `v_` first."""
        spellings = (video, f"v_{video}", video.removeprefix("v_"))
        return next((self.arrays[s] for s in spellings if s in self.arrays), None)


def find_package(
    source: Path,
    flow: Path | None = None,
    suffixes: tuple[str, str] | None = None,
    names: Path | None = None,
) -> Package:
    """Recognise the layout at `source`, a folder or an object array.

    flow: folder of the flow arrays, `source` then holds RGB's; suffixes: ends of the names of RGB
    and flow files, before `.npy`; names: the names of an object array's rows, where they lie
    elsewhere. Raises WtalError saying what was looked for.
    """
    if source.is_file():
        return _object_package(source, names or _names_beside(source.parent))
    if not source.is_dir():
        raise WtalError(f"{source}: no such file or folder. Check the path.")
    files = sorted(p for p in source.rglob("*.npy") if p.is_file())
    if flow is not None:
        pairs = _by_id(source, files), _by_id(flow, sorted(flow.rglob("*.npy")))
        return _pair_package(source, "an RGB and a flow folder", *pairs)
    if suffixes is not None:
        both = [
            {
                stem.removesuffix(end): file
                for stem, file in _by_id(source, files).items() if stem.endswith(end)
            }
            for end in suffixes
        ]  # fmt: skip
        return _pair_package(source, f"files *{suffixes[0]}.npy and *{suffixes[1]}.npy", *both)
    if names is not None or (names := _find_names(source)) is not None:
        return _object_package(_one_object_array(source), names)
    streams = {
        stream: _by_id(source, [f for f in files if stream in _folders(f, source)])
        for stream in ("rgb", "flow")
    }
    if all(streams.values()):
        return _pair_package(source, "folders rgb/ and flow/", *streams.values())
    if not files:
        raise WtalError(f"{source}: no .npy file in it. Looked for: {LOOKED_FOR}.")
    single = {video: (file,) for video, file in _by_id(source, files).items()}
    return Package(source.name, "one file a video", single)


def _pair_package(
    source: Path, layout: str, rgb: Mapping[str, NpyFile], flow: Mapping[str, NpyFile]
) -> Package:
    if lonely := sorted(rgb.keys() ^ flow.keys()):
        raise WtalError(
            f"{source}: {len(lonely)} videos have RGB or flow, but not both: "
            f"{shorten(lonely)}. Complete the package, or remove these files."
        )
    if not rgb:
        raise WtalError(f"{source}: no pair of RGB and flow files. Looked for: {LOOKED_FOR}.")
    return Package(source.name, layout, {v: (rgb[v], flow[v]) for v in rgb})


def _object_package(path: Path, names: Path) -> Package:
    rows = read_object_array(path)
    ids = [_text(one) for one in np.ravel(read_npy(names))]
    if rows.ndim != 1 or len(rows) != len(ids):
        raise WtalError(
            f"{path}: an array of shape {rows.shape}, but {names} names {len(ids)} videos. "
            "Give the names that belong to it: --names FILE."
        )
    if len(set(ids)) != len(ids):
        raise WtalError(f"{names}: names {len(ids) - len(set(ids))} videos twice. Correct it.")
    arrays = {
        video: (Row(f"{path.name}[{i}]", row),)
        for i, (video, row) in enumerate(zip(ids, rows, strict=True))
    }
    return Package(path.name, "object array", arrays)


def _one_object_array(folder: Path) -> Path:
    found = [p for p in sorted(folder.glob("*.npy")) if p.name != NAMES and is_object_array(p)]
    joint = [p for p in found if "joint" in p.stem.lower()] or found
    if len(joint) != 1:
        raise WtalError(
            f"{folder}: {NAMES} is there, and {len(joint)} object arrays of features: "
            f"{shorten([p.name for p in joint]) or 'none'}. Name the file itself as SOURCE."
        )
    return joint[0]


def _find_names(folder: Path) -> Path | None:
    found = [folder / NAMES, *sorted(folder.glob(f"*Annotations*/{NAMES}"))]
    return next((p for p in found if p.is_file()), None)


def _names_beside(folder: Path) -> Path:
    found = _find_names(folder)
    if found is None:
        raise WtalError(
            f"{folder}: no {NAMES} here or in a folder *Annotations*; say which file names the "
            "rows of the object array: --names FILE"
        )
    return found


def _text(name: object) -> str:
    return name.decode("utf-8") if isinstance(name, bytes) else str(name)


def _by_id(source: Path, files: Iterable[Path]) -> dict[str, NpyFile]:
    found: dict[str, NpyFile] = {}
    for path in files:
        file = NpyFile(path.relative_to(source).as_posix(), path)
        if path.stem in found:
            raise WtalError(
                f"{source}: {found[path.stem].name} and {file.name} are both called {path.stem}; "
                "name the folder of one kind of features as SOURCE"
            )
        found[path.stem] = file
    return found


def _folders(path: Path, source: Path) -> set[str]:
    """Names of the folders between, and of `source` itself, in small letters."""
    return {part.lower() for part in path.relative_to(source).parent.parts}


def shorten(names: Iterable[str], most: int = 10) -> str:
    """Some of the names, and how many more there are."""
    listed = list(names)
    more = f" and {len(listed) - most} more" if len(listed) > most else ""
    return ", ".join(listed[:most]) + more
