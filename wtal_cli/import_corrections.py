"""`wtal import corrections`: segments of training videos that somebody put right."""

import json
from pathlib import Path
from typing import Annotated

import typer

from wtal_cli.export import listed
from wtal_cli.plain import plain
from wtal_cli.run_ import durations_of, named_folder
from wtal_core.annotations import Labels, read_labels
from wtal_core.corrections import CORRECTIONS, Corrected, read_corrections, write_corrections
from wtal_core.errors import WtalError
from wtal_core.exporting.correction_judge import By, judge
from wtal_core.exporting.correction_rows import REVIEWED, Sheet, parse_table, parse_tasks
from wtal_core.exporting.frame_numbers import Clock, FileClock, SteadyClock


def corrections(
    name: Annotated[str, typer.Argument(help="the data set: its folder under data/")],
    file: Annotated[Path, typer.Argument(help="a table (CSV), or Label Studio's JSON")],
    fps: Annotated[
        float | None, typer.Option(help="rate of a table's frames [each file's own times]")
    ] = None,
    by: Annotated[
        By, typer.Option(help="what holds in a table's row with seconds and frames")
    ] = By.agree,
    everything: Annotated[
        bool, typer.Option("--all", help="also videos that nobody marked as reviewed")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="replace earlier corrections of the same videos")
    ] = False,
    data: Annotated[Path, typer.Option(help="where the data sets are")] = Path("data"),
) -> None:
    """Take over corrected segments of training videos into data/NAME/corrections.json. FILE is what
    `wtal export RUN --training --to csv` (or labelstudio) wrote, edited: a table in which the
    videos that were looked at are marked in the column `reviewed`, or Label Studio's JSON export.
    Only `-S pseudo_labels.corrections=true` makes a run learn from them.
    """
    folder = named_folder(name, data)
    if not (folder / "labels.json").is_file():
        raise WtalError(
            f"{folder}: not the folder of a data set, it has no labels.json. NAME is a folder "
            "under data/; run from the top of the repository."
        )
    if fps is not None and not 0 < fps < 1e4:
        raise WtalError(f"--fps is above 0 frames a second, got {fps:g}")
    labels = read_labels(folder / "labels.json")
    sheet = read_sheet(file, everything)
    train = {video.id: video.labels for video in labels.videos("train")}
    test = [video.id for video in labels.videos("test")]
    clocks = Clocks(folder, labels, fps)
    durations = durations_of(folder)
    try:
        found = judge(sheet, train, test, labels.classes, durations, clocks.of, by)
    except ValueError as problem:
        raise WtalError(f"{file}: {problem}.") from problem
    corrected = {video: as_corrected(rows) for video, rows in found.items() if rows}
    target = folder / CORRECTIONS
    before = read_corrections(target, labels) if target.is_file() else {}
    other = [v for v in corrected if v in before and before[v] != corrected[v]]
    if other and not force:
        raise WtalError(
            f"{target}: it has other corrections of {listed(other)}. Replace them by --force, or "
            f"take those videos out of {file.name}."
        )
    if not corrected:
        raise WtalError(f"{file}: no segment of the videos that were looked at; nothing to take")
    for line in remarks(sheet, found, train):
        print(plain(line))
    write_corrections(target, before | corrected)
    count = sum(len(one.segments) for one in corrected.values())
    print(
        plain(
            f"{target}: {count} segments of {len(corrected)} videos taken"
            + (f", {len(other)} of them replaced" if other else "")
            + f"; {len(before | corrected)} videos in all. Train with them by\n"
            f"  dvc exp run -S dataset={folder.name} -S pseudo_labels.corrections=true infer"
        )
    )


class Clocks:
    """When the frames of the data set's videos are shown; each file is opened once, when asked."""

    def __init__(self, folder: Path, labels: Labels, fps: float | None) -> None:
        self.files = {video.id: folder / video.file for video in labels.videos("train")}
        self.fps = fps
        self.known: dict[str, Clock | None] = {}

    def of(self, video: str) -> Clock | None:
        """None where the file is not there."""
        if self.fps is not None:
            return SteadyClock(self.fps)
        if video not in self.known:
            # PyAV is needed here alone
            from wtal_core.video.clock import read_times

            path = self.files[video]
            self.known[video] = FileClock(*read_times(path)) if path.is_file() else None
        return self.known[video]


def read_sheet(file: Path, everything: bool) -> Sheet:
    """By the file's content; WtalError where it is neither form, or nobody looked at anything."""
    if not file.is_file():
        raise WtalError(f"{file}: no such file. Check the name.")
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as problem:
        raise WtalError(f"{file}: no text in UTF-8. Save it as CSV or JSON in UTF-8.") from problem
    is_json = text.lstrip().startswith(("[", "{"))
    try:
        sheet = (parse_tasks(json.loads(text), everything) if is_json
                 else parse_table(text, everything))  # fmt: skip
    except (ValueError, RecursionError) as problem:
        raise WtalError(f"{file}: {problem}. Correct it and run again.") from problem
    if not sheet.looked_at:
        how = (
            "no task has a submitted annotation, so nobody reviewed one in Label Studio"
            if is_json
            else f"no row is marked in the column {REVIEWED!r}; write yes there for each video "
            "that was looked at to its end"
        )
        raise WtalError(f"{file}: {how}. --all takes everything as it stands.")
    return sheet


def as_corrected(rows: list[tuple[str, float, float]]) -> Corrected:
    """Every class with a segment was reviewed; of one without, the file says nothing."""
    return Corrected(tuple(rows), tuple(sorted({label for label, _, _ in rows})))


def remarks(
    sheet: Sheet,
    found: dict[str, list[tuple[str, float, float]]],
    train: dict[str, tuple[str, ...]],
) -> list[str]:
    """What a user should know of what was taken and what was not."""
    lines = [f"note: {note}" for note in sheet.notes]
    if sheet.passed_over:
        lines.append(f"not reviewed, left out: {listed(list(sheet.passed_over))}")
    for video, rows in found.items():
        if absent := sorted(set(train[video]) - {label for label, _, _ in rows}):
            lines.append(
                f"note: {video}: no segment of its label {', '.join(absent)}, which stays with the "
                "model; if the video does not show it, take it out of labels.json"
            )
    return lines
