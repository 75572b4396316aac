"""Tags of videos, however they were written down: table, JSON, or a folder for each class."""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from wtal_core.errors import WtalError
from wtal_core.own_videos.video_files import VideoFolder

LONGEST_LABEL = 100  # characters; the text tower reads a few dozen words at most
_SUBSETS = {
    "": "", "train": "train", "training": "train", "val": "test", "validation": "test",
    "valid": "test", "test": "test", "testing": "test",
}  # fmt: skip


@dataclass(frozen=True)
class Tag:
    """One line: which video, its labels (none: unknown), its subset if it says one, and where."""

    video: str  # path within the folder of the videos
    labels: tuple[str, ...]
    subset: str  # train, test, or empty
    place: str  # file and line, for people


@dataclass(frozen=True)
class Tags:
    """What was read, one `Tag` a video; `classes` only where the source lists them."""

    tags: tuple[Tag, ...]
    classes: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()  # places and names of videos that are not in the folder
    notes: tuple[str, ...] = ()  # what a reader should know of how it was read


def merge(tags: Iterable[Tag]) -> tuple[Tag, ...]:
    """One tag a video, in the order of first mention; several lines add up their labels.

    Raises WtalError where they name different subsets.
    """
    merged: dict[str, Tag] = {}
    for tag in tags:
        first = merged.get(tag.video)
        if first is None:
            merged[tag.video] = tag
            continue
        if first.subset and tag.subset and first.subset != tag.subset:
            raise WtalError(
                f"{tag.place}: {tag.video} is {tag.subset}, but {first.subset} in {first.place}; "
                "keep one of the two"
            )
        labels = tuple(dict.fromkeys([*first.labels, *tag.labels]))
        merged[tag.video] = Tag(tag.video, labels, first.subset or tag.subset, first.place)
    return tuple(merged.values())


def read_folders(videos: VideoFolder) -> Tags:
    """A folder for each class: the label is the first folder on the way to the video.

    Where the first folders are called train, test and the like, they are the subsets and the
    second ones the labels. A video that lies in none has no label.
    """
    tops = {video.split("/")[0] for video in videos.videos if "/" in video}
    subsets = bool(tops) and all(top.lower() in _SUBSETS for top in tops)
    tags = []
    for video in videos.videos:
        *folders, _ = video.split("/")
        subset = read_subset(folders.pop(0), video) if subsets and folders else ""
        labels = clean_labels(folders[:1], video) if folders else ()
        tags.append(Tag(video, labels, subset, video))
    if not any(tag.labels for tag in tags):
        raise WtalError(
            f"{videos.folder}: no video lies in a folder of its own class; make one folder for "
            "each class, or write a table: --labels tags.csv"
        )
    notes = (f"the subset is the first folder ({', '.join(sorted(tops))})",) if subsets else ()
    return Tags(tuple(tags), notes=notes)


def split_labels(cell: str, place: str) -> tuple[str, ...]:
    """`Kite; Drum` as labels; `|` separates, too."""
    return clean_labels(cell.replace("|", ";").split(";"), place)


def clean_labels(words: Sequence[str], place: str) -> tuple[str, ...]:
    """Labels without doubles, empty ones and stray blanks. Raises WtalError for what is no name."""
    labels = []
    for word in words:
        label = " ".join(unicodedata.normalize("NFC", word).split())
        if not label.isprintable() or len(label) > LONGEST_LABEL:
            shown = ascii(label if len(label) <= LONGEST_LABEL else label[:30] + "…")
            raise WtalError(
                f"{place}: {shown} is no label; a label is text of at most {LONGEST_LABEL} signs "
                "without control signs"
            )
        if label:
            labels.append(label)
    return tuple(dict.fromkeys(labels))


def read_subset(word: str, place: str) -> str:
    """train, test or nothing; validation counts as test."""
    subset = _SUBSETS.get(word.strip().lower())
    if subset is None:
        raise WtalError(f"{place}: subset {word!r}; write train or test, or leave it empty")
    return subset


def locate(
    videos: VideoFolder, word: str, beside: Path, place: str, absent: list[str]
) -> str | None:
    """The video that a word means; a word that means none is added to `absent`."""
    try:
        found = videos.named(word, beside)
    except WtalError as err:
        raise WtalError(f"{place}: {err}") from err
    if found is None:
        absent.append(f"{place}: {word}")
    return found
