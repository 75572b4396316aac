"""`wtal predict`: new videos through a trained run, to a table and to files."""

import re
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from wtal_cli.description import Description, Table
from wtal_cli.documents import refuse_strangers, sole_writer
from wtal_cli.plain import plain
from wtal_cli.run_ import RunArgument, open_run
from wtal_cli.show import show
from wtal_core.errors import BadVideo, WtalError
from wtal_core.pool import worker_count
from wtal_core.predicting.names import name_videos
from wtal_core.predicting.settings import RunSettings, read_settings

if TYPE_CHECKING:  # these load torch and OpenCV, which takes seconds
    from wtal_cli.report_media import Mode
    from wtal_core.predicting.localizing import Prediction

LEFT_OUT = 3  # exit code: some videos could not be used, the others were
READABLE = 0.3  # least score where people look at the segments one by one
RECORD = "predict.json"  # a folder that holds it came from here, and may be replaced


def predict(
    run: RunArgument,
    videos: Annotated[list[Path], typer.Argument(metavar="VIDEO...", help="video files")],
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="folder to write the results to")
    ] = None,
    page: Annotated[
        bool, typer.Option(help="with -o: also pages to look at, as `wtal report` makes")
    ] = True,
    media: Annotated[
        str,
        typer.Option(help="videos of the pages, as of `wtal report`: copy, link or none"),
    ] = "copy",
    min_score: Annotated[
        float,
        typer.Option(help="leave worse segments out of the table and the subtitles", min=0, max=1),
    ] = READABLE,
    params: Annotated[
        Path | None, typer.Option(help="the parameters; default params.yaml beside data/")
    ] = None,
) -> None:
    """Find the actions in new VIDEOs by a trained RUN, with the run's own settings and encoders.

    Prints a table; with -o also predictions.json (ActivityNet's form), predictions.csv, a .vtt file
    of subtitles for each video, page/index.html with the player over the segments and the scores,
    and a folder below data/ that `wtal report` and `wtal export` take as a RUN. Exit code 3: some
    videos could not be used, the others were.
    """
    found = open_run(run)
    beside = found.data.resolve().parents[1] / "params.yaml"
    settings = read_settings(found.data, found.round, params or beside)
    if out is not None:
        refuse_strangers(out, RECORD)
        mode = check_media(media)
    with nullcontext() if out is None else sole_writer(out):
        check_run(settings)
        names = name_videos(videos)
        bad: dict[str, WtalError] = {}
        for name, path in names.items():
            try:
                check_readable(path)
            except BadVideo as problem:
                note(bad, name, problem)
        good = {name: path for name, path in names.items() if name not in bad}
        done = run_all(settings, good, bad, min_score) if good else []
        if not done:
            raise WtalError(f"none of the {len(names)} videos can be used, see above")
        if out is not None:
            from wtal_cli.predict_files import write_page, write_results

            write_results(
                out, settings, done, {name: (names[name], bad[name]) for name in bad}, min_score
            )
            if page:
                write_page(out, settings, mode)
            look = f"; open {out / 'page' / 'index.html'} in a browser" if page else ""
            print(plain(f"{out}: {len(done)} videos{look}"))
        if bad:
            print(f"error: {len(bad)} of {len(names)} videos could not be used", file=sys.stderr)
            raise typer.Exit(LEFT_OUT)


def check_run(settings: RunSettings) -> None:
    """Raise WtalError where new videos would not be encoded as the run's were."""
    # OpenCV takes a moment to load, and what is missing is said before
    from wtal_core.predicting.flow_check import check_flow

    check_flow(settings)


def check_media(media: str) -> "Mode":
    """Raise WtalError for a word that `wtal report` does not know."""
    from wtal_cli.report_media import MODES

    for mode in MODES:
        if media == mode:
            return mode
    raise WtalError(f"--media is one of {', '.join(MODES)}, got {media!r}")


def check_readable(path: Path) -> None:
    """Raise BadVideo for a file that is not there, empty or not to be read."""
    from wtal_core.video.container import check_file

    if not path.exists() and re.match(r"[a-z]{2,}:/", str(path)):
        raise BadVideo("E109", str(path), "an address, no file", "download it and name the file")
    if path.exists() and not (path.is_file() or path.is_dir()):
        # opening a pipe would wait for its writer, and one can be read only once
        raise BadVideo(
            "E109", str(path), "a pipe or a device, no file", "save it to a file and name that"
        )
    if path.is_dir():
        raise BadVideo("E109", str(path), "a folder", f"name its videos, such as {path}/*.mp4")
    check_file(path)


def run_all(
    settings: RunSettings, videos: dict[str, Path], bad: dict[str, WtalError], min_score: float
) -> list["Prediction"]:
    """Predictions of the videos, each shown as it comes; what cannot be used is added to `bad`."""
    from stages.parts.trained import load_localizer
    from wtal_cli.predict_work import Job, encode_apart

    threads = worker_count()
    jobs = [
        Job(path, settings, threads, number, len(videos))
        for number, path in enumerate(videos.values(), start=1)
    ]
    localizer = load_localizer(settings)
    console, done = Console(), []
    for job, result in encode_apart(jobs):
        name = list(videos)[job.number - 1]
        if isinstance(result, WtalError):
            note(bad, name, result)
            continue
        made = localizer.localize_video(result, name)
        done.append(made)
        show(describe(made, min_score), console)
    return done


def note(bad: dict[str, WtalError], name: str, problem: WtalError) -> None:
    """One video's fault; the others go on."""
    if isinstance(problem, BadVideo) and "labels.json" in problem.remedy:
        # words for a data set's video, which this one is not
        remedy = "name the video itself, or leave it out"
        problem = BadVideo(problem.code, problem.file, problem.cause, remedy)
    bad[name] = problem
    print(f"error: {plain(str(problem))}", file=sys.stderr)


def describe(made: "Prediction", min_score: float) -> Description:
    """The segments that people look at, and what they cost."""
    from wtal_cli.export import choose
    from wtal_core.exporting.forms import in_time

    kept = choose(made.segments, min_score, overlaps=False)
    facts = {
        "length": f"{made.duration_s:.2f} s",
        "work": f"{made.work_s:.1f} s, {made.effort:.2f} s per second of video",
    }
    if not len(kept):
        best = f"{made.segments.score.max():.2f}" if len(made.segments) else "none"
        facts["segments"] = f"none of score {min_score:g} or more (best: {best})"
        return Description(name_of(made), facts)
    rows = tuple(
        (clock(start_s), clock(end_s), label, f"{score:.2f}")
        for label, start_s, end_s, score in in_time(kept)
    )
    title = f"{len(kept)} segments of score {min_score:g} or more"
    return Description(
        name_of(made), facts, [Table(title, ("from", "to", "action", "score"), rows)]
    )


def name_of(made: "Prediction") -> str:
    """The file, on one line."""
    return str(made.source).replace("\n", "\\n")


def clock(seconds: float) -> str:
    """`1:02:03.45`, hours where there are any."""
    hundredths = round(100 * seconds)
    minutes, rest = divmod(hundredths, 6000)
    hours, minutes = divmod(minutes, 60)
    start = f"{hours}:{minutes:02d}" if hours else f"{minutes}"
    return f"{start}:{rest // 100:02d}.{rest % 100:02d}"
