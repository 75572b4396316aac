"""`wtal import thumos14` and its like: annotations that other people packed."""

import re
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from wtal_core.errors import WtalError
from wtal_core.importing.annotations_model import Annotations
from wtal_core.importing.benchmark_sets import BENCHMARKS
from wtal_core.importing.curate import Choices
from wtal_core.importing.data_set import Imported, find_videos, import_data_set
from wtal_core.importing.durations import read_durations
from wtal_core.importing.recognise import read_annotations
from wtal_core.importing.thumos14 import DISPUTED, DROPS
from wtal_core.schema.dataset import RunParams

SHOWN = 3  # items of a note; README.md has all


class PastEnd(StrEnum):
    """What becomes of segments that no prediction can meet."""

    keep = "keep"
    drop = "drop"


Source = Annotated[Path, typer.Argument(help="file or folder of the annotations")]
Data = Annotated[Path, typer.Option(help="folder of the data sets")]
Name = Annotated[str, typer.Option(help="name of the data set's folder, if another")]
Videos = Annotated[
    Path | None, typer.Option(help="folder of the videos: ids without a file are left out")
]
Durations = Annotated[
    Path | None,
    typer.Option(help="seconds of each video where SOURCE has none: W-TALC's folder, JSON or CSV"),
]
Ambiguous = Annotated[
    list[Path] | None, typer.Option(help="Ambiguous_test.txt or _val.txt, if SOURCE has none")
]
Drop = Annotated[
    str,
    typer.Option(
        help="videos to leave out: ids or numbers with commas, or what a package leaves out: "
        f"{', '.join(DROPS)}"
    ),
]
Past = Annotated[
    PastEnd, typer.Option(help="empty segments and those behind the end: keep (marked) or drop")
]
Force = Annotated[bool, typer.Option("--force", help="overwrite files of other content")]


def thumos14(
    source: Source,
    data: Data = Path("data"),
    name: Name = "",
    videos: Videos = None,
    durations: Durations = None,
    ambiguous: Ambiguous = None,
    drop: Drop = "none",
    past_end: Past = PastEnd.keep,
    force: Force = False,
) -> None:
    """THUMOS14 from its own text files, UM's or CoLA's gt.json, W-TALC's .npy, or the JSON of
    ActionFormer and OpenTAD. Writes dataset.yaml, labels.json, ground_truth.json and a README.md
    that lists what was found.
    """
    run("thumos14", source, data, name, videos, durations, ambiguous, drop, past_end, force)


def activitynet12(
    source: Source,
    data: Data = Path("data"),
    name: Name = "",
    videos: Videos = None,
    durations: Durations = None,
    drop: Annotated[str, typer.Option(help="ids of videos to leave out, with commas")] = "",
    past_end: Past = PastEnd.keep,
    force: Force = False,
) -> None:
    """ActivityNet 1.2 from its JSON, or one with fewer videos. `validation` is the test split."""
    run("activitynet12", source, data, name, videos, durations, None, drop, past_end, force)


def activitynet13(
    source: Source,
    data: Data = Path("data"),
    name: Name = "",
    videos: Videos = None,
    durations: Durations = None,
    drop: Annotated[str, typer.Option(help="ids of videos to leave out, with commas")] = "",
    past_end: Past = PastEnd.keep,
    force: Force = False,
) -> None:
    """ActivityNet 1.3 from its JSON, or one with fewer videos. `validation` is the test split."""
    run("activitynet13", source, data, name, videos, durations, None, drop, past_end, force)


def run(
    benchmark_name: str,
    source: Path,
    data: Path,
    name: str,
    videos: Path | None,
    durations: Path | None,
    ambiguous: list[Path] | None,
    drop: str,
    past_end: PastEnd,
    force: bool,
) -> None:
    """Read, write, and say what was done."""
    benchmark = BENCHMARKS[benchmark_name]
    try:
        folder = data / RunParams(dataset=name or benchmark.name).dataset
        package = read_annotations(source, benchmark, ambiguous or ())
        ids = [video.id for video in package.videos]
        files = None if videos is None else find_videos(videos, ids, benchmark.prefix)
        known = {} if durations is None else read_durations(durations)
        sources = [] if durations is None else [durations.name]
        if videos is not None and files is not None:
            known = look_at_videos(package, videos, files, known) | known
            sources.append("the videos themselves")
        choices = Choices(
            drop=read_drop(drop),
            files=files,
            durations=known,
            durations_from=" and ".join(sources),
            past_end=past_end.value,
        )
        found = import_data_set(package, benchmark, folder, choices, force)
    except ValueError as err:
        raise WtalError(str(err)) from err
    print(f"{folder}: {benchmark.title} from {package.layout}")
    for line in report(found):
        print(line)
    if videos is not None and videos.resolve() != (folder / "videos").resolve():
        print(
            f"labels.json looks for the videos in {folder / 'videos'}: link or move {videos} there"
        )


def look_at_videos(
    package: Annotations, folder: Path, files: Mapping[str, str], known: Mapping[str, float]
) -> dict[str, float]:
    """Seconds that the headers of the files promise, for videos of which they are not known."""
    from wtal_core.video.decode import probe  # PyAV, for those who have videos

    unknown = [v.id for v in package.videos if v.duration_s is None and v.id not in known]
    found = {v: probe(folder / files[v]).duration_s for v in unknown if v in files}
    return {v: seconds for v, seconds in found.items() if seconds > 0}


def read_drop(text: str) -> tuple[str, ...]:
    """`um`, `270,1292` or ids; a number is that of a disputed video of THUMOS14."""
    if text in DROPS:
        return DROPS[text]
    words = [word.strip() for word in text.split(",") if word.strip()]
    return tuple(
        next((v for v in DISPUTED if re.fullmatch(rf"video_test_0*{word}", v)), word)
        if word.isdigit() else word
        for word in words
    )  # fmt: skip


def report(found: Imported) -> list[str]:
    """Counts and notes; of long lists the first few items."""
    lines = []
    for subset, (videos, segments) in found.kept.items():
        read = found.read[subset]
        lines.append(f"{subset}: {videos} of {read[0]} videos, {segments} of {read[1]} segments")
    for note in found.notes:
        items = ", ".join(note.items[:SHOWN])
        more = f" and {len(note.items) - SHOWN} more" if len(note.items) > SHOWN else ""
        lines.append(f"- {note.quirk}: {note.done}" + (f": {items}{more}" if items else ""))
    return [*lines, f"all of it: {found.folder / 'README.md'}"]
