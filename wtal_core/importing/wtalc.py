"""W-TALC's annotations, which CO2-Net, DELU and others read: a `.npy` per property."""

from pathlib import Path

import numpy as np

from wtal_core.errors import WtalError
from wtal_core.importing.annotations_model import (
    Annotated,
    Annotations,
    Instance,
    Note,
    Times,
    group_ambiguous,
)
from wtal_core.importing.object_arrays import read_npy

NEEDED = ("videoname", "subset", "segments", "labels", "classlist")
OPTIONAL = ("labels_all", "duration", "extracted_fps")
WANTED = ", ".join(f"{name}.npy" for name in NEEDED) + " (W-TALC's annotations)"


def has_wtalc_files(folder: Path) -> bool:
    """Are all the files there?"""
    return all((folder / f"{name}.npy").is_file() for name in NEEDED)


def read_wtalc(folder: Path, subsets: dict[str, str]) -> Annotations:
    """The package at `folder`; `subsets` gives its words for splits ours."""
    paths = {name: folder / f"{name}.npy" for name in (*NEEDED, *OPTIONAL)}
    columns = {name: read_npy(path) for name, path in paths.items() if path.is_file()}
    videos = _texts(columns["videoname"])
    if len(set(videos)) != len(videos):
        raise WtalError(f"{paths['videoname']}: a video stands there twice. Correct it.")
    for name in set(columns) - {"classlist"}:
        if len(columns[name]) != len(videos):
            raise WtalError(
                f"{paths[name]}: {len(columns[name])} rows, but videoname.npy has {len(videos)}. "
                "Take all files from one package."
            )
    times, notes = Times(), []
    found = []
    words = _texts(columns["subset"])
    for i, video in enumerate(videos):
        labels, pairs = _texts(columns["labels"][i]), columns["segments"][i]
        if len(labels) != len(pairs):
            raise WtalError(
                f"{folder}: {video} has {len(pairs)} segments and {len(labels)} labels. "
                "Take all files from one package."
            )
        instances = []
        for k, (label, pair) in enumerate(zip(labels, pairs, strict=True)):
            where = f"row {i} ({video}), segment {k}"
            instances.append(Instance(label, *times.pair(pair, paths["segments"], where)))
        own = (
            tuple(dict.fromkeys(_texts(columns["labels_all"][i])))
            if "labels_all" in columns
            else None
        )
        length = None
        if "duration" in columns:
            length = times.read(_single(columns["duration"][i]), paths["duration"], f"row {i}")
        subset = subsets.get(words[i].lower(), words[i])
        found.append(Annotated(video, subset, tuple(instances), own, length))
    if "extracted_fps" in columns:
        rates = sorted({f"{float(rate):g}" for rate in columns["extracted_fps"].ravel()})
        notes.append(
            Note(f"extracted_fps.npy says {', '.join(rates)}", "not used: features are at 25 fps")
        )
    ambiguous_txt = folder / "Ambiguous_test.txt"
    has_ambiguous = ambiguous_txt.is_file()
    return Annotations(
        layout="W-TALC's .npy files",
        protocol="wtalc-grid",
        classes=tuple(_texts(columns["classlist"])),
        videos=tuple(sorted(found, key=lambda video: video.id)),
        ambiguous=group_ambiguous(ambiguous_txt, times) if has_ambiguous else {},
        notes=(*times.notes(), *notes),
        files=(*(paths[name] for name in columns), *([ambiguous_txt] if has_ambiguous else [])),
    )


def _texts(column: object) -> list[str]:
    """Names, which Python 2 wrote as bytes."""
    items = column.ravel() if isinstance(column, np.ndarray) else column
    if not isinstance(items, np.ndarray | list):
        raise WtalError(f"W-TALC's files hold lists of names, got {column!r:.80}.")
    return [item.decode("utf-8") if isinstance(item, bytes) else str(item) for item in items]


def _single(value: object) -> object:
    """The number in an array of one."""
    return value.item() if isinstance(value, np.ndarray) and value.size == 1 else value
