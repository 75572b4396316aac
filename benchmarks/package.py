"""A package of features as big as THUMOS14's, of a world that is made up, to be imported.

python -m benchmarks.package FOLDER [--median 240] [--train 200] [--test 212]
writes FOLDER/data/package with labels.json, ground_truth.json, dataset.yaml and a random CLIP whose
text tower has the size of ViT-B/16's, and FOLDER/i3d/{rgb,flow}/*.npy and FOLDER/clip/*.npy beside
it, as the packages of the field lie.

What stands in the features is what the method expects: in I3D's a class has a short peak of its own
and a longer phase that five classes share; in CLIP's the text of a class stands over whole visits,
idle time included. T snippets, C classes, D columns, E CLIP's columns.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from wtal_core.checkpoint import save_checkpoint
from wtal_core.encoders.clip import PromptedText, build_clip
from wtal_core.grid import SnippetGrid
from wtal_core.schema.branch import NETWORKS
from wtal_core.schema.fustal import FUSTAL

GRID = SnippetGrid(fps=25, window=16, stride=16)
CLASSES = (
    "BaseballPitch", "BasketballDunk", "Billiards", "CleanAndJerk", "CliffDiving",
    "CricketBowling", "CricketShot", "Diving", "FrisbeeCatch", "GolfSwing", "HammerThrow",
    "HighJump", "JavelinThrow", "LongJump", "PoleVault", "Shotput", "SoccerPenalty",
    "TennisSwing", "ThrowDiscus", "VolleyballSpiking",
)  # fmt: skip
METHOD = (
    "branch", *dict(NETWORKS.values()),
    "vlp", "warm_up", "b_step", "f_step", "pseudo_labels", "loss", "localize", *FUSTAL,
)  # fmt: skip
DATASET = """dataset: {name: package, synthetic: true}
video: {fps: 25.0, short_side: 256, crop: 224}
snippet: {frames: 16, stride: 16}
flow: {method: tvl1, bound: 20.0}
encoders: {backend: torch, precision: fp32}
i3d: {rgb: encoders/i3d_rgb, flow: encoders/i3d_flow}
clip: {weights: encoders/clip}
evaluation: {protocol: activitynet}
method:
"""


@dataclass(frozen=True)
class Size:
    """How big a package is; THUMOS14's own numbers are the defaults.

    median, longest: snippets of a video, lognormal such that 95 % are below 4.5 medians; share:
    of a video that is action; two: share of videos with two classes.
    """

    train: int = 200
    test: int = 212
    median: int = 240
    longest: int = 2600
    rgb: int = 1024
    clip: int = 512
    text_width: int = 512
    text_layers: int = 12
    share: float = 0.32
    two: float = 0.1


@dataclass(frozen=True)
class Action:
    """Snippets [start, end) that show a class; its peak is [peak, peak_end)."""

    label: int
    start: int
    end: int
    peak: int
    peak_end: int


def draw_lengths(count: int, size: Size, rng: np.random.Generator) -> np.ndarray:
    """(N,) snippets of each video."""
    spread = np.log(4.54) / 1.645
    drawn = np.rint(size.median * np.exp(spread * rng.normal(size=count))).astype(int)
    return np.clip(drawn, 6, size.longest)


def draw_actions(
    length: int, labels: Sequence[int], share: float, rng: np.random.Generator
) -> list[Action]:
    """Actions of 4 to 12 snippets, apart from one another; a video of few snippets has one."""
    found: list[Action] = []
    at = int(rng.integers(0, max(1, length // 8)))
    while True:
        run = int(rng.integers(4, 13))
        if at + run > length and found:
            return found
        at, run = min(at, max(0, length - run)), min(run, length)
        peak = at + run // 3
        label = labels[len(found) % len(labels)]
        found.append(Action(label, at, at + run, peak, peak + max(1, run // 3)))
        at += run + max(1, int(run * (1 / share - 1) * rng.uniform(0.6, 1.4)))


def make_text(folder: Path, size: Size) -> np.ndarray:
    """A CLIP with random weights at `folder`; its text embeddings (C, E), centred, unit length.

    Tokens count for more than in a fresh network, so that class names are told apart.
    """
    vision = {"image_size": 16, "patch_size": 16, "width": 16, "layers": 1, "head_width": 16}
    text = {
        "context_length": 77, "width": size.text_width, "heads": 8, "layers": size.text_layers,
    }  # fmt: skip
    config = {"embed_dim": size.clip, "vision_cfg": vision, "text_cfg": text, "quick_gelu": True}
    torch.manual_seed(0)
    model = build_clip(config)
    with torch.no_grad():
        model.token_embedding.weight *= 30
    save_checkpoint(folder, model.state_dict(), {"config": config})
    plain_CE = PromptedText(model, CLASSES).plain("{}")
    unit_CE: np.ndarray = F.normalize(plain_CE - plain_CE.mean(0), dim=-1).numpy()
    return unit_CE


def make_package(folder: Path, size: Size, seed: int = 0) -> Path:
    """Write everything; the folder of the data set."""
    rng = np.random.default_rng(seed)
    data = folder / "data" / "package"
    data.mkdir(parents=True)
    text_CE = make_text(data / "encoders" / "clip", size)
    own_CD = 2 * rng.normal(size=(len(CLASSES), 2 * size.rgb)).astype(np.float32)
    shared_GD = rng.normal(size=(4, 2 * size.rgb)).astype(
        np.float32
    )  # of classes 0, 4, 8, ... etc.
    for kind in ("i3d/rgb", "i3d/flow", "clip"):
        (folder / kind).mkdir(parents=True)
    videos: dict[str, Any] = {}
    database: dict[str, Any] = {}
    lengths = draw_lengths(size.train + size.test, size, rng)
    for n, length in enumerate(map(int, lengths)):
        subset = "train" if n < size.train else "test"
        name = f"video_{'validation' if subset == 'train' else 'test'}_{n:07d}"
        labels = [n % len(CLASSES)]
        if rng.random() < size.two:
            labels.append((labels[0] + 1) % len(CLASSES))
        actions = draw_actions(length, labels, size.share, rng)
        i3d_TD = 0.5 * rng.standard_normal((length, 2 * size.rgb), dtype=np.float32)
        clip_TE = 0.02 * rng.standard_normal((length, size.clip), dtype=np.float32)
        for one in actions:
            i3d_TD[one.start : one.end] += shared_GD[one.label % len(shared_GD)]
            i3d_TD[one.peak : one.peak_end] += own_CD[one.label]
            margin = (one.end - one.start) // 2
            clip_TE[max(0, one.start - margin) : one.end + margin] += text_CE[one.label]
        np.save(folder / "i3d" / "rgb" / f"{name}.npy", i3d_TD[:, : size.rgb])
        np.save(folder / "i3d" / "flow" / f"{name}.npy", i3d_TD[:, size.rgb :])
        np.save(folder / "clip" / f"{name}.npy", clip_TE)
        shown = sorted({CLASSES[one.label] for one in actions})
        videos[name] = {"file": f"videos/{name}.mp4", "subset": subset}
        videos[name] |= {"labels": shown} if subset == "train" else {}
        database[name] = {
            "subset": subset,
            "duration": GRID.extent_s(length),
            "annotations": [
                {
                    "segment": [GRID.start_s(one.start), GRID.end_s(one.end - 1)],
                    "label": CLASSES[one.label],
                }
                for one in actions
            ],
        }
    write(data / "labels.json", {"classes": CLASSES, "videos": videos})
    write(data / "ground_truth.json", {"database": database})
    method = "".join(f"  {section}: {{}}\n" for section in METHOD)
    (data / "dataset.yaml").write_text(DATASET + method, encoding="utf-8")
    return data


def write(path: Path, tree: Any) -> None:
    """One JSON file."""
    path.write_text(json.dumps(tree), encoding="utf-8")


def main() -> None:
    """Write a package to a folder that does not exist yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--median", type=int, default=Size.median, help="snippets of a video")
    parser.add_argument("--train", type=int, default=Size.train, help="training videos")
    parser.add_argument("--test", type=int, default=Size.test, help="test videos")
    given = parser.parse_args()
    longest = Size.longest * given.median // Size.median
    print(make_package(given.folder, Size(given.train, given.test, given.median, longest)))


if __name__ == "__main__":
    main()
