"""Stage frames: decodes every video once, to a constant frame rate and a common short side.

In: labels.json, the video files, section `video` of dataset.yaml. Out: frames/ with one lossless
file per video and record.json: what became of each video, which ones cannot be used and why.
Where both kinds of features are imported, no video is needed: record.json says so, and holds the
durations that the import recorded.
"""

import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from stages.launch import launch
from wtal_core.annotations import read_labels
from wtal_core.atomic import fresh_folder
from wtal_core.errors import BadVideo
from wtal_core.importing.features_store import imported_videos, write_empty
from wtal_core.items import ItemCache, check_bad, code_version, hash_file, map_videos
from wtal_core.params import read_facts, read_run
from wtal_core.schema.encoders import ClipParams, I3dParams
from wtal_core.schema.video import VideoParams
from wtal_core.sources import find_sources, warn_of_twins
from wtal_core.video import complaints, container, decode, extract, frames, resample, truncation

SUFFIX = ".mkv"
MODULES = (complaints, container, decode, extract, frames, resample, truncation)
PACKAGES = ("av", "opencv-contrib-python-headless")
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Job:
    """One video to decode."""

    source: Path
    params: VideoParams
    cache: ItemCache

    def __str__(self) -> str:
        return str(self.source)


def run(job: Job) -> tuple[str, dict[str, Any]]:
    """Decode one video unless the cache has it; its key in the cache and what became of it."""
    container.check_file(job.source)
    sha256 = hash_file(job.source)
    key = job.cache.key(sha256)
    if not job.cache.has(key, SUFFIX):
        temporary = job.cache.temporary(key, SUFFIX)
        extracted = extract.extract_frames(job.source, temporary, job.params)
        job.cache.commit(key, SUFFIX, temporary, {**extracted.to_dict(), "sha256": sha256})
    return key, job.cache.meta(key)


def main(
    data: Annotated[Path, typer.Argument(help="folder of the data set, e.g. data/demo")],
    params: Annotated[Path, typer.Option(help="the parameters")] = Path("params.yaml"),
) -> None:
    """Decode the videos of DATA into DATA/frames."""
    video = read_facts(data / "dataset.yaml", "video", VideoParams)
    i3d = read_facts(data / "dataset.yaml", "i3d", I3dParams)
    clip = read_facts(data / "dataset.yaml", "clip", ClipParams)
    if i3d.imported and clip.imported:
        known = imported_videos([data / i3d.imported, data / clip.imported])
        write_empty(data / "frames", "both kinds of features are imported", known)
        return
    limit = read_run(params).max_bad_fraction
    sources = find_sources(data, read_labels(data / "labels.json").all_videos)
    shaping = {"fps": video.fps, "short_side": video.short_side}
    cache = ItemCache("frames", code_version(*MODULES, packages=PACKAGES), shaping)
    jobs = [Job(source, video, cache) for source in sources.values()]
    results = dict(zip(sources, map_videos(run, jobs, "frames"), strict=True))
    bad = {name: result for name, result in results.items() if isinstance(result, BadVideo)}
    good = {name: result for name, result in results.items() if not isinstance(result, BadVideo)}
    check_bad(list(bad.values()), len(results), limit)
    warn_of_twins({name: meta["sha256"] for name, (_, meta) in good.items()})
    record = {
        **shaping,
        "videos": {name: meta for name, (_, meta) in good.items()},
        "bad": [{"id": name, **error.to_dict()} for name, error in bad.items()],
    }
    with fresh_folder(data / "frames") as fresh:
        for name, (key, _) in good.items():
            cache.place(key, SUFFIX, fresh / f"{name}{SUFFIX}")
        (fresh / "record.json").write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    launch(main)
