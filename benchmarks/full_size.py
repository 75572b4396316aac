"""A data set's folder with encoders of full size, whose weights are random: for times alone."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from wtal_core.checkpoint import save_checkpoint
from wtal_core.encoders.clip import build_clip
from wtal_core.encoders.i3d import InceptionI3d
from wtal_core.grid import SnippetGrid
from wtal_core.predicting.settings import RunSettings
from wtal_core.schema.encoders import ClipParams, I3dParams
from wtal_core.schema.localize import LocalizeParams
from wtal_core.schema.thresholds import ThresholdParams
from wtal_core.schema.video import FlowParams, VideoParams

CHANNELS = {"rgb": 3, "flow": 2}


@dataclass(frozen=True)
class Sizes:
    """Of pictures and networks."""

    width: float = 1.0  # share of I3D's channels
    clip: Any = "ViT-B-16"  # name or configuration of CLIP's model
    short_side: int = 256
    crop: int = 224
    fps: float = 25.0
    window: int = 16  # frames of a snippet, and its stride


def make_run(
    data: Path, clips: Sequence[Path], sizes: Sizes, backend: str, precision: str
) -> RunSettings:
    """Write the folder `data`: the clips as videos without labels, encoders, dataset.yaml.

    It holds what the stages from `frames` to `features_*` read, and what `Encoders` reads of a
    trained run. Weights are drawn with seed 0.
    """
    (data / "videos").mkdir(parents=True)
    videos = {}
    for clip in clips:
        shutil.copy(clip, data / "videos" / clip.name)
        videos[clip.stem] = {"file": f"videos/{clip.name}", "subset": "test"}
    _write(data / "labels.json", {"classes": ["none"], "videos": videos})
    video = VideoParams(fps=sizes.fps, short_side=sizes.short_side, crop=sizes.crop)
    facts = {
        "dataset": {"name": data.name},
        "video": asdict(video),
        "snippet": {"frames": sizes.window, "stride": sizes.window},
        "flow": {},
        "encoders": {"backend": backend, "precision": precision},
        "i3d": {},
        "clip": {},
    }
    _write(data / "dataset.yaml", facts)  # JSON is YAML
    columns = 0
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for stream, channels in CHANNELS.items():
            model = InceptionI3d(channels, sizes.width)
            columns += model.dim
            save_checkpoint(
                data / "encoders" / f"i3d_{stream}", model.state_dict(), {"width": sizes.width}
            )
        state = build_clip(sizes.clip).state_dict()
        save_checkpoint(data / "encoders" / "clip", state, {"config": sizes.clip})
    (data / "r1" / "cbp").mkdir(parents=True)
    _write(data / "r1" / "cbp" / "meta.json", {"meta": {"in_channels": columns}})
    return RunSettings(
        data=data,
        round="r1",
        params=data / "params.yaml",  # of the branches, which do not run here
        classes=("none",),
        video=video,
        grid=SnippetGrid(sizes.fps, sizes.window, sizes.window),
        flow=FlowParams(),
        i3d=I3dParams(),
        clip=ClipParams(),
        localize=LocalizeParams(),
        thresholds=ThresholdParams(),
    )


def _write(path: Path, tree: object) -> None:
    path.write_text(json.dumps(tree, indent=1) + "\n", encoding="utf-8")
