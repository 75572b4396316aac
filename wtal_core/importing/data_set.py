"""Writes the folder of an imported data set: its facts, labels, segments, and a README."""

import hashlib
import html
import json
import os
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wtal_core.annotations import SUBSETS
from wtal_core.atomic import fresh_file
from wtal_core.corrections import CORRECTIONS, write_corrections
from wtal_core.errors import WtalError
from wtal_core.importing.annotations_model import Annotations, Note
from wtal_core.importing.benchmark_sets import BenchmarkSet
from wtal_core.importing.curate import Choices, Curated, curate
from wtal_core.schema.fustal import FUSTAL

METHOD = (
    "branch", "cbp", "um", "co2net", "delu", "vlp", "warm_up", "b_step", "f_step",
    "pseudo_labels", "loss", "localize", *FUSTAL,
)  # fmt: skip
# Facts as in the paper: features at 25 fps in windows of 16 frames, I3D's usual picture and flow.
DATASET_YAML = """\
# Facts of {title}, imported from {layout}. README.md beside this file says what was read.
dataset: {{name: {name}}}
video: {{fps: 25.0, short_side: 256, crop: 224}}
snippet: {{frames: 16, stride: 16}}
flow: {{method: tvl1, bound: 20.0}}  # dis is many times faster and not what I3D was trained on
encoders: {{backend: auto, precision: auto}}
i3d: {{rgb: encoders/i3d_rgb, flow: encoders/i3d_flow}}
clip: {{weights: encoders/clip}}
evaluation: {{protocol: {protocol}}}  # what those who use this package evaluate with
method: # per section of params.yaml the keys that this data set needs otherwise: none
{method}
"""


@dataclass(frozen=True)
class Imported:
    """What was written: `(videos, instances)` read and kept per split, and the notes."""

    folder: Path
    read: Mapping[str, tuple[int, int]]
    kept: Mapping[str, tuple[int, int]]
    notes: tuple[Note, ...]


def import_data_set(
    package: Annotations,
    benchmark: BenchmarkSet,
    folder: Path,
    choices: Choices,
    force: bool = False,
) -> Imported:
    """Write `folder`, all four files or none, and corrections.json unless it is there.

    Raises WtalError when other files stand there already, unless `force`, and when a file to write
    is one that was read.
    """
    curated = curate(package, benchmark, choices)
    texts = {
        "labels.json": _json_text(curated.labels),
        "ground_truth.json": _json_text(curated.ground_truth),
        "dataset.yaml": DATASET_YAML.format(
            title=benchmark.title,
            layout=_one_line(package.layout),
            name=folder.name,
            protocol=package.protocol,
            method="\n".join(f"  {section}: {{}}" for section in METHOD),
        ),
    }
    read = {subset: _count(package, subset) for subset in SUBSETS}
    kept = {subset: curated.count(subset) for subset in SUBSETS}
    texts["README.md"] = _readme(package, benchmark, curated, read, kept)
    sources = {path.resolve() for path in package.files}
    if clash := [name for name in texts if (folder / name).resolve() in sources]:
        raise WtalError(f"{folder}: {', '.join(clash)} is what is read. Choose another --name.")
    other = [name for name, text in texts.items() if _is_other(folder / name, text)]
    if other and not force:
        raise WtalError(
            f"{folder}: {', '.join(other)} is there with other content. Choose another --name, "
            "or overwrite with --force (imported features then have to be imported again)."
        )
    with ExitStack() as stack:  # nothing is renamed before all is written
        for name, text in texts.items():
            fresh = stack.enter_context(fresh_file(folder / name))
            fresh.write_text(text, encoding="utf-8")
        if not (folder / CORRECTIONS).exists():  # else it is somebody's work
            write_corrections(folder / CORRECTIONS, {})
    return Imported(folder, read, kept, curated.notes)


def find_videos(folder: Path, ids: Iterable[str], prefix: str) -> dict[str, str]:
    """Id -> name of its file in `folder`: the id, with or without `prefix`, and any ending.

    Raises WtalError when the folder is absent, or when an id has several files.
    """
    if not folder.is_dir():
        raise WtalError(f"{folder}: no such folder. Check the path.")
    by_stem: dict[str, list[str]] = {}
    for path in sorted(folder.iterdir()):
        if path.is_file() and not path.name.startswith(".") and path.suffix:
            by_stem.setdefault(path.name.removesuffix(path.suffix), []).append(path.name)
    found: dict[str, str] = {}
    for video in ids:
        files = [*by_stem.get(video, []), *(by_stem.get(prefix + video, []) if prefix else [])]
        if len(files) > 1:
            raise WtalError(f"{folder}: {video} has several files: {', '.join(files)}. Keep one.")
        found |= {video: files[0]} if files else {}
    return found


def _count(package: Annotations, subset: str) -> tuple[int, int]:
    videos = [v for v in package.videos if v.subset == subset]
    return len(videos), sum(len(v.instances) for v in videos)


def _is_other(path: Path, text: str) -> bool:
    return os.path.lexists(path) and not (path.is_file() and path.read_bytes() == text.encode())


def _json_text(tree: Mapping[str, Any]) -> str:
    """One line per video: short enough to look at, and differences show."""
    lines = []
    for key, value in tree.items():
        if isinstance(value, dict):
            rows = [f"  {_compact(name)}: {_compact(entry)}" for name, entry in value.items()]
            shown = "{\n" + ",\n".join(rows) + "\n }" if rows else "{}"
        else:
            shown = _compact(value)
        lines.append(f" {_compact(key)}: {shown}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _readme(
    package: Annotations,
    benchmark: BenchmarkSet,
    curated: Curated,
    read: Mapping[str, tuple[int, int]],
    kept: Mapping[str, tuple[int, int]],
) -> str:
    lines = [
        f"# {benchmark.title}",
        "",
        f"Written by `wtal import {benchmark.name}` from {_one_line(package.layout)}.",
        "",
        "| split | videos, official | in the package | here | segments in the package | here |",
        "|---|---|---|---|---|---|",
    ]
    for subset in SUBSETS:
        (videos, segments), (left, rest) = read[subset], kept[subset]
        official = benchmark.videos[subset]
        lines.append(f"| {subset} | {official} | {videos} | {left} | {segments} | {rest} |")
    used = {i["label"] for e in curated.ground_truth["database"].values() for i in e["annotations"]}
    lines += [
        "",
        f"Classes: {len(curated.labels['classes'])}, {len(used)} of them with segments. "
        f"Evaluation protocol: `{package.protocol}`, with which the package's users evaluate; "
        "dataset.yaml sets it.",
        "",
        "## What was found, and what was done",
        "",
    ]
    for note in curated.notes:
        lines.append(f"- **{_one_line(note.quirk)}**: {_one_line(note.done)}.")
        lines += [f"  - {_one_line(item)}" for item in note.items]
    lines += ["", "## Files read", "", "| file | SHA-256 |", "|---|---|"]
    lines += [f"| {_one_line(path.name)} | `{_sha256(path)}` |" for path in sorted(package.files)]
    return "\n".join(lines) + "\n"


def _one_line(text: str) -> str:
    """Names come from strangers' files, so they may not break lines or be taken for HTML."""
    return html.escape(" ".join(text.split()), quote=False)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
