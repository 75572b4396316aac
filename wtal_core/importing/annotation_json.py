"""Annotations with a `database` of videos: ActivityNet, UM and CoLA, ActionFormer and OpenTAD."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wtal_core.annotations import read_json
from wtal_core.errors import WtalError
from wtal_core.importing.annotations_model import (
    Annotated,
    Annotations,
    Instance,
    Note,
    Times,
    read_lines,
)

WANTED = "a JSON with `database` (ActivityNet, UM's gt.json, ActionFormer, OpenTAD)"
SPLITS = {"split_train.txt": "train", "split_test.txt": "test"}


def has_database(path: Path) -> bool:
    """Is that a JSON file of annotations?"""
    if path.suffix.lower() != ".json" or not path.is_file():
        return False
    try:
        tree = read_json(path)
    except WtalError:
        return False
    return isinstance(tree, dict) and isinstance(tree.get("database"), dict)


def read_database(path: Path, subsets: Mapping[str, str], classes: tuple[str, ...]) -> Annotations:
    """The annotations at `path`, with UM's split files beside it if they are there.

    subsets: the package's words for splits -> ours; classes: those of the data set in their order,
    empty: the names that occur, sorted. Raises WtalError naming the item that is not as it should.
    """
    tree = read_json(path)
    database: dict[str, Any] = tree["database"]
    if not database:
        raise WtalError(f"{path}: the database holds no video. Get another copy.")
    times = Times()
    videos = [_read_video(v, entry, path, subsets, times) for v, entry in database.items()]
    notes = [*times.notes()]
    splits = {path.parent / name: subset for name, subset in SPLITS.items()}
    used = [split for split in splits if split.is_file()]
    if len(used) == len(splits):
        videos, more = _apply_splits(videos, splits)
        notes += more
    elif used:
        raise WtalError(
            f"{path.parent}: {used[0].name} without the other one. Complete the folder."
        )
    names = {item.label for video in videos for item in video.instances}
    return Annotations(
        layout=_describe(path, used, database),
        protocol="tad" if _is_actionformer(database) else "activitynet",
        classes=classes or tuple(sorted(names)),
        videos=tuple(sorted(videos, key=lambda video: video.id)),
        notes=tuple(notes),
        files=(path, *used),
        version=str(tree.get("version", "")),
    )


def _read_video(
    video: str, entry: Any, path: Path, subsets: Mapping[str, str], times: Times
) -> Annotated:
    where = f"database[{video!r}]"
    if not isinstance(entry, dict) or not isinstance(entry.get("subset"), str):
        raise WtalError(f"{path}: {where} needs a subset. Correct the file.")
    items = entry.get("annotations")
    if not isinstance(items, list):
        raise WtalError(f"{path}: {where} needs a list of annotations. Correct the file.")
    instances = []
    for i, item in enumerate(items):
        place = f"{where}.annotations[{i}]"
        if not isinstance(item, dict) or not isinstance(item.get("label"), str):
            raise WtalError(f"{path}: {place} needs a label. Correct the file.")
        instances.append(Instance(item["label"], *times.pair(item.get("segment"), path, place)))
    length = entry.get("duration")
    seconds = None if length is None else times.read(length, path, f"{where}.duration")
    return Annotated(
        video,
        subsets.get(entry["subset"].lower(), entry["subset"]),
        tuple(instances),
        None,
        seconds if seconds and seconds > 0 else None,
    )


def _apply_splits(
    videos: list[Annotated], splits: Mapping[Path, str]
) -> tuple[list[Annotated], list[Note]]:
    """Only the videos that the split files list, in the subsets that they say."""
    said: dict[str, str] = {}
    for path, subset in splits.items():
        for number, words in enumerate(read_lines(path), 1):
            if len(words) != 1 or words[0] in said:
                raise WtalError(f"{path}: line {number} names no new video: {' '.join(words)!r}.")
            said[words[0]] = subset
    known = {video.id: video for video in videos}
    notes = []
    if absent := sorted(set(said) - set(known)):
        raise WtalError(
            f"{next(iter(splits)).parent}: the split files name videos that the annotations lack: "
            f"{', '.join(absent[:10])}. Take all files from one package."
        )
    if unlisted := sorted(set(known) - set(said)):
        notes.append(Note("videos in no split file", "left out", tuple(unlisted)))
    if moved := sorted(v for v in said if known[v].subset != said[v]):
        notes.append(Note("subsets unlike the split files", "the split files hold", tuple(moved)))
    kept = [
        Annotated(v, said[v], known[v].instances, known[v].labels, known[v].duration_s)
        for v in said
    ]
    return kept, notes


def _is_actionformer(database: Mapping[str, Any]) -> bool:
    """Its entries have a frame rate, ActivityNet's and UM's have none."""
    return any("fps" in entry for entry in database.values() if isinstance(entry, dict))


def _describe(path: Path, splits: list[Path], database: Mapping[str, Any]) -> str:
    if splits:
        return f"UM's {path.name} with split files"
    if _is_actionformer(database):
        return f"ActionFormer's or OpenTAD's JSON, {path.name}"
    return f"a JSON of ActivityNet's form, {path.name}"
