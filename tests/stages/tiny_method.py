"""A data folder as the feature stages leave it: three classes, nine videos, a CLIP of toy size.

In I3D space a class is a vector during a short peak; in CLIP space its text embedding stands in
the frames of a longer visit, as the method expects.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from torch.nn import functional as F

from wtal_core.checkpoint import save_checkpoint
from wtal_core.encoders.clip import PromptedText, build_clip, load_clip
from wtal_core.grid import SnippetGrid
from wtal_core.schema.encoders import ClipPretrainParams
from wtal_core.store import write_sequences

ROOT = Path(__file__).parents[2]
CLASSES = ("HopScotch", "run", "swim")
GRID = SnippetGrid(fps=25, window=16, stride=16)
TRAIN, TEST, I3D_WIDTH = 6, 3, 10
STEP = {"epochs": 2, "min_steps": 3, "lr": 3e-3}
METHOD: dict[str, dict[str, Any]] = {
    "branch": {},
    "cbp": {"width": 8, "heads": 2, "embed": 1, "stem": 1, "levels": 1, "input_dropout": 0.0},
    "um": {"width": 16, "dropout": 0.0, "select_dropout": 0.2, "margin": 6.0},
    "co2net": {"width": 12, "attention_width": 6, "dropout": 0.0, "attention_dropout": 0.1},
    "delu": {"width": 12, "attention_width": 6, "dropout": 0.0, "attention_dropout": 0.1},
    "vlp": {"heads": 2, "prefix": 2, "suffix": 2, "positions": 40},
    "warm_up": STEP | {"epochs": 12},
    "b_step": dict(STEP),
    "f_step": dict(STEP),
    "pseudo_labels": {"minmax": True},  # so that a barely trained branch passes both thresholds
    "loss": {},
    "localize": {},
    "fustal_generate": {"width": 12, "batch": 4, "epochs": 3, "min_steps": 2, "lr": 3e-3},
    "fustal_propose": {},
    "fustal_filter": {},
    "student": {
        "width": 8,
        "heads": 2,
        "embed": 1,
        "stem": 0,
        "levels": 2,
        "window": 2,
        "head_layers": 1,
        "bins": 4,
        "epochs": 2,
        "batch": 4,
        "lr": 3e-3,
        "ema_from": 1,
        "ema_decay": 0.8,
        "norm_start": 10.0,
        "candidates": 60,
        "max_per_video": 30,
    },
}


def make_data(folder: Path) -> Path:
    """Write it; the folder of the data set. `params.yaml` lies beside."""
    data = folder / "tiny"
    (data / "frames").mkdir(parents=True)
    facts = yaml.safe_load((ROOT / "data" / "demo" / "dataset.yaml").read_text()) | {
        "method": METHOD
    }
    (data / "dataset.yaml").write_text(yaml.safe_dump(facts))
    (folder / "params.yaml").write_text((ROOT / "params.yaml").read_text())
    lengths = {f"v{n}": 20 + n for n in range(TRAIN + TEST)}
    subsets = {name: "train" if n < TRAIN else "test" for n, name in enumerate(lengths)}
    labels = {
        name: {"file": f"videos/{name}.mp4", "subset": subsets[name]}
        | ({"labels": [CLASSES[n % 3]]} if subsets[name] == "train" else {})
        for n, name in enumerate(lengths)
    }
    write(data / "labels.json", {"classes": CLASSES, "videos": labels})
    durations = {name: {"duration_s": float(GRID.end_s(n - 1))} for name, n in lengths.items()}
    write(data / "frames" / "record.json", {"videos": durations})
    text_CE = make_clip(data / "encoders" / "clip")
    rng = np.random.default_rng(0)
    class_CD = 3 * rng.normal(size=(3, I3D_WIDTH))
    for subset in ("train", "test"):
        i3d, clip = [], []
        for n, (name, length) in enumerate(lengths.items()):
            if subsets[name] != subset:
                continue
            i3d_TD = 0.3 * rng.normal(size=(length, I3D_WIDTH))
            clip_TE = 0.05 * rng.normal(size=(length, text_CE.shape[1]))
            i3d_TD[8:11] += class_CD[n % 3]
            clip_TE[4:16] += text_CE[n % 3]
            i3d.append((name, {"feat": i3d_TD.astype(np.float16)}))
            clip.append((name, {"feat": clip_TE.astype(np.float16)}))
        attrs = {"subset": subset, "grid": GRID.to_dict()}
        write_sequences(data / "i3d" / f"{subset}.zarr", i3d, {"feat": ("T", "D")}, attrs)
        write_sequences(data / "clip" / f"{subset}.zarr", clip, {"feat": ("T", "E")}, attrs)
    return data


def make_clip(folder: Path) -> np.ndarray:
    """An untrained CLIP of toy size; its unit text embeddings (C, E)."""
    config = ClipPretrainParams(
        embed_dim=6, vision_width=8, vision_layers=1, text_width=8, text_layers=1, head_width=4
    ).config()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        state = build_clip(config).state_dict()
    save_checkpoint(folder, state, {"config": config})
    text = PromptedText(load_clip(config, state), CLASSES)
    centred_CE = text.plain("{}") - text.plain("{}").mean(0)
    text_CE: np.ndarray = F.normalize(centred_CE, dim=-1).numpy()
    return text_CE


def write(path: Path, tree: Any) -> None:
    path.write_text(json.dumps(tree))
