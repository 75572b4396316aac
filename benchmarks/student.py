"""FuSTAL's student beside a plain one: a training step, detection of whole videos, and memory.

python -m benchmarks.student [--videos 64] [--head trident] [--threads 1]
writes benchmarks/results/student.json, .md and .svg, in some five minutes. The plain way takes the
same weights one video and one level at a time, keeps the attention of all pairs in memory, reads
off the segments of every point and class and chooses afterwards, and thins out in a numpy loop;
ours packs all levels of a padded batch of similar lengths, attends in blocks, and reads off only
what is asked for. Each way and task runs in a process of its own, in turns; the fastest counts, in
CPU time. Losses and detections must agree.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.harness import RESULTS, Row, three, write
from benchmarks.plain import with_plain_attention
from benchmarks.student_plain import detect_plainly, summarise, train_plainly
from wtal_core.fustal.student.decode import detect
from wtal_core.fustal.student.network import Student
from wtal_core.fustal.student.samples import StudentVideo, collate_videos
from wtal_core.fustal.student.training import Trainer
from wtal_core.schema.student import StudentParams
from wtal_core.training.batches import draw_buckets

ROOT = Path(__file__).parents[1]
WAYS = ("plain", "fp32", "bf16")
TASKS = {"step": "training step", "detect": "detection"}
# No target is given: ours is not to be slower than what a page of code does.
TARGET = 1.0
CLOSE = 1e-3  # of the loss, relative, and of scores


@dataclass(frozen=True)
class Case:
    """One process."""

    task: str
    way: str
    head: str
    videos: int
    threads: int
    toy: bool = False

    @property
    def params(self) -> StudentParams:
        """The published sizes, or a toy's; nothing random, so that ways can be compared."""
        small: dict[str, Any] = {"width": 16, "stem": 1, "levels": 2, "bins": 5, "window": 3}
        sizes = small if self.toy else {}
        return StudentParams(
            head=self.head,  # type: ignore[arg-type]
            drop_path=0.0,
            input_noise=0.0,
            video_dropout=0.0,
            precision="bf16" if self.way == "bf16" else "fp32",
            **sizes,
        )


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--videos", type=int, default=64, help="of 40 to 1000 snippets")
    parser.add_argument("--head", choices=("trident", "actionformer"), default="trident")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--smoke", action="store_true", help="does it run? seconds, no figures")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    given = parser.parse_args(argv)
    if given.one:
        print(json.dumps(measure(Case(**json.loads(given.one)))))
        return
    if given.smoke:
        given.videos, given.repeats = 9, 1  # two steps
    cases = [
        Case(task, way, given.head, given.videos, given.threads, given.smoke)
        for task in TASKS for way in WAYS
    ]  # fmt: skip
    best: dict[Case, dict[str, Any]] = {}
    for _ in range(given.repeats):
        for case in cases:
            found = measure(case) if given.smoke else run_apart(case)
            print(case, {k: found[k] for k in ("cpu_s", "peak_gib")}, file=sys.stderr)
            if case not in best or found["cpu_s"] < best[case]["cpu_s"]:
                best[case] = found
    rows = [asdict(case) | best[case] for case in cases]
    write(given.out, "student", {"rows": rows}, compare(rows), describe(rows))


def run_apart(case: Case) -> dict[str, Any]:
    """Measure in a fresh process."""
    command = [sys.executable, "-m", "benchmarks.student", "--one", json.dumps(asdict(case))]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def measure(case: Case) -> dict[str, Any]:
    """CPU seconds a step (a video), peak memory, and what came out, for comparison."""
    torch.set_num_threads(case.threads)
    if not case.toy:  # warms up: compiled code is loaded
        measure(replace(case, toy=True, videos=2))
    params, videos = case.params, make_videos(case)
    trainer = make_trainer(case)
    batches = order_of(videos, params.batch)
    ways: dict[tuple[str, bool], Callable[[], list[float]]] = {
        ("step", True): lambda: train_plainly(trainer, videos, batches),
        ("step", False): lambda: train_ours(trainer, videos, batches),
        ("detect", True): lambda: detect_plainly(trainer.model, videos, params),
        ("detect", False): lambda: detect_ours(trainer.model, videos, params),
    }
    work = ways[case.task, case.way == "plain"]
    unit = len(batches) if case.task == "step" else len(videos)
    begin = time.process_time()
    seen = work()
    seconds = time.process_time() - begin
    # Linux counts the peak in KiB.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"cpu_s": three(seconds / unit), "peak_gib": three(peak / 2**30), "seen": seen}


def make_trainer(case: Case) -> Trainer:
    """The same weights for every way."""
    torch.manual_seed(0)
    channels, classes = (12, 3) if case.toy else (2048, 20)
    model = Student(channels, classes, case.params)
    if case.way == "plain":
        with_plain_attention(model)
    return Trainer(model, case.params, classes)


def make_videos(case: Case) -> list[StudentVideo]:
    """Random features; lengths as in THUMOS14 (median 240), a segment every 40 snippets."""
    rng = np.random.default_rng(1)
    channels, classes, scale = (12, 3, 0.15) if case.toy else (2048, 20, 1.0)
    videos = []
    for n in range(case.videos):
        place = torch.special.ndtri(torch.tensor((n + 0.5) / case.videos)).item()
        length = int(np.clip(240 * scale * np.exp(0.92 * place), 40 * scale, 1000 * scale))
        start_N = np.arange(2, length - 3, max(5, int(40 * scale)))
        longest = max(3, int(30 * scale))
        end_N = np.minimum(start_N + rng.integers(2, longest, len(start_N)), length - 1)
        label = n % classes
        feat_TD = torch.from_numpy(rng.standard_normal((length, channels), dtype=np.float32))
        seg_N2 = torch.from_numpy(np.stack([start_N, end_N], 1)).float()
        label_C = torch.nn.functional.one_hot(torch.tensor(label), classes).float()
        class_N = torch.full((len(start_N),), label)
        videos.append(StudentVideo(f"v{n}", feat_TD.half(), label_C, seg_N2, class_N))
    return videos


def order_of(videos: Sequence[StudentVideo], batch: int) -> list[list[int]]:
    """The batches of a pass, the same for every way."""
    generator = torch.Generator().manual_seed(0)
    return draw_buckets([len(v.feat_TD) for v in videos], batch, generator)


def train_ours(
    trainer: Trainer, videos: Sequence[StudentVideo], batches: Sequence[Sequence[int]]
) -> list[float]:
    """A step for each batch; the losses."""
    trainer.model.train()
    found = []
    for indices in batches:
        row = trainer.step(collate_videos([videos[i] for i in indices]), 1e-5, "benchmark")
        found.append(row["total"])
    return found


def detect_ours(
    model: Student, videos: Sequence[StudentVideo], params: StudentParams
) -> list[float]:
    """The best scores of each video."""
    found = dict(detect(model, [v.feat_TD for v in videos], params))
    return summarise([found[i] for i in range(len(videos))])


def compare(rows: Sequence[dict[str, Any]]) -> list[Row]:
    """Ours beside the plain way: time, and memory."""
    of = {(row["task"], row["way"]): row for row in rows}
    made = []
    for task, name in TASKS.items():
        plain = of[task, "plain"]
        for way in WAYS[1:]:
            ours = of[task, way]
            apart = max(
                abs(a - b) / max(abs(a), 1e-9)
                for a, b in zip(plain["seen"], ours["seen"], strict=True)
            )
            close = CLOSE if way == "fp32" else 100 * CLOSE
            words = f"{'loss' if task == 'step' else 'scores'} within {apart:.1g}"
            for what, measured in (
                ("time", plain["cpu_s"] / ours["cpu_s"]),
                ("memory", plain["peak_gib"] / ours["peak_gib"]),
            ):
                title = f"student, {name}, {way}: {what}"
                made.append(
                    Row(title, "plain loops", TARGET, three(measured), words, apart <= close)
                )
    return made


def describe(rows: Sequence[dict[str, Any]]) -> list[str]:
    """The Markdown page."""
    first = rows[0]
    lines = [
        "# FuSTAL's student: seconds and peak memory",
        "",
        f"Written by `python -m benchmarks.student`: head {first['head']}, {first['videos']} "
        f"videos with lengths as in THUMOS14, {first['threads']} thread(s). CPU seconds of a step "
        "of eight videos, and of the detections of one video; the peak is of the whole process.",
        "",
        "| task | way | CPU s | of plain | peak GiB |",
        "|---|---|---|---|---|",
    ]
    plain: dict[str, Any] = {}
    for row in rows:
        plain = row if row["way"] == "plain" else plain
        lines.append(
            f"| {TASKS[row['task']]} | {row['way']} | {row['cpu_s']:.3g} | "
            f"{row['cpu_s'] / plain['cpu_s']:.2f} | {row['peak_gib']:.3g} |"
        )
    return lines


if __name__ == "__main__":
    main()
