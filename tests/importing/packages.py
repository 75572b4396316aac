"""Tiny packages of features in the layouts that people have, and a data set to import them into.

Four videos of 7, 11, 14 and 5 snippets; RGB and flow have 6 columns each, so do CLIP's.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from wtal_core.grid import SnippetGrid

GRID = SnippetGrid(fps=25, window=16, stride=16)
LENGTHS = {"b": 7, "a": 11, "d": 14, "c": 5}
SUBSETS = {"b": "train", "a": "test", "d": "train", "c": "test"}
WIDTH = 6
YAML = """# facts of a tiny data set
dataset: {name: tiny}
i3d: {rgb: encoders/i3d_rgb, flow: encoders/i3d_flow}  # ours
clip:
  # one model
  weights: encoders/clip
method: {}
"""


def make_data(folder: Path, durations: Mapping[str, float] | None = None) -> Path:
    """labels.json, ground_truth.json with durations that fit the lengths, and dataset.yaml."""
    data = folder / "data" / "tiny"
    data.mkdir(parents=True)
    known = {name: GRID.extent_s(n) for name, n in LENGTHS.items()} | dict(durations or {})
    labels = {
        name: {"file": f"videos/{name}.mp4", "subset": subset}
        | ({"labels": ["run"]} if subset == "train" else {})
        for name, subset in SUBSETS.items()
    }
    database = {
        name: {"subset": SUBSETS[name], "duration": known[name], "annotations": []}
        for name in SUBSETS
    }
    dump(data / "labels.json", {"classes": ["hop", "run"], "videos": labels})
    dump(data / "ground_truth.json", {"database": database})
    (data / "dataset.yaml").write_text(YAML)
    return data


def dump(path: Path, tree: Any) -> None:
    path.write_text(json.dumps(tree))


def rows(name: str, width: int = WIDTH, lengths: Mapping[str, int] = LENGTHS) -> np.ndarray:
    """(T, width) float32 that no other video has."""
    rng = np.random.default_rng([ord(name), width])
    return rng.normal(size=(lengths[name], width)).astype(np.float32)


def save(path: Path, array: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, array, allow_pickle=False)
    return path


def files(folder: Path, width: int = 2 * WIDTH) -> Path:
    """One file a video."""
    for name in LENGTHS:
        save(folder / f"{name}.npy", rows(name, width))
    return folder


def object_array(folder: Path, width: int = 2 * WIDTH) -> Path:
    """W-TALC's form: rows in an order of their own, names as bytes beside."""
    order = ["d", "a", "c", "b"]
    packed = np.empty(len(order), dtype=object)
    packed[:] = [rows(name, width) for name in order]
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "Tiny-I3D-JOINTFeatures.npy", packed, allow_pickle=True)
    notes = folder / "Tiny-Annotations"
    notes.mkdir()
    np.save(notes / "videoname.npy", np.array([n.encode() for n in order]), allow_pickle=False)
    return folder
