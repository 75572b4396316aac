"""Seconds a training step and peak memory, beside a plain loop (benchmarks/plain.py).

python -m benchmarks.train [--batch 64] [--length 1000] [--lengths equal] [--device cpu|cuda]
[--threads N] writes benchmarks/results/train_<device>.json, .md and .svg. Features, weights and
labels are random; the sizes are those of params.yaml and of CLIP ViT-B/16. Every measurement has a
process of its own, for the sake of its peak memory, and the ways to train take turns. With
`--batch 16 --threads 1`, as the recorded figures have it, it takes some eight minutes.
"""

import argparse
import json
import math
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from benchmarks.harness import RESULTS, write
from benchmarks.limits import measure_limits
from benchmarks.plain import FullContext, train_plainly, with_plain_attention
from benchmarks.train_rows import compare
from wtal_core.branches.cbp import CBP
from wtal_core.branches.vlp import VLP
from wtal_core.encoders.clip import PromptedText, build_clip
from wtal_core.planning.memory import peak_bytes
from wtal_core.schema.branches import CbpParams, VlpParams
from wtal_core.schema.losses import LossParams
from wtal_core.schema.training import StepParams
from wtal_core.training.batches import Sample
from wtal_core.training.loop import make_objective, train

ROOT = Path(__file__).parents[1]
WAYS = ("plain", "fp32", "bf16")
LENGTHS = {
    "equal": "all videos of the same length",
    "lognormal": "lengths as in THUMOS14: median 240, 95 % below 1090, cropped",
}
# Of a shared CPU the seconds that it worked for us: preempted, the plain loop and ours wait alike.
CLOCKS = {"cpu": "cpu_s", "cuda": "step_s"}
# 200 videos in batches of 64, as in THUMOS14: the last batch of a pass is small.
VIDEOS_PER_BATCH = 200 / 64


@dataclass(frozen=True)
class Case:
    """One measurement."""

    branch: str  # cbp | vlp
    classes: int
    lengths: str  # equal | lognormal
    way: str  # plain | fp32 | bf16
    batch: int = 64
    length: int = 1000
    device: str = "cpu"
    threads: int = 1
    toy: bool = False  # small networks, for the tests


def main(
    argv: Sequence[str] | None = None, run: Callable[[Case], dict[str, Any]] | None = None
) -> None:
    """Measure, and write both files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, default=64, help="videos a step")
    parser.add_argument("--length", type=int, default=1000, help="snippets of the longest video")
    parser.add_argument("--classes", type=int, nargs="+", default=[20, 100])
    parser.add_argument("--branches", nargs="+", default=["cbp", "vlp"], choices=["cbp", "vlp"])
    parser.add_argument("--lengths", nargs="+", default=list(LENGTHS), choices=list(LENGTHS))
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--repeats", type=int, default=1, help="the fastest of so many counts")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--smoke", action="store_true", help="does it run? seconds, no figures")
    parser.add_argument("--toy", action="store_true", help="small networks")
    parser.add_argument("--one", help="a single case as JSON; prints its result")
    given = parser.parse_args(argv)
    if given.one:
        print(json.dumps(measure(Case(**json.loads(given.one)))))
        return
    if given.smoke:
        given.toy, given.batch, given.length, given.classes, given.threads = True, 4, 50, [3], 1
        run = measure
    cases = [
        Case(
            branch, classes, lengths, way,
            given.batch, given.length, given.device, given.threads, given.toy,
        )
        for lengths in given.lengths
        for branch in given.branches
        # The number of classes changes no padding.
        for classes in (given.classes if lengths == "equal" else given.classes[:1])
        for way in WAYS
    ]  # fmt: skip
    best: dict[Case, dict[str, Any]] = {}
    clock = CLOCKS[given.device]
    for _ in range(given.repeats):
        for case in cases:
            found = (run or run_apart)(case)
            print(case, found, file=sys.stderr)
            if case not in best or found[clock] < best[case][clock]:
                best[case] = found
    rows = [asdict(case) | best[case] for case in cases]
    torch.set_num_threads(given.threads)
    limits = measure_limits(given.device, repeats=1 if given.smoke else 5)
    written = {"limits": limits, "rows": rows}
    page = describe(rows, given.repeats, limits)
    write(given.out, f"train_{given.device}", written, compare(rows, clock), page)


def run_apart(case: Case) -> dict[str, Any]:
    """Measure in a fresh process."""
    command = [sys.executable, "-m", "benchmarks.train", "--one", json.dumps(asdict(case))]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def measure(case: Case) -> dict[str, Any]:
    """Mean seconds a step of one pass, peak memory, share of padding, steps."""
    torch.set_num_threads(case.threads)
    torch.manual_seed(0)
    cuda = case.device == "cuda"
    model = build(case).to(case.device)
    videos = make_videos(case)
    list(run_pass(model, [shorten(video, 40) for video in videos[:2]], case))  # warms up
    if cuda:
        list(run_pass(model, videos, case))  # the allocator's first growth is no step's time
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
    begin, worked = time.perf_counter(), time.process_time()
    seen = list(run_pass(model, videos, case))
    if cuda:
        torch.cuda.synchronize()
    seconds, worked = time.perf_counter() - begin, time.process_time() - worked
    rows, snippets = (sum(column) for column in zip(*seen, strict=True))
    peak = torch.cuda.max_memory_allocated() if cuda else peak_ram()
    return {
        "steps": len(seen),
        "step_s": round(seconds / len(seen), 4),
        "cpu_s": round(worked / len(seen), 4),
        "peak_gib": round(peak / 2**30, 3),
        "padding": round(1 - snippets / rows, 3),
    }


def peak_ram() -> int:
    """Bytes, of this program so far; `ru_maxrss` of a child begins with its parent's."""
    peak = peak_bytes()
    if peak is None:
        raise SystemExit("the peak of memory is in /proc, which only Linux has")
    return peak


def run_pass(model: nn.Module, videos: Sequence[Sample], case: Case) -> Iterator[tuple[int, int]]:
    """The rows and the snippets of each step's batch."""
    cls = case.branch == "cbp"
    objective = make_objective(LossParams(), cls=float(cls), kd=1.0, fb=0.05)
    params = StepParams(epochs=1, min_steps=1, batch=case.batch, crop=case.length)
    if case.way == "plain":
        yield from train_plainly(model, objective, videos, params)
        return
    seen: list[tuple[int, int]] = []

    def note(output: Any, batch: Any, generator: torch.Generator) -> Any:
        seen.append((batch.mask_BT.numel(), int(batch.mask_BT.sum())))
        return objective(output, batch, generator)

    train(model, note, videos, replace(params, precision=case.way), seed=0)  # type: ignore[arg-type]
    yield from seen


def build(case: Case) -> nn.Module:
    """The branch at the size of params.yaml, or a toy."""
    if case.branch == "cbp":
        cbp = CbpParams(width=16, stem=1, levels=1) if case.toy else CbpParams()
        model: nn.Module = CBP(channels(case), case.classes, cbp)
    else:
        clip = build_clip(text_config(case))
        text = PromptedText(clip, [f"action number {n}" for n in range(case.classes)])
        if case.way == "plain":
            text.tower = FullContext(clip)
        model = VLP(text, text.dim, case.classes, VlpParams())
    return with_plain_attention(model) if case.way == "plain" else model


def channels(case: Case) -> int:
    """Of a snippet's feature."""
    paper = {"cbp": 2048, "vlp": 512}[case.branch]
    return 24 if case.toy else paper


def text_config(case: Case) -> dict[str, Any]:
    """A CLIP with the text tower of ViT-B/16; nobody uses its image tower."""
    width, layers, context = (16, 1, 50) if case.toy else (512, 12, 77)
    vision = {"image_size": 16, "patch_size": 16, "width": 16, "layers": 1, "head_width": 16}
    text = {"context_length": context, "width": width, "heads": 8, "layers": layers}
    return {"embed_dim": channels(case), "vision_cfg": vision, "text_cfg": text}


def make_videos(case: Case) -> list[Sample]:
    """Random features and one class each; a sixth of the snippets is foreground."""
    generator = torch.Generator().manual_seed(1)
    count = case.batch
    if case.lengths == "lognormal":
        count = math.ceil(case.batch * VIDEOS_PER_BATCH)
    videos = []
    for n in range(count):
        length = length_of(n, count, case)
        label_C = nn.functional.one_hot(torch.tensor(n % case.classes), case.classes).float()
        target_TC = (torch.arange(length)[:, None] % 6 == 0) & (label_C > 0)
        feat_TD = torch.randn(length, channels(case), generator=generator).half()
        videos.append(Sample(f"v{n}", feat_TD, label_C, target_TC.to(torch.int8)))
    return videos


def length_of(n: int, count: int, case: Case) -> int:
    """Snippets of video n: the n-th quantile of the distribution, cropped."""
    if case.lengths == "equal":
        return case.length
    quantile = torch.special.ndtri(torch.tensor((n + 0.5) / count)).item()
    scale = case.length / 1000  # a shorter crop is a shorter world
    return max(1, min(case.length, round(240 * scale * math.exp(0.92 * quantile))))


def shorten(video: Sample, length: int) -> Sample:
    """Its first snippets."""
    target = video.target_TC
    assert target is not None
    return replace(video, feat_TD=video.feat_TD[:length], target_TC=target[:length])


def describe(
    rows: Sequence[dict[str, Any]], repeats: int, limits: Mapping[str, float]
) -> list[str]:
    """Lines of the Markdown page: one table per distribution of lengths."""
    first = rows[0]
    cpu = first["device"] == "cpu"
    machine = f"CPU, {first['threads']} thread(s)" if cpu else "one GPU"
    lines = [
        "# Training: seconds a step and peak memory",
        "",
        f"Written by `python -m benchmarks.train`: {machine}, {first['batch']} videos a step, "
        f"at most {first['length']} snippets. The machine is shared, so only the ratios count. "
        "Features and weights are random. A step is batch, forward, losses, backward, clipping, "
        "Adam; its time is the mean over a pass"
        + (", in seconds of CPU time. " if cpu else ". ")
        + f"Of {repeats} run(s) in turns the fastest counts.",
        "",
        "`plain` is fp32 with attention over all pairs in memory, class texts of full context "
        "and batches in random order. CBP learns from all three losses, VLP from L_kd and L_fb. "
        + (
            "Memory is the peak of the process, Python, torch and the features included."
            if cpu
            else "Memory is the peak that torch allocated on the GPU."
        ),
        "",
        f"The machine's limits, measured at the end of the run: matrix products "
        f"{limits['gemm_fp32']:g} GFLOP/s in fp32 and {limits['gemm_bf16']:g} in bf16, memory "
        f"{limits['triad']:g} GB/s.",
    ]
    for lengths in dict.fromkeys(row["lengths"] for row in rows):
        title = LENGTHS[lengths]
        lines += ["", f"## {title[0].upper()}{title[1:]}", "", *table(rows, lengths)]
    return lines


def table(rows: Iterable[dict[str, Any]], lengths: str) -> Iterator[str]:
    """Rows of one distribution, each beside the plain loop's."""
    yield "| branch | C | way | s/step | faster | peak GiB | of plain | padding |"
    yield "|---|---|---|---|---|---|---|---|"
    plain: dict[str, Any] = {}
    for row in rows:
        if row["lengths"] != lengths:
            continue
        plain = row if row["way"] == "plain" else plain
        clock = CLOCKS[row["device"]]
        yield (
            f"| {row['branch'].upper()} | {row['classes']} | {row['way']} | {row[clock]:.2f} | "
            f"{plain[clock] / row[clock]:.1f}x | {row['peak_gib']:.2f} | "
            f"{row['peak_gib'] / plain['peak_gib']:.2f} | {100 * row['padding']:.0f} % |"
        )


if __name__ == "__main__":
    main()
