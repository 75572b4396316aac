"""Both streams of I3D on every snippet of a data set's videos; apart from stage features_i3d, which
looks for the weights before torch is loaded.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from stages.parts.encoding_backend import choose_backend
from wtal_core.annotations import SUBSETS, read_json, read_labels
from wtal_core.atomic import fresh_folder
from wtal_core.checkpoint import WEIGHTS, load_checkpoint
from wtal_core.encoders import (
    backends,
    i3d,
    i3d_folded,
    i3d_net,
    nets,
    openvino_net,
    windows,
)
from wtal_core.encoders.backends import Backend
from wtal_core.errors import WtalError
from wtal_core.grid import SnippetGrid
from wtal_core.items import ItemCache, code_version, hash_file, map_items
from wtal_core.params import read_facts
from wtal_core.schema.dataset import SnippetParams
from wtal_core.schema.encoders import I3dParams
from wtal_core.schema.video import VideoParams
from wtal_core.store import write_sequences
from wtal_core.video import frames

SUFFIX = ".npy"
MODULES = (backends, i3d, i3d_folded, i3d_net, nets, openvino_net, windows, frames)
PACKAGES = ("torch", "av")
STREAMS = ("rgb", "flow")  # in the order of the columns


@dataclass(frozen=True)
class Job:
    """One stream of one video."""

    stream: str
    frames: Path
    flow: Path
    n_frames: int
    weights: Path
    grid: SnippetGrid
    crop: int
    batch: int
    backend: Backend
    cache: ItemCache

    def __str__(self) -> str:
        return f"{self.frames} ({self.stream})"


def run(job: Job) -> Path:
    """Encode one stream of one video unless the cache has it; where its (T, D) features lie."""
    # Flow of a single frame takes its size from the frames, so they count for both streams.
    key = job.cache.key(hash_file(job.frames), hash_file(job.flow))
    if not job.cache.has(key, SUFFIX):
        temporary = job.cache.temporary(key, SUFFIX)
        with temporary.open("wb") as file:
            np.save(file, encode(job), allow_pickle=False)
        job.cache.commit(key, SUFFIX, temporary)
    return job.cache.path(key, SUFFIX)


@torch.inference_mode()
def encode(job: Job) -> np.ndarray:
    """Features (T, D) float16 of one stream of one video."""
    pictures = frames.iter_frames(job.frames)
    if job.stream == "flow":
        pictures = windows.flow_or_still(frames.iter_flow(job.flow), next(pictures))
    net = network(job.weights, (job.grid.window, job.crop, job.crop), job.backend, job.batch)
    batch = net.whole(job.batch)
    batches = windows.snippet_batches(pictures, job.n_frames, job.grid, job.crop, batch)
    feat_TD = torch.cat([net(clips_BCFHW) for clips_BCFHW in batches]).half().numpy()
    if len(feat_TD) != job.grid.count(job.n_frames):
        raise WtalError(f"{job}: {len(feat_TD)} snippets do not fit {job.n_frames} frames")
    return feat_TD


@cache
def network(weights: Path, sizes: i3d.Triple, backend: Backend, batch: int) -> nets.Net:
    """The network of a checkpoint; a process loads it once."""
    tensors, meta = load_checkpoint(weights)
    return i3d_net.open_i3d(meta["width"], tensors, sizes, backend, batch)


def make_jobs(data: Path, grid: SnippetGrid, backend: Backend) -> dict[str, list[Job]]:
    """Video -> its jobs, one per stream. Raises WtalError when flow and frames do not match."""
    params = read_facts(data / "dataset.yaml", "i3d", I3dParams)
    crop = read_facts(data / "dataset.yaml", "video", VideoParams).crop
    weights = {"rgb": data / params.rgb, "flow": data / params.flow}
    version = code_version(*MODULES, packages=(*PACKAGES, *backend.packages))
    shared = {"grid": grid.to_dict(), "crop": crop, **backend.record}
    if nets.find_machine().cuda:  # where features depend on the batch, in their last digits
        shared["batch"] = params.batch
    caches = {
        stream: ItemCache(
            "features_i3d", version, {**shared, "weights": hash_file(weights[stream] / WEIGHTS)}
        )
        for stream in STREAMS
    }
    fields = read_json(data / "flow" / "record.json")["videos"]
    jobs: dict[str, list[Job]] = {}
    for name, facts in read_json(data / "frames" / "record.json")["videos"].items():
        if name not in fields or fields[name]["fields"] != facts["frames"] - 1:
            raise WtalError(f"{data / 'flow'}: {name} does not match frames/; rerun stage flow")
        jobs[name] = [
            Job(
                stream, data / "frames" / f"{name}.mkv", data / "flow" / f"{name}.mkv",
                facts["frames"], weights[stream], grid, crop, params.batch, backend,
                caches[stream],
            )
            for stream in STREAMS
        ]  # fmt: skip
    return jobs


def describe(data: Path, jobs: list[Job], columns: list[int]) -> dict[str, Any]:
    """What the store says about itself, from the jobs of one video."""
    made = read_json(data / "flow" / "record.json")
    return {
        "encoder": "i3d",
        **jobs[0].backend.record,
        "streams": {
            job.stream: {
                "columns": [sum(columns[:i]), sum(columns[: i + 1])],
                "width": load_checkpoint(job.weights)[1]["width"],
                "weights_sha256": hash_file(job.weights / WEIGHTS),
            }
            for i, job in enumerate(jobs)
        },
        "grid": jobs[0].grid.to_dict(),
        "crop": jobs[0].crop,
        "channel_order": {"rgb": "RGB", "flow": "xy"},
        "value_range": [-1, 1],
        "flow": {key: value for key, value in made.items() if key != "videos"},
        "pooling": "mean over time and space",
    }


def encode_videos(data: Path) -> None:
    """Encode DATA/frames and DATA/flow into DATA/i3d."""
    snippet = read_facts(data / "dataset.yaml", "snippet", SnippetParams)
    fps = read_json(data / "frames" / "record.json")["fps"]
    grid = SnippetGrid(fps, snippet.frames, snippet.stride)
    jobs = make_jobs(data, grid, choose_backend(data, "i3d"))
    flat = [job for streams in jobs.values() for job in streams]
    paths = iter(list(map_items(run, flat, "features_i3d")))
    feat = {name: [np.load(next(paths)) for _ in streams] for name, streams in jobs.items()}
    columns = [part.shape[1] for part in next(iter(feat.values()))]
    labels = read_labels(data / "labels.json")
    with fresh_folder(data / "i3d") as fresh:
        for subset in SUBSETS:
            names = [video.id for video in labels.videos(subset) if video.id in jobs]
            if names:
                write_sequences(
                    fresh / f"{subset}.zarr",
                    ((name, {"feat": np.concatenate(feat[name], axis=1)}) for name in names),
                    {"feat": ("T", "D")},
                    {"subset": subset, **describe(data, jobs[names[0]], columns)},
                )
