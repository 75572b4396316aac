"""CLIP's image tower by every backend beside open_clip: time an image, distance, limit.

python -m benchmarks.clip [--trials 7] [--smoke] [--out DIR]
writes clip.json, .md and .svg to benchmarks/results: some 3 minutes, most of it torch.compile.
The anchor is open_clip's own `encode_image`, eager, in fp32. All ways take turns in one process.
Weights are random: the time does not depend on them.
"""

from pathlib import Path
from typing import Annotated, Any

import torch
import torch.nn.functional as F
import typer

from benchmarks.encoder_ways import (
    CLIP_TARGETS,
    NOTE,
    measure_all,
    table_lines,
    targets,
    thread_counts,
)
from benchmarks.harness import RESULTS, write
from wtal_core.encoders.clip import build_clip
from wtal_core.encoders.clip_image import image_size, preprocess
from wtal_core.encoders.clip_net import images_at_once
from wtal_core.encoders.clip_tower import ImageTower

MODEL = "ViT-B-16"
SMALL: dict[str, Any] = {
    "embed_dim": 12,
    "vision_cfg": {"image_size": 32, "patch_size": 8, "width": 32, "layers": 2, "head_width": 8},
    "text_cfg": {"context_length": 7, "width": 8, "heads": 1, "layers": 1},
}


def make_images(count: int, size: int) -> torch.Tensor:
    """Blobs, prepared as CLIP wants them: (N, 3, S, S)."""
    generator = torch.Generator().manual_seed(1)
    coarse = torch.rand(count, 3, size // 8, size // 8, generator=generator)
    smooth = F.interpolate(coarse, (size, size), mode="bilinear")
    rgb_NHWC = (smooth * 255).round().to(torch.uint8).permute(0, 2, 3, 1)
    return preprocess(rgb_NHWC, size)


def main(
    trials: Annotated[int, typer.Option(help="turns of all ways")] = 7,
    leave_out: Annotated[list[str] | None, typer.Option(help="a backend, e.g. compile")] = None,
    smoke: Annotated[bool, typer.Option("--smoke", help="a tiny network, no compile")] = False,
    out: Annotated[Path, typer.Option(help="folder of the results")] = RESULTS,
) -> None:
    """Measure, and write the figures, a page and a plot."""
    torch.manual_seed(0)
    model: Any = build_clip(SMALL if smoke else MODEL).requires_grad_(False).eval()
    size = image_size(model)
    found: dict[str, Any] = {"anchor": "open_clip, eager, fp32"}
    found["model"] = "a tiny one" if smoke else MODEL
    found |= measure_all(
        model.encode_image,
        lambda dtype: ImageTower(model.visual, dtype),
        make_images(2 if smoke else 8, size),
        images_at_once(size) if not smoke else 1,
        1 if smoke else trials,
        (1,) if smoke else thread_counts(),
        ["compile"] if smoke else leave_out or [],
    )
    rows = targets(found, f"CLIP, {found['model']}", CLIP_TARGETS)
    write(out, "clip", found, rows, describe(found))


def describe(found: dict[str, Any]) -> list[str]:
    """The Markdown page."""
    return [
        "# CLIP's image tower: time an image, distance to open_clip's embeddings",
        "",
        f"Written by `python -m benchmarks.clip`: {found['model']}, prepared images of "
        f"{found['inputs'][-1]} pixels, {found['rows']} at a time, {found['gflop']:g} GFLOP each, "
        f"random weights. The anchor is {found['anchor']}; `faster` is the median over "
        f"{found['trials']} turns of its time over the way's. Matrix product: the machine's own "
        "GFLOP/s in that precision.",
        "",
        NOTE,
        *table_lines(found),
    ]


if __name__ == "__main__":
    typer.run(main)
