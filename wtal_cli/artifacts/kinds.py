"""Tells what kind of artifact a path is, from what lies there."""

import json
from pathlib import Path
from typing import Literal

from wtal_core.errors import WtalError

Kind = Literal[
    "pseudo-labels", "sequences", "checkpoint", "predictions", "pseudo-segments", "videos", "folder"
]
SEGMENT_FILES = ("predictions.json", "pseudo_segments.json")


def kind_of(path: Path) -> Kind:
    """The kind; "folder" for a folder that holds artifacts. WtalError for anything else."""
    if not path.exists():
        raise WtalError(f"{path}: nothing there; `dvc repro` makes it, `dvc checkout` restores it")
    if path.is_file():
        if path.suffix == ".json" and _has(path, "results"):
            return "pseudo-segments" if _has(path, "dropped") else "predictions"
    elif (path / "zarr.json").is_file():
        return "pseudo-labels" if (path / "label").is_dir() else "sequences"
    elif (path / "model.safetensors").is_file():
        return "checkpoint"
    elif (path / "record.json").is_file():
        return "videos"
    elif artifacts_in(path):
        return "folder"
    raise WtalError(
        f"{path}: no artifact of this project; those are the folders frames, flow and "
        "r*/{cbp,vlp}, the stores *.zarr, predictions.json and pseudo_segments.json"
    )


def artifacts_in(folder: Path) -> dict[str, Kind]:
    """Name and kind of what lies in the folder, one or two levels down."""
    found: dict[str, Kind] = {}
    for path in sorted([*folder.glob("*"), *folder.glob("*/*")]):
        inside = path.parent.relative_to(folder).as_posix()
        if path.name.startswith(".") or inside in found:
            continue
        if path.is_dir() or path.name in SEGMENT_FILES:
            for marker in ("zarr.json", "model.safetensors", "record.json"):
                if (path / marker).is_file():
                    found[path.relative_to(folder).as_posix()] = kind_of(path)
            if path.is_file():
                found[path.relative_to(folder).as_posix()] = kind_of(path)
    return found


def _has(path: Path, key: str) -> bool:
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return False
    return isinstance(tree, dict) and key in tree
