"""CLIP's image tower on every snippet of a data set's videos; apart from stage features_clip, which
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
    clip,
    clip_image,
    clip_net,
    clip_tower,
    nets,
    openvino_net,
    windows,
)
from wtal_core.encoders.backends import Backend
from wtal_core.errors import WtalError
from wtal_core.grid import SnippetGrid
from wtal_core.importing.features_store import read_record
from wtal_core.items import ItemCache, code_version, hash_file, map_items
from wtal_core.params import read_facts
from wtal_core.schema.dataset import SnippetParams
from wtal_core.schema.encoders import ClipParams
from wtal_core.store import write_sequences
from wtal_core.video import frames

SUFFIX = ".npy"
MODULES = (
    backends, clip, clip_image, clip_net, clip_tower, nets, openvino_net, windows, frames,
)  # fmt: skip
PACKAGES = ("torch", "open_clip_torch", "av")


@dataclass(frozen=True)
class Job:
    """One video."""

    frames: Path
    n_frames: int
    weights: Path
    grid: SnippetGrid
    batch: int
    backend: Backend
    cache: ItemCache

    def __str__(self) -> str:
        return str(self.frames)


def run(job: Job) -> Path:
    """Encode one video unless the cache has it; where its (T, E) features lie."""
    key = job.cache.key(hash_file(job.frames))
    if not job.cache.has(key, SUFFIX):
        temporary = job.cache.temporary(key, SUFFIX)
        with temporary.open("wb") as file:
            np.save(file, encode(job), allow_pickle=False)
        job.cache.commit(key, SUFFIX, temporary)
    return job.cache.path(key, SUFFIX)


@torch.inference_mode()
def encode(job: Job) -> np.ndarray:
    """Image embeddings (T, E) float16 of one video's snippets."""
    net = network(job.weights, job.backend, job.batch)
    parts = []
    centres = torch.from_numpy(windows.centre_frames(job.n_frames, job.grid))
    for chosen in centres.split(net.whole(job.batch)):
        parts.append(net(torch.from_numpy(frames.read_frames_at(job.frames, chosen.numpy()))))
    return torch.cat(parts).half().numpy()


@cache
def network(weights: Path, backend: Backend, batch: int) -> nets.Net:
    """The image tower of a checkpoint; a process loads it once."""
    tensors, meta = load_checkpoint(weights)
    return clip_net.open_clip_images(meta["config"], tensors, backend, batch)


def describe(job: Job) -> dict[str, Any]:
    """What the store says about itself."""
    config = load_checkpoint(job.weights)[1]["config"]
    return {
        "encoder": "clip",
        **job.backend.record,
        "model": config,
        "weights_sha256": hash_file(job.weights / WEIGHTS),
        "grid": job.grid.to_dict(),
        "frame": "centre of the snippet",
        "channel_order": "RGB",
        "value_range": "[0, 1], less CLIP's mean, over its standard deviation",
        "normalised": False,
    }


def check_width(imported: Path, weights: Path) -> None:
    """Raise WtalError unless imported image features and the text tower share a space."""
    width = read_record(imported)["columns"]
    embed = load_checkpoint(weights)[1]["config"]["embed_dim"]
    if width != embed:
        raise WtalError(
            f"{imported}: {width} columns, but the text tower of {weights} embeds in {embed}; "
            "import features of that CLIP model, or put the model's own weights there "
            "(1024: ResNet-50, 512: ViT-B/16 or ViT-B/32, 768: ViT-L/14)"
        )


def encode_videos(data: Path, params: ClipParams) -> None:
    """Encode DATA/frames into DATA/clip."""
    snippet = read_facts(data / "dataset.yaml", "snippet", SnippetParams)
    record = read_json(data / "frames" / "record.json")
    grid = SnippetGrid(record["fps"], snippet.frames, snippet.stride)
    weights = data / params.weights
    backend = choose_backend(data, "clip")
    decisive: dict[str, Any] = {
        "grid": grid.to_dict(), "weights": hash_file(weights / WEIGHTS), **backend.record,
    }  # fmt: skip
    if nets.find_machine().cuda:  # where features depend on the batch, in their last digits
        decisive["batch"] = params.batch
    version = code_version(*MODULES, packages=(*PACKAGES, *backend.packages))
    cache = ItemCache("features_clip", version, decisive)
    jobs = {
        name: Job(
            data / "frames" / f"{name}.mkv",
            facts["frames"],
            weights,
            grid,
            params.batch,
            backend,
            cache,
        )
        for name, facts in record["videos"].items()
    }
    results = map_items(run, list(jobs.values()), "features_clip")
    feat = {name: np.load(path) for name, path in zip(jobs, results, strict=True)}
    labels = read_labels(data / "labels.json")
    with fresh_folder(data / "clip") as fresh:
        for subset in SUBSETS:
            names = [video.id for video in labels.videos(subset) if video.id in jobs]
            if names:
                write_sequences(
                    fresh / f"{subset}.zarr",
                    ((name, {"feat": feat[name]}) for name in names),
                    {"feat": ("T", "E")},
                    {"subset": subset, **describe(jobs[names[0]])},
                )
