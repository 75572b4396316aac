"""`wtal report`: a run, or two side by side, as a folder of pages that opens from disk."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from wtal_cli.documents import refuse_strangers, sole_writer, write_tree
from wtal_cli.report_material import read_material
from wtal_cli.report_media import MODES, Job, Mode, make_media
from wtal_cli.run_ import Run, RunArgument, open_run
from wtal_core.annotations import SUBSETS, read_labels
from wtal_core.atomic import fresh_folder
from wtal_core.errors import WtalError
from wtal_core.reporting.material import RunMaterial
from wtal_core.reporting.site import Site, describe, index_page, plot_files, video_page

RECORD = "report.json"  # a folder that holds it is a report, and may be replaced by one


def report(
    run: RunArgument,
    other: Annotated[
        str | None, typer.Argument(metavar="OTHER", help="a second run to show beside it")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="folder to write; default reports/<run>")
    ] = None,
    subset: Annotated[
        str, typer.Option(help="whose videos get a page: test, train or all")
    ] = "all",
    media: Annotated[
        str,
        typer.Option(
            help="copy: videos go into the folder, so it can be moved; link: pages point at the "
            "originals; none: thumbnails alone. What no browser plays becomes a small H.264 copy"
        ),
    ] = "copy",
    params: Annotated[
        Path | None, typer.Option(help="the parameters; default params.yaml beside data/")
    ] = None,
    results: Annotated[
        Path | None, typer.Option(help="where metrics lie; default results/ beside data/")
    ] = None,
) -> None:
    """Write RUN as web pages: metrics, classes, errors and parameters, and for every video the
    player over a timeline of ground truth, predictions, scores and pseudo-labels. Open index.html
    in a browser; nothing is served, and nothing is loaded from a network.
    """
    if media not in MODES:
        raise WtalError(f"--media is one of {', '.join(MODES)}, got {media!r}")
    if subset not in ("all", *SUBSETS):
        raise WtalError(f"--subset is one of all, {', '.join(SUBSETS)}, got {subset!r}")
    runs = [open_run(text) for text in (run, other) if text is not None]
    names = name_runs(runs)
    target = out or Path("reports") / "_".join(name.replace("@", "-") for name in names)
    refuse_strangers(target, RECORD)
    with sole_writer(target):
        material = [
            read_material(
                one, name, params or one.data.resolve().parents[1] / "params.yaml",
                (results or one.data.resolve().parents[1] / "results") / one.data.name,
            )
            for one, name in zip(runs, names, strict=True)
        ]  # fmt: skip
        count = write_report(target, runs, material, subset, media)
    print(f"{count} videos; open {target / 'index.html'} in a browser")


def name_runs(runs: Sequence[Run]) -> list[str]:
    """`demo@r2`; two of the same folder name get A and B, since paths say nothing elsewhere."""
    names = [f"{run.data.resolve().name}@{run.round}" for run in runs]
    if len(set(names)) < len(names):
        return [f"{letter} {name}" for letter, name in zip("AB", names, strict=True)]
    return names


def write_report(
    target: Path, runs: Sequence[Run], material: list[RunMaterial], subset: str, mode: Mode
) -> int:
    """The whole folder or nothing; the number of videos in it."""
    site = Site.plan(material, subset)
    sources = find_sources(runs)
    with fresh_folder(target) as fresh:
        jobs = {
            name: Job(*sources[name], site.slugs[name], fresh, target, mode) for name in site.facts
        }
        media = make_media(jobs)
        files = plot_files(site) | {"index.html": index_page(site, media)}
        for name, slug in site.slugs.items():
            files[f"videos/{slug}.html"] = video_page(site, name, media[name])
        for address, content in files.items():
            (fresh / address).parent.mkdir(parents=True, exist_ok=True)
            (fresh / address).write_bytes(content)
        write_tree(fresh / RECORD, describe(site))
    return len(site.facts)


def find_sources(runs: Sequence[Run]) -> dict[str, tuple[Path, str]]:
    """Video id: its file, and its name in the data set's folder; of the first run that has it."""
    found: dict[str, tuple[Path, str]] = {}
    for run in runs:
        for video in read_labels(run.labels).all_videos:
            found.setdefault(video.id, (run.data / video.file, video.file.as_posix()))
    return found
