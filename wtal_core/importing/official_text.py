"""THUMOS14's own annotations: a text file per class and split."""

from pathlib import Path

from wtal_core.errors import WtalError
from wtal_core.importing.annotations_model import (
    Annotated,
    Annotations,
    Instance,
    Interval,
    Note,
    Times,
    group_ambiguous,
    read_intervals,
    read_lines,
)
from wtal_core.importing.thumos14 import CLASSES, NUMBERS

ENDS = {"_val": "train", "_test": "test"}
WANTED = "Class_val.txt and Class_test.txt, e.g. PoleVault_test.txt (THUMOS14's own annotations)"
_DEPTH = ("", "*/", "*/*/")


def find_text_files(folder: Path) -> dict[str, dict[str, Path]]:
    """Subset -> class, or `Ambiguous` -> its file, in `folder` and two levels below."""
    found: dict[str, dict[str, Path]] = {"train": {}, "test": {}}
    for end, subset in ENDS.items():
        for path in _glob(folder, f"*{end}.txt"):
            name = path.stem.removesuffix(end)
            if name not in (*CLASSES, "Ambiguous"):
                continue
            if name in found[subset]:
                raise WtalError(
                    f"{folder}: {found[subset][name]} and {path} are both there. Name the folder "
                    "of one package as SOURCE."
                )
            found[subset][name] = path
    return found


def has_text_files(folder: Path) -> bool:
    """Is there a file of at least one class?"""
    return any(
        path.stem.removesuffix(end) in CLASSES
        for end in ENDS for path in _glob(folder, f"*{end}.txt")
    )  # fmt: skip


def read_text_files(folder: Path) -> Annotations:
    """Both splits; a class without a file is named, since a count would otherwise be wrong."""
    times, found = Times(), find_text_files(folder)
    instances: dict[tuple[str, str], list[Instance]] = {}
    ambiguous: dict[str, list[Interval]] = {}
    for subset, files in found.items():
        missing = [name for name in CLASSES if files and name not in files]
        if missing or not files:
            end = next(end for end, one in ENDS.items() if one == subset)
            raise WtalError(
                f"{folder}: no file {missing[0] if missing else 'Class'}{end}.txt for "
                f"{len(missing) or len(CLASSES)} of {len(CLASSES)} classes. THUMOS14 has one per "
                "class and split; complete the folder."
            )
        for name in CLASSES:
            for video, start, end_s in read_intervals(files[name], times):
                instances.setdefault((video, subset), []).append(Instance(name, start, end_s))
        if "Ambiguous" in files:
            for video, pairs in group_ambiguous(files["Ambiguous"], times).items():
                instances.setdefault((video, subset), [])
                ambiguous[video] = [*ambiguous.get(video, []), *pairs]
    if both := {v for v, s in instances if s == "train"} & {v for v, s in instances if s == "test"}:
        raise WtalError(f"{folder}: {sorted(both)} are in both splits. Correct the files.")
    lists = _glob(folder, "detclasslist.txt")
    return Annotations(
        layout="THUMOS14's own text files, one per class and split",
        protocol="thumos14",
        classes=CLASSES,
        videos=tuple(
            Annotated(video, subset, tuple(items))
            for (video, subset), items in sorted(instances.items())
        ),
        ambiguous=ambiguous,
        notes=tuple(_check_numbers(path) for path in lists),
        files=(*(path for files in found.values() for path in files.values()), *lists),
    )


def _glob(folder: Path, pattern: str) -> list[Path]:
    return sorted(path for level in _DEPTH for path in folder.glob(level + pattern))


def _check_numbers(path: Path) -> Note:
    """Which numbers `detclasslist.txt` gives the classes."""
    rows = {words[1]: words[0] for words in read_lines(path) if len(words) == 2}
    if set(rows) != set(CLASSES):
        raise WtalError(
            f"{path}: needs a number and a name for each of the {len(CLASSES)} classes."
        )
    given = [rows[name] for name in CLASSES]
    if given == [str(number) for number in NUMBERS]:
        return Note("class numbers", "the official ones; columns follow the alphabet")
    official = ", ".join(f"{n} {name}" for n, name in zip(NUMBERS, CLASSES, strict=True))
    return Note(
        "class numbers are not the official ones",
        f"{path.name} counts {given[0]} to {given[-1]}; names alone are used. Official: {official}",
    )
