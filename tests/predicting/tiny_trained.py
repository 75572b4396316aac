"""A data set's folder as a finished run leaves it, with networks of toy size that learnt nothing.

Their scores mean nothing, but they are scores: what a run makes of a film can be compared.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from stages.parts.cbp_branches import read_branch
from tests.stages.tiny_method import make_clip
from wtal_core.annotations import write_predictions
from wtal_core.checkpoint import save_checkpoint
from wtal_core.encoders.i3d import InceptionI3d
from wtal_core.items import hash_file
from wtal_core.segments import Segments
from wtal_core.store import write_sequences
from wtal_core.training.weights import trainable_state

ROOT = Path(__file__).parents[2]
CLASSES = ("HopScotch", "run", "swim")
WIDTH, D, E = 0.02, 48, 6  # of a stream, of both streams' features, of CLIP's
FACTS: dict[str, Any] = {
    "dataset": {"name": "toy"},
    "video": {"fps": 20.0, "short_side": 34, "crop": 32},
    "snippet": {"frames": 10, "stride": 6},
    "flow": {"method": "dis", "preset": "ultrafast", "bound": 3.0},
    "i3d": {"batch": 3},
    "clip": {"batch": 5},
    "evaluation": {"protocol": "activitynet"},
    "method": {
        "cbp": {"width": 8, "heads": 2, "embed": 1, "stem": 1, "levels": 1},
        "vlp": {"heads": 2, "prefix": 2, "suffix": 2, "positions": 40},
        "localize": {"class_floor": 0.0},
    },
}


def make_trained(folder: Path, facts: dict[str, Any] | None = None) -> Path:
    """Write it; the folder data/toy, with params.yaml beside data/. Round r1 is finished."""
    data = folder / "data" / "toy"
    data.mkdir(parents=True)
    (folder / "params.yaml").write_text((ROOT / "params.yaml").read_text())
    (data / "dataset.yaml").write_text(yaml.safe_dump(FACTS | (facts or {})))
    videos = {"v": {"file": "videos/v.mp4", "subset": "test"}}
    (data / "labels.json").write_text(json.dumps({"classes": CLASSES, "videos": videos}))
    make_clip(data / "encoders" / "clip")
    with torch.random.fork_rng():
        torch.manual_seed(3)
        for stream, channels in (("rgb", 3), ("flow", 2)):
            state = InceptionI3d(channels, WIDTH).state_dict()
            save_checkpoint(data / "encoders" / f"i3d_{stream}", state, {"width": WIDTH})
    write_round(data, CLASSES, D)
    write_stores(data)
    return data


def write_round(data: Path, classes: Sequence[str], i3d_width: int) -> None:
    """Round r1 of a data set that has no features yet: its branches, and no prediction."""
    with torch.random.fork_rng():
        torch.manual_seed(4)
        chosen = read_branch(data.parents[1] / "params.yaml", data / "dataset.yaml")
        meta = {
            "branch": "cbp", "network": "pyramid", "inputs": "i3d", "classes": list(classes),
            "in_channels": i3d_width, "clip_channels": 0, "distilled": False,
        }  # fmt: skip
        save_checkpoint(data / "r1" / "cbp", trainable_state(chosen.build(meta)), meta)
    vlp = {"branch": "vlp", "vanilla": True, "distilled": False, "classes": list(classes)}
    save_checkpoint(data / "r1" / "vlp", {}, vlp)
    write_predictions(data / "r1" / "predictions.json", Segments.empty(), ["v"])


def write_stores(data: Path, **more: Any) -> None:
    """Features of the test video, whose attributes say what made them; `more` changes I3D's."""
    grid = {"fps": 20.0, "window": 10, "stride": 6, "offset": 0}
    hashes = {
        name: hash_file(data / "encoders" / name / "model.safetensors")
        for name in ("i3d_rgb", "i3d_flow", "clip")
    }
    streams = {s: {"weights_sha256": hashes[f"i3d_{s}"]} for s in ("rgb", "flow")}
    for kind, width, attrs in (
        ("i3d", D, {"streams": streams, "crop": 32} | more),
        ("clip", E, {"weights_sha256": hashes["clip"]}),
    ):
        rows = {"feat": np.ones((4, width), np.float16)}
        path = data / kind / "test.zarr"
        write_sequences(path, [("v", rows)], {"feat": ("T", "D")}, {"grid": grid} | attrs)
