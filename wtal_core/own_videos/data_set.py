"""Writes the folder of a data set of one's own videos; nothing outside it, whole or not at all."""

import fcntl
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wtal_core.atomic import fresh_file, fresh_folder
from wtal_core.corrections import CORRECTIONS, NO_CORRECTIONS
from wtal_core.errors import WtalError
from wtal_core.own_videos.facts import CHECKPOINT, Facts, dataset_yaml
from wtal_core.own_videos.outline import Outline
from wtal_core.own_videos.readme import write_readme
from wtal_core.own_videos.video_files import VideoFolder

SOURCES = "sources.json"  # marks a folder that `wtal init` made, and says where each video is from
_TEXTS = ("dataset.yaml", "labels.json", SOURCES, "README.md", CORRECTIONS, ".gitignore")
_FICLONE = 0x40049409  # Linux: let one file share another's blocks
_SPARE = 1.02  # of the room that copies need


def check_target(folder: Path, force: bool) -> None:
    """Raise WtalError unless a data set may be written to `folder`."""
    if not os.path.lexists(folder) or (folder.is_dir() and not any(folder.iterdir())):
        return
    if (folder / "dvc.yaml").exists() or not (folder / SOURCES).is_file():
        raise WtalError(
            f"{folder}: it is there, and wtal init did not make it; choose another name"
        )
    if not force:
        raise WtalError(
            f"{folder}: it is there; choose another name, or write its labels, facts and videos "
            "anew with --force (results stay, and `dvc repro` brings them up to date)"
        )


def write_data_set(
    folder: Path, outline: Outline, videos: VideoFolder, facts: Facts, link: bool
) -> None:
    """Write everything; videos as links to the user's files (`link`) or as copies of them.

    A copy shares the disk's blocks where the file system can do that.
    """
    if not link:
        _check_room(folder, outline, videos)
    texts = {
        "dataset.yaml": dataset_yaml(folder.name, facts),
        "labels.json": labels_json(outline),
        SOURCES: _json(
            {
                "rule": outline.rule,
                "videos": {
                    entry.id: {"source": entry.source, "sha256": entry.sha256}
                    for entry in outline.entries
                },
            }
        ),
        "README.md": write_readme(folder.name, outline, facts, link),
        CORRECTIONS: NO_CORRECTIONS,
        ".gitignore": "/videos\n/encoders\n",
    }
    assert set(texts) == set(_TEXTS)
    if not (folder / SOURCES).exists():
        with fresh_folder(folder) as fresh:
            _fill(fresh, outline, videos, facts, link)
            for name, text in texts.items():
                (fresh / name).write_text(text, encoding="utf-8")
        return
    # made before: what was learnt from it stays where it is
    with fresh_folder(folder / "videos") as fresh:
        _place_videos(fresh, outline, videos, link)
    if facts.encoders is not None:
        with fresh_folder(folder / "encoders") as fresh:
            _copy_encoders(fresh, facts.encoders)
    if (folder / CORRECTIONS).exists():  # somebody's work
        del texts[CORRECTIONS]
    for name, text in texts.items():
        with fresh_file(folder / name) as path:
            path.write_text(text, encoding="utf-8")


def labels_json(outline: Outline) -> str:
    """One line a video, so that differences show."""
    videos: dict[str, Any] = {}
    for entry in outline.entries:
        videos[entry.id] = {"file": entry.file, "subset": entry.subset}
        if entry.subset == "train":
            videos[entry.id]["labels"] = list(entry.labels)
    rows = ",\n".join(f"  {_one_line(name)}: {_one_line(row)}" for name, row in videos.items())
    return f'{{\n "classes": {_one_line(outline.classes)},\n "videos": {{\n{rows}\n }}\n}}\n'


def _fill(fresh: Path, outline: Outline, videos: VideoFolder, facts: Facts, link: bool) -> None:
    (fresh / "videos").mkdir()
    _place_videos(fresh / "videos", outline, videos, link)
    if facts.encoders is not None:
        (fresh / "encoders").mkdir()
        _copy_encoders(fresh / "encoders", facts.encoders)


def _place_videos(folder: Path, outline: Outline, videos: VideoFolder, link: bool) -> None:
    for entry in outline.entries:
        source, target = videos.path(entry.source), folder / Path(entry.file).name
        if link:
            target.symlink_to(os.path.abspath(source))
        else:
            _copy(source, target)


def _copy_encoders(folder: Path, encoders: Mapping[str, Path]) -> None:
    for name, source in encoders.items():
        (folder / name).mkdir()
        for file in CHECKPOINT:
            _copy(source / file, folder / name / file)


def _copy(source: Path, target: Path) -> None:
    """Never a hard link: DVC takes the right to write from what it links, the original too."""
    with source.open("rb") as old, target.open("wb") as new:
        try:
            fcntl.ioctl(new.fileno(), _FICLONE, old.fileno())
        except OSError:
            shutil.copyfileobj(old, new, 1 << 20)


def _check_room(folder: Path, outline: Outline, videos: VideoFolder) -> None:
    needed = sum(videos.path(entry.source).stat().st_size for entry in outline.entries)
    place = folder.parent
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if needed * _SPARE > free:
        raise WtalError(
            f"{folder}: copies of the videos need {needed / 1e9:.1f} GB and {free / 1e9:.1f} GB "
            "are free; make room, or pass --symlink"
        )


def _json(tree: Mapping[str, Any]) -> str:
    return json.dumps(tree, indent=1, ensure_ascii=True, allow_nan=False) + "\n"


def _one_line(value: object) -> str:
    # ASCII: a name from a file system may be no Unicode, and a page may not know its encoding
    return json.dumps(value, ensure_ascii=True, allow_nan=False)
