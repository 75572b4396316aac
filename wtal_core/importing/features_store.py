"""Imported features as the stages of a pipeline without videos see them."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from wtal_core.annotations import read_json
from wtal_core.atomic import fresh_folder, link_or_copy
from wtal_core.errors import WtalError

FORMAT = "wtal-imported-1"
RECORD = "import.json"
_REMEDY = "run `wtal import features` again (or `dvc checkout`, where DVC keeps the folder)"


def hash_store(folder: Path) -> str:
    """One hash of all files below, by name and content."""
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        digest.update(f"{content}  {path.relative_to(folder).as_posix()}\n".encode())
    return digest.hexdigest()


def pass_on(folder: Path, sha256: str, target: Path) -> None:
    """Give the files of an imported folder second names below `target`, whole or not at all.

    Where the file system has no links they are copied. Raises WtalError unless the folder is the
    one whose hash dataset.yaml names.
    """
    read_record(folder)
    found = hash_store(folder)
    if found != sha256:
        raise WtalError(
            f"{folder}: its content has the sha256 {found[:12]}..., dataset.yaml names "
            f"{sha256[:12]}...: changed, or cut short; {_REMEDY}"
        )
    with fresh_folder(target) as fresh:
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            place = fresh / path.relative_to(folder)
            place.parent.mkdir(parents=True, exist_ok=True)
            link_or_copy(path, place)


def read_record(folder: Path) -> dict[str, Any]:
    """What the import wrote down. Raises WtalError where there is no import."""
    path = folder / RECORD
    if not path.is_file():
        raise WtalError(
            f"{folder}: no imported features here; {_REMEDY}. For queued experiments, which run "
            "in copies of the repository, the folder has to be in DVC: `dvc add` it."
        )
    record = read_json(path)
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise WtalError(f"{path}: no record of the form {FORMAT}; {_REMEDY}")
    return record


def imported_videos(folders: Iterable[Path]) -> dict[str, dict[str, float]]:
    """Every video of some imports and its `duration_s`, as the stage frames records it."""
    found: dict[str, dict[str, float]] = {}
    for folder in folders:
        for video, duration_s in read_record(folder)["durations_s"].items():
            found.setdefault(video, {"duration_s": duration_s})
    return dict(sorted(found.items()))


def write_empty(folder: Path, reason: str, videos: Mapping[str, Any]) -> None:
    """A folder of frames or flow without any, and a record.json that says why."""
    record = {"empty": f"{reason}; nothing to decode", "videos": dict(videos), "bad": []}
    with fresh_folder(folder) as fresh:
        (fresh / "record.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
