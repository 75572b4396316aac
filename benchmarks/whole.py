"""The whole way from videos to both kinds of features, beside its parts measured alone.

python -m benchmarks.whole [--clips DIR] [--trials 3] [--backend auto] [--precision auto] [--smoke]
writes benchmarks/results/whole.json, .md and .svg, in some minutes. Networks of full size with
random weights; all cores in every part. One way is a single pass, as `wtal predict` makes it, with
queues between its parts; the other the pipeline's stages, each in processes of its own, with files
in between. The parts alone are those of the single pass, one after the other, each with what it
reads in memory.

On a processor all parts compete for the same cores, so the whole cannot be as quick as its slowest
part: at best it takes the time of all parts together. The target, 0.85, is of that: the sum of the
parts' times over the whole's. With the networks on a GPU, which works beside the processor, it is
of the slowest part's time. Both are told.
"""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import numpy as np
import torch
import typer

from benchmarks.decode import enlarge
from benchmarks.full_size import Sizes, make_run
from benchmarks.harness import RESULTS, Row, three, write
from wtal_core.encoders.nets import find_machine
from wtal_core.encoders.windows import centre_frames, flow_or_still, snippet_windows
from wtal_core.pool import worker_count
from wtal_core.predicting.encoding import Encoders, Forward, backend_of
from wtal_core.predicting.streaming import LiveFrames
from wtal_core.store import read_sequences
from wtal_core.video.flow import iter_flow

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared" / "reference" / "videos"
CLIPS = ("demo.mp4", "nasa_13013.mp4")  # 10 and 13 s
STAGES = ("frames", "flow", "features_i3d", "features_clip")
PARTS = {"rgb": "I3D on RGB", "flow": "I3D on flow", "clip": "CLIP"}
TARGET = 0.85
SMALL = Sizes(
    width=0.05, short_side=48, crop=40,
    clip={
        "embed_dim": 8,
        "vision_cfg": {
            "image_size": 32, "patch_size": 8, "width": 16, "layers": 1, "head_width": 8,
        },
        "text_cfg": {"context_length": 8, "width": 8, "heads": 2, "layers": 1},
        "quick_gelu": True,
    },
)  # fmt: skip


def main(
    clips: Annotated[Path, typer.Option(help="where videos lie")] = SHARED,
    trials: Annotated[int, typer.Option(help="turns of the whole and of each part")] = 3,
    backend: Annotated[str, typer.Option(help="encoders.backend")] = "auto",
    precision: Annotated[str, typer.Option(help="encoders.precision")] = "auto",
    smoke: Annotated[bool, typer.Option("--smoke", help="does it run? no figures")] = False,
    out: Annotated[Path, typer.Option(help="folder of the results")] = RESULTS,
) -> None:
    """Measure, and write the results."""
    threads = worker_count()
    if smoke:
        backend, precision, trials = "torch", "fp32", 1
    with TemporaryDirectory() as folder:
        chosen = [] if smoke else [p for name in CLIPS for p in sorted(clips.rglob(name))[:1]]
        if not chosen:
            made = [Path(folder) / f"made_{number}.mp4" for number in range(2)]
            chosen = [enlarge(None, path, (54, 72) if smoke else (256, 340)) for path in made]
        sizes = SMALL if smoke else Sizes()
        run = make_run(Path(folder) / "whole", chosen, sizes, backend, precision)
        encoders = Encoders(run, threads)
        found: dict[str, Any] = {
            "clips": [clip.name for clip in chosen], "trials": trials,
            "threads": threads, "encoders": str(backend_of(run, "i3d")), "gpu": find_machine().cuda,
        } | measure(encoders, chosen, trials)  # fmt: skip
        features = found.pop("features")
        # they load libraries and weights in each process: far too long for a smoke run
        found["stages"] = {} if smoke else run_stages(run.data, Path(folder) / "cache")
        found["same_as_stages"] = None if smoke else compare(run.data, features)
    write(out, "whole", found, [judge(found)], describe(found))


def measure(encoders: Encoders, clips: Sequence[Path], trials: int) -> dict[str, Any]:
    """Seconds of the whole and of each part over all clips, medians of the turns; the features."""
    whole: list[float] = []
    cpu: list[float] = []  # seconds of all cores: the parts' over the whole's
    parts: dict[str, list[float]] = {}
    features: dict[str, Any] = {}
    same, frames = True, 0
    for trial in range(trials + 1):
        turn: dict[str, float] = {}
        begin, worked = time.perf_counter(), time.process_time()
        encoded = {clip.stem: encoders.encode(clip) for clip in clips}
        seconds, worked = time.perf_counter() - begin, time.process_time() - worked
        began = time.process_time()
        for clip in clips:
            alone, rows = run_alone(encoders, clip)
            turn = {name: turn.get(name, 0) + took for name, took in alone.items()}
            i3d_TD = np.concatenate([rows["rgb"], rows["flow"]], axis=1)
            same &= np.array_equal(encoded[clip.stem].i3d_TD, i3d_TD)
            same &= np.array_equal(encoded[clip.stem].clip_TE, rows["clip"])
        if trial:  # the first turn warms up
            whole.append(seconds)
            cpu.append((time.process_time() - began) / worked)
            parts = {name: [*parts.get(name, []), took] for name, took in turn.items()}
        features = {name: {"i3d": one.i3d_TD, "clip": one.clip_TE} for name, one in encoded.items()}
        frames = sum(one.frames for one in encoded.values())
        print(f"turn {trial} of {trials}: {seconds:.1f} s in one pass", file=sys.stderr)
    of_sum = [sum(turn) / took for *turn, took in zip(*parts.values(), whole, strict=True)]
    of_most = [max(turn) / took for *turn, took in zip(*parts.values(), whole, strict=True)]
    return {
        "frames": frames,
        "whole_s": three(statistics.median(whole)),
        "parts_s": {name: three(statistics.median(took)) for name, took in parts.items()},
        "of_sum": three(statistics.median(of_sum)),
        "of_bottleneck": three(statistics.median(of_most)),
        "of_sum_cpu": three(statistics.median(cpu)),
        "same_as_parts": same,
        "features": features,
    }


def run_alone(encoders: Encoders, clip: Path) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """Seconds of each part, with what it reads in memory, and the networks' features."""
    run, took = encoders.run, {}

    def timed(name: str, work: Callable[[], Any]) -> Any:
        begin = time.perf_counter()
        done = work()
        took[name] = time.perf_counter() - begin
        return done

    frames = timed("decode", lambda: list(LiveFrames(clip, run.video)))
    fields = timed("flow", lambda: list(iter_flow(iter(frames), run.flow, encoders.threads)))
    count = len(frames)
    moving = flow_or_still(fields, frames[0])
    pictures = {
        "rgb": snippet_windows(frames, count, run.grid, run.video.crop),
        "flow": snippet_windows(moving, count, run.grid, run.video.crop),
        "clip": (frames[at] for at in centre_frames(count, run.grid)),
    }
    rows = {}
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with ThreadPoolExecutor(encoders.threads) as pool:
        for name, net in encoders.nets.items():
            inputs = list(pictures[name])
            batches = [
                np.stack(inputs[at : at + net.rows]) for at in range(0, len(inputs), net.rows)
            ]
            work = partial(_encode, pool, encoders.forward[name], batches)
            rows[name] = timed(PARTS[name], work)
    torch.set_num_threads(before)
    return took, rows


def _encode(pool: Executor, forward: Forward, batches: list[np.ndarray]) -> np.ndarray:
    return np.concatenate(list(pool.map(forward, batches)))


def run_stages(data: Path, cache: Path) -> dict[str, float]:
    """Seconds of each stage of the pipeline on the folder, its start and its files included."""
    environment = {**os.environ, "WTAL_ITEM_CACHE": str(cache)}
    took = {}
    for stage in STAGES:
        begin = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", f"stages.{stage}", str(data)],
            cwd=ROOT, env=environment, check=True, capture_output=True,
        )  # fmt: skip
        took[stage] = three(time.perf_counter() - begin)
        print(f"stage {stage}: {took[stage]} s", file=sys.stderr)
    return took


def compare(data: Path, features: dict[str, dict[str, np.ndarray]]) -> bool:
    """Whether the stages' features are the same bytes."""
    return all(
        np.array_equal(read_sequences(data / kind / "test.zarr").of(name)["feat"], one[kind])
        for name, one in features.items()
        for kind in ("i3d", "clip")
    )


def judge(found: dict[str, Any]) -> Row:
    """The row of the common table."""
    name = max(found["parts_s"], key=found["parts_s"].get)
    same = found["same_as_parts"] and found["same_as_stages"] is not False
    measured = found["of_bottleneck"] if found["gpu"] else found["of_sum"]
    anchor = "its slowest part alone" if found["gpu"] else "the sum of its parts alone"
    return Row(
        what=f"the whole way, video to both features ({found['encoders']})",
        anchor=f"{anchor}, all cores",
        target=TARGET,
        measured=measured,
        accuracy="the same bytes as the stages'" if same else "other features than the stages'",
        accurate=same,
        limit=f"slowest part: {name}; {found['of_bottleneck']} of its throughput alone",
    )


def describe(found: dict[str, Any]) -> list[str]:
    """The Markdown page."""
    frames, whole, parts = found["frames"], found["whole_s"], found["parts_s"]
    rows = {f"stage `{name}`": took for name, took in found["stages"].items()}
    if rows:
        rows["all stages"] = sum(rows.values())
    return [
        "# The whole way: videos to I3D's and CLIP's features",
        "",
        f"Written by `python -m benchmarks.whole`: {', '.join(found['clips'])}, {frames} frames at "
        f"25 frames/s, full-size I3D and CLIP ViT-B/16 of random weights ({found['encoders']}), "
        f"{found['threads']} threads in every part; medians of {found['trials']} turns.",
        "",
        "| part | s | frames/s |",
        "|---|---|---|",
        *(f"| {name}, alone | {took:.3g} | {frames / took:.3g} |" for name, took in parts.items()),
        f"| all parts, one after the other | {sum(parts.values()):.3g} | "
        f"{frames / sum(parts.values()):.3g} |",
        f"| **the whole in one pass** | {whole:.3g} | {frames / whole:.3g} |",
        *(f"| {name} | {took:.3g} | {frames / took:.3g} |" for name, took in rows.items()),
        "",
        f"The whole runs at {found['of_bottleneck']:.2f} of its slowest part's throughput, and "
        f"takes the parts' time together over {found['of_sum']:.2f}. On a processor all parts "
        f"share the same cores, so the target, {TARGET}, is of the second figure; with a GPU it "
        f"would be of the first. By CPU time, which others on the machine change less, the second "
        f"is {found['of_sum_cpu']:.2f}. The stages' times hold their start: a process a core loads "
        "libraries and weights.",
        "",
        f"Features of the single pass are {_told(found['same_as_parts'])} the parts', and "
        f"{_told(found['same_as_stages'])} the stages'.",
    ]


def _told(same: bool | None) -> str:
    return {True: "the same bytes as", False: "OTHER than", None: "not compared with"}[same]


if __name__ == "__main__":
    typer.run(main)
