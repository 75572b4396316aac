"""Video-level labels and predictions on disk; no ground-truth segment passes through here."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wtal_core.atomic import fresh_file
from wtal_core.errors import WtalError
from wtal_core.segments import Segments

SUBSETS = ("train", "test")


@dataclass(frozen=True)
class Video:
    """One video: `file` lies below the dataset's folder; `labels` is empty for a test video."""

    id: str
    file: Path
    subset: str
    labels: tuple[str, ...]


@dataclass(frozen=True)
class Labels:
    """The content of `labels.json`: class names in column order, and all videos."""

    classes: tuple[str, ...]
    all_videos: tuple[Video, ...]

    def videos(self, subset: str) -> tuple[Video, ...]:
        """The videos of one subset, in the file's order."""
        return tuple(video for video in self.all_videos if video.subset == subset)

    def multi_hot(self, subset: str) -> NDArray[np.float32]:
        """(N, C) 1 where a video of the subset carries a class; zeros for test videos."""
        return multi_hot([video.labels for video in self.videos(subset)], self.classes)


def multi_hot(labels: Sequence[Sequence[str]], classes: Sequence[str]) -> NDArray[np.float32]:
    """(N, C) 1 where row n names class c. Raises ValueError for a name outside `classes`."""
    column = {name: c for c, name in enumerate(classes)}
    hot = np.zeros((len(labels), len(classes)), dtype=np.float32)
    for n, names in enumerate(labels):
        for name in names:
            if name not in column:
                raise ValueError(f"label {name!r} is none of the {len(classes)} classes")
            hot[n, column[name]] = 1
    return hot


def read_labels(path: Path) -> Labels:
    """Labels of a dataset. Raises WtalError, naming file and item, for what is not as agreed."""
    tree = read_json(path)
    classes = _member(tree, "classes", list, path, "the file")
    entries = _member(tree, "videos", dict, path, "the file")
    if not classes or len(set(classes)) != len(classes):
        raise WtalError(f"{path}: 'classes' holds at least one name and each once, got {classes}.")
    return Labels(
        tuple(classes),
        tuple(_read_video(name, entry, set(classes), path) for name, entry in entries.items()),
    )


def read_predictions(path: Path) -> Segments:
    """Predictions of an ActivityNet JSON; raises WtalError, naming the item, for a bad one."""
    results = _member(read_json(path), "results", dict, path, "the file")
    rows: list[tuple[str, str, float, float, float]] = []
    for video, items in results.items():
        for i, item in enumerate(items):
            where = f"results[{video!r}][{i}]"
            label = _member(item, "label", str, path, where)
            start, end = read_segment(item, path, where)
            score = _member(item, "score", (int, float), path, where)
            rows.append((video, label, start, end, float(score)))
    if not rows:
        return Segments.empty()
    video_N, label_N, start_N, end_N, score_N = zip(*rows, strict=True)
    try:
        return Segments.build(video_N, label_N, start_N, end_N, score_N)
    except ValueError as problem:
        raise WtalError(f"{path}: {problem}. Correct or remove that segment.") from problem


def write_predictions(
    path: Path,
    segments: Segments,
    videos: Sequence[str],
    external_data: Mapping[str, Any] | None = None,
) -> None:
    """Write an ActivityNet JSON: one list per video of `videos`, best score first.

    A video without predictions gets an empty list. `external_data` says what the detector was
    built on. Raises ValueError for a segment of a video that is not listed.
    """
    results: dict[str, list[dict[str, Any]]] = {video: [] for video in videos}
    order_N = np.argsort(-segments.score, kind="stable")
    for i in order_N:
        video = str(segments.video[i])
        if video not in results:
            raise ValueError(f"segment {i} belongs to video {video!r}, which is not listed")
        results[video].append(
            {
                "label": str(segments.label[i]),
                "score": float(segments.score[i]),
                "segment": [float(segments.start_s[i]), float(segments.end_s[i])],
            }
        )
    tree = {"version": "1.0", "results": results, "external_data": dict(external_data or {})}
    with fresh_file(path) as fresh:
        fresh.write_text(json.dumps(tree, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def read_json(path: Path) -> Any:
    """A JSON file; raises WtalError when it is absent, not JSON, or holds NaN or infinity."""
    if not path.is_file():
        raise WtalError(f"{path}: no such file. Run the stage that makes it, or check the name.")
    try:
        return json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as problem:
        raise WtalError(f"{path}: not readable as JSON ({problem}). Restore the file.") from problem


def read_segment(item: Mapping[str, Any], path: Path, where: str) -> tuple[float, float]:
    """The two numbers of `item["segment"]`; raises WtalError naming `where` otherwise."""
    pair = _member(item, "segment", list, path, where)
    if len(pair) != 2 or not all(_is_number(value) for value in pair):
        raise WtalError(f"{path}: {where} needs a segment [start, end] in seconds, got {pair}.")
    return float(pair[0]), float(pair[1])


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _refuse_constant(name: str) -> float:
    raise ValueError(f"it holds {name}, which is no number")


def _member(tree: Any, key: str, kind: type | tuple[type, ...], path: Path, where: str) -> Any:
    if not isinstance(tree, dict) or key not in tree or not isinstance(tree[key], kind):
        kinds = kind if isinstance(kind, tuple) else (kind,)
        wanted = " or ".join(one.__name__ for one in kinds)
        raise WtalError(f"{path}: {where} needs {key!r} ({wanted}). Correct the file.")
    return tree[key]


def _read_video(name: str, entry: Any, classes: set[str], path: Path) -> Video:
    where = f"videos[{name!r}]"
    file = _member(entry, "file", str, path, where)
    subset = _member(entry, "subset", str, path, where)
    if subset not in SUBSETS:
        raise WtalError(f"{path}: {where} has subset {subset!r}; it is one of {SUBSETS}.")
    labels = _member(entry, "labels", list, path, where) if subset == "train" else []
    unknown = [label for label in labels if label not in classes]
    if unknown or (subset == "train" and not labels):
        raise WtalError(
            f"{path}: {where} needs labels out of 'classes', got {labels}. "
            "Add the class, or correct the spelling."
        )
    if subset == "test" and "labels" in entry:
        raise WtalError(f"{path}: {where} is a test video and must not have labels. Remove them.")
    return Video(name, Path(file), subset, tuple(labels))
