"""Keys of the synthetic world and of its encoders, seen in what is planned, rendered and learnt."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from stages import demo_clip, demo_clips, demo_i3d
from tests.keys.case import Case, Scene
from wtal_core.checkpoint import load_checkpoint
from wtal_core.params import read_params
from wtal_core.schema.world import WorldParams
from wtal_core.synthetic.world import plan_world

COLOURS = {"red": (220, 30, 30), "green": (30, 220, 30), "blue": (30, 30, 220), "grey": (99,) * 3}


def prepare(folder: Path) -> None:
    """Twelve clips of a bar that goes right or left, forty striped pictures of four colours."""
    pretrain = folder / "pretrain"
    pretrain.mkdir()
    labels = np.arange(12) % 2
    clips = np.full((12, 8, 16, 17, 3), 60, np.uint8)
    for clip, label in zip(clips, labels, strict=True):
        for f in range(8):
            x = 2 + f if label else 12 - f
            clip[f, :, x : x + 3] = 200
    names = [list(COLOURS)[i % 4] for i in range(40)]
    images = np.zeros((40, 18, 16, 3), np.uint8)
    images[:] = np.array([COLOURS[name] for name in names])[:, None, None]
    images[:, 5:9] //= 2  # a stripe, so that a displacement shows
    for name, array in (("rgb", clips), ("label", labels), ("images", images)):
        np.save(pretrain / f"{name}.npy", array)
    captions = [f"a {name}" for name in names]
    (pretrain / "captions.json").write_text(json.dumps(captions), encoding="utf-8")


def see_plan(scene: Scene) -> Any:
    """Every video: who does what, where and when."""
    return plan_world(read_params(scene.params, None, "world", WorldParams))


def see_clips(scene: Scene) -> Any:
    facts = {"video": {"short_side": 20, "crop": 20}, "snippet": {"frames": 2, "stride": 2},
             "flow": {"method": "dis"}}  # fmt: skip
    (scene.folder / "dataset.yaml").write_text(json.dumps(facts), encoding="utf-8")
    demo_clips.main(scene.folder, scene.params)
    made = scene.folder / "pretrain"
    arrays = [np.load(made / f"{name}.npy") for name in ("rgb", "flow", "label", "images")]
    return arrays, json.loads((made / "captions.json").read_text(encoding="utf-8"))


def see_i3d(scene: Scene) -> Any:
    (scene.folder / "pretrain").symlink_to(scene.stage / "pretrain")
    demo_i3d.main(scene.folder, "rgb", scene.params)
    return load_checkpoint(scene.folder / "encoders" / "i3d_rgb")[0]


def see_clip(scene: Scene) -> Any:
    (scene.folder / "pretrain").symlink_to(scene.stage / "pretrain")
    demo_clip.main(scene.folder, scene.params)
    return load_checkpoint(scene.folder / "encoders" / "clip")[0]


FEW = {"world.classes": 2, "world.clips_per_motion": 1, "world.images": 3}
# A schedule of one step would begin and end at next to no learning rate.
NARROW = {"pretrain_i3d.width": 0.07, "pretrain_i3d.epochs": 3}
SHORT = {"pretrain_clip.epochs": 3}
WORLD = {
    "seed": Case(1, see_plan),
    "classes": Case(13, see_plan),
    "train_videos": Case(7, see_plan),
    "test_videos": Case(5, see_plan),
    "size": Case(48, see_clips, FEW),
    "min_length_s": Case(20.0, see_plan),
    "max_length_s": Case(40.0, see_plan),
    "two_label_fraction": Case(0.9, see_plan),
    "peak_fraction": Case(0.5, see_plan),
    "noise": Case(9.0, see_clips, FEW),
    "shake": Case(2.0, see_clips, FEW),
    "clips_per_motion": Case(2, see_clips, {"world.classes": 2, "world.images": 3}),
    "images": Case(2, see_clips, {"world.classes": 2, "world.clips_per_motion": 1}),
}
PRETRAIN_I3D = {
    "width": Case(0.07, see_i3d, {"pretrain_i3d.epochs": 2}),
    "epochs": Case(3, see_i3d, {"pretrain_i3d.width": 0.07}),
} | {
    name: Case(other, see_i3d, NARROW)
    for name, other in {
        "batch": 6,
        "lr": 0.01,
        "weight_decay": 0.5,
        "label_smoothing": 0.3,
        "dropout": 0.5,
        "shift": 0,
        "brightness": 0.3,
        "holdout": 0.25,
    }.items()
}
PRETRAIN_CLIP = {"epochs": Case(3, see_clip, {"pretrain_clip.text_width": 32})} | {
    name: Case(other, see_clip, SHORT)
    for name, other in {
        "embed_dim": 48,
        "image_size": 32,
        "patch": 10,
        "vision_width": 32,
        "vision_layers": 2,
        "text_width": 32,
        "text_layers": 1,
        "head_width": 16,
        "context_length": 20,
        "batch": 12,
        "lr": 0.01,
        "weight_decay": 0.5,
        "shift": 0,
        "brightness": 0.5,
        "holdout": 0.3,
    }.items()
}
SECTIONS = {"world": WORLD, "pretrain_i3d": PRETRAIN_I3D, "pretrain_clip": PRETRAIN_CLIP}
