"""From a package of features to mAP: seconds, peak memory and disk of each step.

python -m benchmarks.imported [--median 240] [--epochs 10] [--precision bf16] [--folder DIR] makes a
package as big as THUMOS14's (benchmarks/package.py), imports it and runs the pipeline's stages one
after another, each as a process of its own, without videos. Parameters are those of params.yaml,
the paper's, but for the number of epochs and the precision. Writes benchmarks/results/imported.json
and .md.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
ROUNDS = ("r1", "r2")


@dataclass(frozen=True)
class Step:
    """One process: wall-clock and CPU seconds, peak memory, and what it left on the disk."""

    name: str
    wall_s: float
    cpu_s: float
    peak_gib: float
    disk_mib: float


def run_steps(folder: Path, params: Path, last: str = "") -> list[Step]:
    """Import the package in `folder` and run the stages, all or up to `last`; stop if one fails."""
    data = folder / "data" / "package"
    results, numbers = ["--results", str(folder / "results")], ["--params", str(params)]
    commands = {
        f"import {kind}": [
            "wtal_cli.main", "import", "features", str(folder / kind),
            "--data", str(data), "--kind", kind,
        ]
        for kind in ("i3d", "clip")
    }  # fmt: skip
    for name in ("check", "frames", "flow", "features_i3d", "features_clip", "warm_up"):
        more = numbers if name in ("check", "frames", "warm_up") else []
        commands[name] = [f"stages.{name}", str(data), *more]
    before = "r0"
    for name in ("r0", *ROUNDS):
        if name != "r0":
            for step in ("b_step", "f_step"):
                words = [str(data), "--round", name, "--init", before, *numbers]
                commands[f"{step} {name}"] = [f"stages.{step}", *words]
        words = [str(data), "--round", name, *numbers]
        commands[f"infer {name}"] = ["stages.infer", *words]
        commands[f"evaluate {name}"] = ["stages.evaluate", *words, *results]
        before = name
    names = list(commands)
    names = names[: names.index(last) + 1] if last else names
    return [measure(name, commands[name], folder) for name in names]


def measure(name: str, words: list[str], folder: Path) -> Step:
    """Run `python -m WORDS` and wait for it."""
    disk = used_bytes(folder / "data")
    start = time.perf_counter()
    environment = {**os.environ, "WTAL_ITEM_CACHE": str(folder / "cache")}
    process = subprocess.Popen([sys.executable, "-m", *words], cwd=ROOT, env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    wall_s = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if status:
        raise SystemExit(f"{name} ended with {process.returncode}")
    cpu_s = usage.ru_utime + usage.ru_stime
    left = used_bytes(folder / "data") - disk
    step = Step(name, wall_s, cpu_s, usage.ru_maxrss / 2**20, left / 2**20)
    print(f"{name}: {wall_s:.1f} s, {step.peak_gib:.2f} GiB, {step.disk_mib:.0f} MiB", flush=True)
    return step


def used_bytes(folder: Path) -> int:
    """Bytes of all files below, each counted once however many names it has."""
    sizes = {}
    for path in folder.rglob("*"):
        if path.is_file():
            status = path.stat()
            sizes[status.st_dev, status.st_ino] = status.st_size
    return sum(sizes.values())


def adjust(source: Path, target: Path, epochs: int, min_steps: int, precision: str) -> None:
    """params.yaml with other numbers of epochs, of the least steps in one, and precision."""
    # of the sections that this measures: FuSTAL's have such keys, too
    parts = re.split(r"^(?=\w+:)", source.read_text(encoding="utf-8"), flags=re.MULTILINE)
    numbers = {"epochs": str(epochs), "min_steps": str(min_steps), "precision": precision}
    for i, part in enumerate(parts):
        if part.startswith(("warm_up:", "b_step:", "f_step:")):
            for key, value in numbers.items():
                part = re.sub(rf"^  {key}: \w+", f"  {key}: {value}", part, flags=re.MULTILINE)
            parts[i] = part
    text = "".join(parts)
    target.write_text(text, encoding="utf-8")


def report(steps: list[Step], facts: dict[str, object]) -> str:
    """The table as Markdown."""
    lines = [
        "# From imported features to mAP",
        "",
        "Written by `python -m benchmarks.imported`: a made-up package as big as THUMOS14's, "
        "every stage a process of its own. "
        + ", ".join(f"{key} {value}" for key, value in facts.items()) + ".",
        "",
        "| step | s | CPU s | peak GiB | left on disk, MiB |",
        "|---|---|---|---|---|",
    ]  # fmt: skip
    for step in steps:
        lines.append(
            f"| {step.name} | {step.wall_s:.1f} | {step.cpu_s:.1f} | {step.peak_gib:.2f} "
            f"| {step.disk_mib:.0f} |"
        )
    wall_s, peak = sum(s.wall_s for s in steps), max(s.peak_gib for s in steps)
    total = f"| all | {wall_s:.1f} | {sum(s.cpu_s for s in steps):.1f} | {peak:.2f} "
    lines.append(total + f"| {sum(s.disk_mib for s in steps):.0f} |")
    return "\n".join(lines) + "\n"


def main(arguments: list[str] | None = None) -> None:
    """Measure, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--median", type=int, default=240, help="snippets of a video")
    parser.add_argument("--train", type=int, default=200, help="training videos")
    parser.add_argument("--test", type=int, default=212, help="test videos")
    parser.add_argument("--epochs", type=int, default=10, help="of every training")
    parser.add_argument("--min-steps", type=int, default=1)
    parser.add_argument("--precision", default="fp32", choices=["fp32", "bf16"])
    parser.add_argument("--until", default="", help="the last step, e.g. 'infer r0'")
    parser.add_argument("--folder", type=Path, help="keep everything in this new folder")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results")
    given = parser.parse_args(arguments)
    folder = given.folder or Path(tempfile.mkdtemp(prefix="imported-"))
    start = time.perf_counter()
    # Apart: a child's peak memory counts from what its parent held.
    words = [f"--{name}={getattr(given, name)}" for name in ("median", "train", "test")]
    words = [sys.executable, "-m", "benchmarks.package", str(folder), *words]
    subprocess.run(words, check=True, cwd=ROOT)
    facts: dict[str, object] = {
        "videos": f"{given.train} + {given.test}",
        "median length": given.median,
        "epochs": given.epochs,
        "least steps an epoch": given.min_steps,
        "precision": given.precision,
        "package MiB": round(sum(used_bytes(folder / k) for k in ("i3d", "clip")) / 2**20),
        "made in s": round(time.perf_counter() - start),
    }
    params = folder / "params.yaml"
    adjust(ROOT / "params.yaml", params, given.epochs, given.min_steps, given.precision)
    try:
        steps = run_steps(folder, params, given.until)
    finally:
        if given.folder is None:
            shutil.rmtree(folder, ignore_errors=True)
    given.out.mkdir(parents=True, exist_ok=True)
    tree = {"facts": facts, "steps": [asdict(step) for step in steps]}
    (given.out / "imported.json").write_text(json.dumps(tree, indent=1) + "\n", encoding="utf-8")
    (given.out / "imported.md").write_text(report(steps, facts), encoding="utf-8")


if __name__ == "__main__":
    main()
