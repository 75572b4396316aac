"""Stage flow: optical flow from each frame to the next, clipped and quantised as I3D wants it.

In: frames/, section `flow` of dataset.yaml. Out: flow/ with one lossless file per video (one field
less than there are frames) and record.json. Where I3D features are imported, no flow is needed, and
record.json says so.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from stages.launch import launch
from wtal_core.annotations import read_json
from wtal_core.atomic import fresh_folder
from wtal_core.importing.features_store import write_empty
from wtal_core.items import ItemCache, code_version, hash_code, hash_file, map_items
from wtal_core.params import read_facts
from wtal_core.pool import worker_count
from wtal_core.schema.encoders import I3dParams
from wtal_core.schema.video import FlowParams
from wtal_core.video import flow, frames
from wtal_core.video.tvl1 import engine

SUFFIX = ".mkv"
MODULES = (flow, frames)
PACKAGES = ("av", "opencv-contrib-python-headless")
GPU_PACKAGES = ("torch",)  # which pins Triton's version


@dataclass(frozen=True)
class Job:
    """One video's frames."""

    source: Path
    fps: float
    params: FlowParams
    threads: int
    cache: ItemCache

    def __str__(self) -> str:
        return str(self.source)


def run(job: Job) -> tuple[str, dict[str, Any]]:
    """Compute one video's flow unless the cache has it; its key in the cache and its size."""
    key = job.cache.key(hash_file(job.source))
    if not job.cache.has(key, SUFFIX):
        temporary = job.cache.temporary(key, SUFFIX)
        fields = flow.iter_flow(frames.iter_frames(job.source), job.params, job.threads)
        count = frames.write_flow(temporary, fields, job.fps)
        job.cache.commit(key, SUFFIX, temporary, {"fields": count})
    return key, job.cache.meta(key)


def version(params: FlowParams) -> str:
    """Of the code that decides the flow; OpenCV's does not depend on ours."""
    decides = code_version(*MODULES, packages=PACKAGES)
    if not params.ours:
        return decides
    if flow.on_gpu(params):
        return decides + hash_code(engine.GPU_SOURCES, GPU_PACKAGES)
    return decides + hash_code(engine.SOURCES) + "".join(map(hash_file, engine.FOREIGN_SOURCES))


def main(
    data: Annotated[Path, typer.Argument(help="folder of the data set, e.g. data/demo")],
) -> None:
    """Compute the flow of DATA/frames into DATA/flow."""
    params = read_facts(data / "dataset.yaml", "flow", FlowParams)
    if read_facts(data / "dataset.yaml", "i3d", I3dParams).imported:
        write_empty(data / "flow", "I3D features are imported", {})
        return
    made = read_json(data / "frames" / "record.json")
    cache = ItemCache("flow", version(params), flow.identify(params))
    # Cores that would find no video take pairs of frames of another's.
    threads = max(1, worker_count() // max(1, len(made["videos"])))
    jobs = [
        Job(data / "frames" / f"{name}{SUFFIX}", made["fps"], params, threads, cache)
        for name in made["videos"]
    ]
    flow.prepare(params)
    fields = map_items(run, jobs, "flow", flow.processes(params, worker_count()))
    results = dict(zip(made["videos"], fields, strict=True))
    record = {
        **flow.identify(params),
        "videos": {name: meta for name, (_, meta) in results.items()},
    }
    with fresh_folder(data / "flow") as fresh:
        for name, (key, _) in results.items():
            cache.place(key, SUFFIX, fresh / f"{name}{SUFFIX}")
        (fresh / "record.json").write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    launch(main)
