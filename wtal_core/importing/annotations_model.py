"""What a package of annotations says, before anything is left out or added."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from wtal_core.errors import WtalError

Interval = tuple[float, float]


@dataclass(frozen=True)
class Instance:
    """One labelled interval, in seconds, as it was written."""

    label: str
    start_s: float
    end_s: float

    def __str__(self) -> str:
        return f"{self.label} {self.start_s:g}–{self.end_s:g} s"


@dataclass(frozen=True)
class Annotated:
    """One video. subset: train, test, or the package's word for anything else; labels: the
    video-level labels where the package has them beside the instances, else None.
    """

    id: str
    subset: str
    instances: tuple[Instance, ...]
    labels: tuple[str, ...] | None = None
    duration_s: float | None = None


@dataclass(frozen=True)
class Note:
    """A quirk: its name, what was done about it, and what it concerns."""

    quirk: str
    done: str
    items: tuple[str, ...] = ()


@dataclass(frozen=True)
class Annotations:
    """A package: its layout in words, its classes in the order of columns, its videos.

    protocol: how those who use the package evaluate; files: what was read; version: what it says
    of itself.
    """

    layout: str
    protocol: str
    classes: tuple[str, ...]
    videos: tuple[Annotated, ...]
    ambiguous: Mapping[str, Sequence[Interval]] = field(default_factory=dict)
    notes: tuple[Note, ...] = ()
    files: tuple[Path, ...] = ()
    version: str = ""


class Times:
    """Reads times and counts those that were written as texts."""

    def __init__(self) -> None:
        self.texts = 0

    def read(self, value: object, path: Path, where: str) -> float:
        """Seconds; WtalError naming the item for what is no finite number."""
        is_text = isinstance(value, str | bytes)
        self.texts += is_text
        try:
            if isinstance(value, bool) or value is None:
                raise ValueError
            seconds = float(value)  # type: ignore[arg-type]
            if not abs(seconds) < float("inf"):
                raise ValueError
        except (TypeError, ValueError) as err:
            raise WtalError(
                f"{path}: {where} has the time {value!r}, no number of seconds. Correct it."
            ) from err
        return seconds

    def pair(self, value: object, path: Path, where: str) -> Interval:
        """Start and end, which may be the wrong way round."""
        if isinstance(value, str | bytes) or not hasattr(value, "__len__") or len(value) != 2:
            raise WtalError(f"{path}: {where} needs [start, end] in seconds, got {value!r}.")
        return self.read(value[0], path, where), self.read(value[1], path, where)  # type: ignore[index]

    def notes(self) -> tuple[Note, ...]:
        """What there is to say."""
        if not self.texts:
            return ()
        return (Note(f"times as strings ({self.texts})", "read as numbers"),)


def read_lines(path: Path) -> list[list[str]]:
    """The words of each line that holds any; WtalError for what is no UTF-8 text."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as err:
        raise WtalError(f"{path}: cannot be read as text ({err}). Get another copy.") from err
    return [line.split() for line in text.splitlines() if line.strip()]


def read_intervals(path: Path, times: Times) -> list[tuple[str, float, float]]:
    """Lines `video  start end` of THUMOS14's text files."""
    found = []
    for number, words in enumerate(read_lines(path), 1):
        if len(words) != 3:
            raise WtalError(f"{path}: line {number} is not `video start end`: {' '.join(words)!r}.")
        where = f"line {number}"
        start, end = (times.read(_number(word), path, where) for word in words[1:])
        found.append((words[0], start, end))
    return found


def _number(word: str) -> float | str:
    """In a text file a time is no string by intent; what is no number stays, to be named."""
    try:
        return float(word)
    except ValueError:
        return word


def group_ambiguous(path: Path, times: Times) -> dict[str, list[Interval]]:
    """Video -> intervals of an `Ambiguous_*.txt`, in the file's order."""
    found: dict[str, list[Interval]] = {}
    for video, start, end in read_intervals(path, times):
        found.setdefault(video, []).append((start, end))
    return found
