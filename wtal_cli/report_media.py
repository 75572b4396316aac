"""Thumbnails, and videos that a browser plays, into the folder of a report."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from wtal_core.errors import BadVideo
from wtal_core.pool import run_pool, worker_count
from wtal_core.progress import report
from wtal_core.reporting.material import Media
from wtal_core.video.preview import copy_video, draw_thumbnail, is_playable, write_preview

Mode = Literal["copy", "link", "none"]
MODES: tuple[Mode, ...] = ("copy", "link", "none")
THUMB = 320  # px
PREVIEW = 640  # px, longest side


@dataclass(frozen=True)
class Job:
    """One video file and where what is made of it goes; told: its name in labels.json."""

    source: Path
    told: str
    slug: str
    folder: Path  # being filled
    final: Path  # where `folder` will stand
    mode: Mode


def make_media(jobs: Mapping[str, Job]) -> dict[str, Media]:
    """Fill thumbs/ and media/; what there is to show of each video."""
    for folder in {job.folder for job in jobs.values()}:
        for name in ("thumbs", "media"):
            (folder / name).mkdir()
    names, waiting = list(jobs), list(jobs.values())
    found: dict[str, Media] = {}
    done = run_pool(prepare, waiting, worker_count())
    for index, result in report(done, "report: videos", len(waiting)):
        # a worker that died on a file costs its picture only
        good = result if isinstance(result, Media) else Media(note=why_not(waiting[index], result))
        found[names[index]] = good
    return found


def prepare(job: Job) -> Media:
    """One video, in a worker process."""
    if not job.source.is_file():
        return Media(note=f"{job.told} is not there; the tracks below do without it.")
    try:
        picture = draw_thumbnail(job.source, THUMB)
        (job.folder / "thumbs" / f"{job.slug}.jpg").write_bytes(picture)
        return _moving(job)
    except BadVideo as err:
        return Media(note=why_not(job, err))


def why_not(job: Job, problem: Any) -> str:
    """For the page: without the path, which differs from machine to machine."""
    cause = f"{problem.code}: {problem.cause}" if isinstance(problem, BadVideo) else "unreadable"
    return f"{job.told} cannot be shown ({cause}); the tracks below do without it."


def _moving(job: Job) -> Media:
    if job.mode == "none":
        return Media(note="This report was written without videos.", thumb=True)
    if not is_playable(job.source):
        write_preview(job.source, job.folder / "media" / f"{job.slug}.mp4", PREVIEW)
        told = "A small copy without sound: browsers do not play the original."
        return Media(f"../media/{job.slug}.mp4", told, thumb=True)
    if job.mode == "copy":
        name = f"{job.slug}{job.source.suffix.lower()}"
        copy_video(job.source, job.folder / "media" / name)
        return Media(f"../media/{name}", thumb=True)
    # by the folders' real places: a link on the way would lead the browser elsewhere
    there = os.path.relpath(job.source.absolute(), (job.final / "videos").resolve())
    return Media(quote(Path(there).as_posix()), thumb=True)
