"""I3D by every backend beside plain torch: time a clip, distance of the features, limit.

python -m benchmarks.i3d [--trials 5] [--smoke] [--out DIR]
writes i3d.json, .md and .svg to benchmarks/results: some 4 minutes, most of it torch.compile.
The anchor is what people run: the network in torch's default layout with BatchNorm, eager, fp32.
All ways take turns in one process. Weights are random, since the real ones may not travel; the
time does not depend on them, and a test on real ones is `wtal`'s users' own.
"""

import copy
from pathlib import Path
from typing import Annotated, Any

import torch
import torch.nn.functional as F
import typer
from torch import nn

from benchmarks.encoder_ways import (
    I3D_TARGETS,
    NOTE,
    measure_all,
    table_lines,
    targets,
    thread_counts,
)
from benchmarks.harness import RESULTS, write
from wtal_core.encoders.i3d import InceptionI3d
from wtal_core.encoders.i3d_folded import FoldedI3d
from wtal_core.encoders.i3d_net import clips_at_once

SIZES, SMALL_SIZES = (16, 224, 224), (8, 40, 40)
WIDTH, SMALL_WIDTH = 1.0, 0.07


class PlainI3d(nn.Module):
    """The anchor: our layers without our layout of memory."""

    def __init__(self, model: InceptionI3d) -> None:
        super().__init__()
        self.trunk = copy.deepcopy(model.trunk)
        for parameter in self.trunk.parameters():
            parameter.data = parameter.data.contiguous()

    def forward(self, clip_BCFHW: torch.Tensor) -> torch.Tensor:
        """Features (B, D)."""
        features: torch.Tensor = self.trunk(clip_BCFHW).mean(dim=(2, 3, 4))
        return features


def make_network(width: float) -> InceptionI3d:
    """Random weights, and averages as training would leave behind, so that folding is tested."""
    torch.manual_seed(0)
    model = InceptionI3d(3, width)
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if name.endswith(("beta", "batch_norm.mean")):
                tensor.normal_(std=0.3)
            elif name.endswith("variance"):
                tensor.uniform_(0.5, 2)
    return model.requires_grad_(False).eval()


def make_clips(count: int, sizes: tuple[int, int, int]) -> torch.Tensor:
    """Moving blobs in 8 bits, (N, 3, F, H, W) in [-1, 1]."""
    generator = torch.Generator().manual_seed(1)
    coarse = torch.rand(count, 3, *(max(2, size // 8) for size in sizes), generator=generator)
    smooth = F.interpolate(coarse, sizes, mode="trilinear")
    return (smooth * 255).round() / 127.5 - 1


def main(
    trials: Annotated[int, typer.Option(help="turns of all ways")] = 5,
    leave_out: Annotated[list[str] | None, typer.Option(help="a backend, e.g. compile")] = None,
    smoke: Annotated[bool, typer.Option("--smoke", help="a tiny network, no compile")] = False,
    out: Annotated[Path, typer.Option(help="folder of the results")] = RESULTS,
) -> None:
    """Measure, and write the figures, a page and a plot."""
    sizes = SMALL_SIZES if smoke else SIZES
    model = make_network(SMALL_WIDTH if smoke else WIDTH)
    found: dict[str, Any] = {"anchor": "torch, eager, fp32, default layout"}
    found |= measure_all(
        PlainI3d(model),
        lambda dtype: FoldedI3d(model, sizes, dtype),
        make_clips(2 if smoke else 4, sizes),
        clips_at_once(sizes) if not smoke else 1,
        1 if smoke else trials,
        (1,) if smoke else thread_counts(),
        ["compile"] if smoke else leave_out or [],
    )
    shape = "x".join(str(size) for size in sizes)
    rows = targets(found, f"I3D, {shape}", I3D_TARGETS)
    write(out, "i3d", found, rows, describe(found))


def describe(found: dict[str, Any]) -> list[str]:
    """The Markdown page."""
    shape = "x".join(str(size) for size in found["inputs"][2:])
    return [
        "# I3D: time a clip, distance to plain torch's features",
        "",
        f"Written by `python -m benchmarks.i3d`: RGB clips of {shape}, {found['rows']} at a time, "
        f"{found['gflop']:g} GFLOP each, random weights. The anchor is {found['anchor']}; `faster` "
        f"is the median over {found['trials']} turns of its time over the way's. Matrix product: "
        "the machine's own GFLOP/s in that precision. `torch fp32` here has BatchNorm folded; the "
        "pipeline's reference has not.",
        "",
        NOTE,
        *table_lines(found),
    ]  # fmt: skip


if __name__ == "__main__":
    typer.run(main)
