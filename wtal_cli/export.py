"""`wtal export`: a run's predictions in the forms that other programs read."""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from wtal_cli.documents import refuse_existing, to_csv, write_text, write_tree
from wtal_cli.plain import plain
from wtal_cli.run_ import Run, RunArgument, open_run, timed_videos
from wtal_core.annotations import Video, read_labels, read_predictions, write_predictions
from wtal_core.atomic import fresh_folder
from wtal_core.errors import BadVideo, WtalError
from wtal_core.exporting.correction_rows import REVIEWED
from wtal_core.exporting.forms import (
    COLUMNS,
    Shown,
    label_studio_config,
    to_fiftyone,
    to_label_studio,
    to_rows,
    to_vtt,
)
from wtal_core.exporting.frame_numbers import Clock, FileClock, SteadyClock
from wtal_core.exporting.pseudo_runs import runs_of
from wtal_core.grid import SnippetGrid
from wtal_core.segments import Segments
from wtal_core.store import read_sequences

READABLE = 0.3  # least score where people look at the segments one by one
PLAIN_FPS = 25.0  # of Label Studio's timeline where the file is not there to ask
LOCAL_FILES = "/data/local-files/?d="
MOST = 5  # names in a message


class Form(StrEnum):
    """What can be written."""

    csv = "csv"
    vtt = "vtt"
    fiftyone = "fiftyone"
    labelstudio = "labelstudio"
    activitynet = "activitynet"


LOOKED_AT = (Form.vtt, Form.labelstudio)
FOLDERS = {  # what lies in those that are folders
    Form.vtt: ("*.vtt",),
    Form.fiftyone: ("labels.json", "data.json"),
    Form.labelstudio: ("tasks.json", "interface.xml"),
}
ENDINGS = {Form.csv: ".csv", Form.activitynet: ".json"}


def export(
    run: RunArgument,
    to: Annotated[Form, typer.Option("--to", help="which form")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="file or folder [NAME_ROUND here]")
    ] = None,
    min_score: Annotated[
        float | None, typer.Option(help="leave out worse segments [vtt, labelstudio: 0.3]")
    ] = None,
    overlaps: Annotated[
        bool | None,
        typer.Option(
            "--overlaps/--no-overlaps",
            help="keep a segment under a better one of its class [not in vtt, labelstudio]",
        ),
    ] = None,
    fps: Annotated[
        float | None, typer.Option(help="count frames at this rate, not by the files' own times")
    ] = None,
    timestamps: Annotated[
        bool, typer.Option("--timestamps", help="fiftyone: seconds, not frame numbers")
    ] = False,
    prefix: Annotated[
        str, typer.Option(help="labelstudio: address of the data set's folder")
    ] = LOCAL_FILES,
    training: Annotated[
        bool, typer.Option("--training", help="the training videos' pseudo-labels, to correct")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="replace what is there")] = False,
) -> None:
    """Write the predictions of RUN (its test videos) as csv, vtt (a file per video), fiftyone (a
    folder for FiftyOneTemporalDetectionDataset), labelstudio (tasks with pre-annotations, and the
    labelling interface) or activitynet (JSON). Frames are numbered from 1, both ends included, as
    they are in the original video file. With --training, the segments that VLP taught in RUN's
    round, for `wtal import corrections`; a table then has a column `reviewed` to mark videos in.
    """
    found = open_run(run)
    if fps is not None and not 0 < fps < 1e4:
        raise WtalError(f"--fps is above 0 frames a second, got {fps:g}")
    target = out or Path(f"{found.data.name}_{found.round}_{to}{ENDINGS.get(to, '')}")
    refuse_existing(target, force, FOLDERS.get(to, ()))
    timed = timed_videos(found, "train" if training else "test")
    videos = {name: video for name, (video, _) in timed.items()}
    kept = choose(
        read_taught(found, timed) if training else read_predictions(found.predictions),
        min_score if min_score is not None else READABLE * (to in LOOKED_AT and not training),
        overlaps if overlaps is not None else training or to not in LOOKED_AT,
    )
    if to == Form.activitynet:
        write_predictions(target, kept, list(videos))
    elif to == Form.vtt:
        write_vtt(target, kept, videos)
    else:
        clocks = read_clocks(found, videos, fps)
        shown = [
            Shown(name, video.file.as_posix(), kept.take(kept.video == name), clocks.get(name))
            for name, video in videos.items()
        ]
        tell_of_frames(to, timestamps, videos, clocks)
        if to == Form.csv:
            mark = {REVIEWED: None} if training else {}
            rows = [row | mark for row in to_rows(shown)]
            write_text(target, to_csv(rows, (*COLUMNS, *mark)))
        elif to == Form.fiftyone:
            write_fiftyone(target, found, shown, timestamps)
        else:
            write_label_studio(target, found, shown, prefix)
    print(f"{target}: {len(kept)} segments of {len(videos)} videos")


def read_taught(run: Run, timed: Mapping[str, tuple[Video, float]]) -> Segments:
    """The segments of the training videos that VLP's pseudo-labels of the round make."""
    path = run.pseudo_labels("vlp")
    if not path.is_dir():
        raise WtalError(
            f"{path}: no pseudo-labels. The warm-up (r0) makes none: name a later round, such as "
            f"{run.data}@r1, or run `dvc checkout`."
        )
    store = read_sequences(path)
    grid, place = SnippetGrid.from_dict(store.attrs["grid"]), store.attrs["classes"].index
    parts = []
    for name in (name for name in store.names if name in timed):
        video, duration_s = timed[name]
        one, columns = store.of(name), {label: place(label) for label in video.labels}
        parts.append(runs_of(name, one["label"], one["score"], columns, grid, duration_s))
    return Segments.join(parts)


def choose(predictions: Segments, least: float, overlaps: bool) -> Segments:
    """Segments of at least a score; if wanted, of overlapping ones of a class the best alone."""
    kept = predictions.take(predictions.score >= least)
    if overlaps or not len(kept):
        return kept
    # matplotlib takes a second to load, and most forms do without
    from wtal_core.pictures import pick_disjoint

    names = sorted(set(kept.video.tolist()))
    return Segments.join([pick_disjoint(kept.take(kept.video == name)) for name in names])


def read_clocks(run: Run, videos: Mapping[str, Video], fps: float | None) -> dict[str, Clock]:
    """When each video's frames are shown, for those whose file is there and can be opened."""
    if fps is not None:
        return dict.fromkeys(videos, SteadyClock(fps))
    # PyAV is needed here alone
    from wtal_core.video.clock import read_times

    clocks: dict[str, Clock] = {}
    for name, video in videos.items():
        path = run.data / video.file
        if path.is_file():
            try:
                clocks[name] = FileClock(*read_times(path))
            except BadVideo as problem:
                print(plain(f"warning: its frames are not numbered: {problem}"))
    return clocks


def tell_of_frames(
    to: Form, timestamps: bool, videos: Mapping[str, Video], clocks: Mapping[str, Clock]
) -> None:
    """What a reader of the numbers should know; WtalError where there would be none."""
    missing = [name for name in videos if name not in clocks]
    if missing and to == Form.fiftyone and not timestamps:
        raise WtalError(
            f"{listed(missing)}: without the video files their frames cannot be numbered. Put them "
            "where labels.json says, or say --fps, or --timestamps."
        )
    if missing and to == Form.csv:
        print(plain(f"warning: without frame numbers, the file is not there: {listed(missing)}"))
    varying = [
        n for n, clock in clocks.items() if isinstance(clock, FileClock) and not clock.steady
    ]
    if varying and to == Form.fiftyone and not timestamps:
        print(
            plain(
                f"note: the frame rate varies in {listed(varying)}. The numbers are those of the "
                "file's frames; FiftyOne's player goes by the mean rate, for which --timestamps "
                "is better."
            )
        )


def write_vtt(out: Path, kept: Segments, videos: Mapping[str, Video]) -> None:
    """A file for each video, by its id."""
    if bad := [name for name in videos if Path(name).name != name or name.startswith(".")]:
        raise WtalError(
            f"{listed([repr(name) for name in bad])}: ids that cannot be file names. Rename them "
            "in labels.json and run again."
        )
    with fresh_folder(out) as fresh:
        for name in videos:
            text = to_vtt(kept.take(kept.video == name))
            (fresh / f"{name}.vtt").write_text(text, encoding="utf-8", newline="")


def write_fiftyone(out: Path, run: Run, shown: list[Shown], timestamps: bool) -> None:
    """labels.json, and data.json, which says where each video lies on this machine."""
    classes = read_labels(run.labels).classes
    with fresh_folder(out) as fresh:
        write_tree(fresh / "labels.json", to_fiftyone(shown, classes, timestamps))
        places = {one.name: str((run.data / one.file).absolute()) for one in shown}
        write_tree(fresh / "data.json", places)


def write_label_studio(out: Path, run: Run, shown: list[Shown], prefix: str) -> None:
    """tasks.json to import, and the labelling interface to paste."""
    rates = {one.name: rate_of(one.clock) for one in shown}
    model = f"wtal {run.data.name} {run.round}"
    with fresh_folder(out) as fresh:
        write_tree(fresh / "tasks.json", to_label_studio(shown, rates, prefix, model))
        config = label_studio_config(read_labels(run.labels).classes)
        (fresh / "interface.xml").write_text(config, encoding="utf-8", newline="")


def rate_of(clock: Clock | None) -> float:
    """Frames a second of a timeline that counts a video's time."""
    if isinstance(clock, FileClock):
        return round(clock.rate, 6)
    return clock.fps if isinstance(clock, SteadyClock) else PLAIN_FPS


def listed(names: list[str]) -> str:
    """The first few, and how many there are."""
    rest = f", ... ({len(names)} in all)" if len(names) > MOST else ""
    return ", ".join(names[:MOST]) + rest
