"""Ground-truth segments on disk: evaluation and reports read them, training never does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wtal_core.annotations import multi_hot, read_json, read_segment
from wtal_core.errors import WtalError
from wtal_core.segments import Segments

# Annotators round and encoders cut: an end this far behind the last frame is set back to it.
TOLERANCE_S = 0.1


@dataclass(frozen=True)
class GroundTruth:
    """All action instances of one subset, and every video's duration in seconds.

    ambiguous: intervals that the annotators were unsure of; they have no label.
    """

    segments: Segments
    durations: dict[str, float]
    ambiguous: Segments = field(default_factory=Segments.empty)

    def of(self, video: str) -> Segments:
        """The instances of one video."""
        return self.segments.take(self.segments.video == video)

    def video_labels(self, videos: Sequence[str], classes: Sequence[str]) -> NDArray[np.float32]:
        """(N, C) 1 where a video holds an instance of a class."""
        present: dict[str, set[str]] = {video: set() for video in videos}
        for video, label in zip(self.segments.video, self.segments.label, strict=True):
            if str(video) in present:
                present[str(video)].add(str(label))
        return multi_hot([sorted(present[video]) for video in videos], classes)


def read_ground_truth(path: Path, subset: str) -> GroundTruth:
    """The instances of the videos of `subset`.

    A top-level `ambiguous: {video: [[start, end], ...]}` is optional, and so is an annotation's
    `as_annotated: true`, which lets it be empty or lie behind the end of its video. Raises
    WtalError, naming file and item, for a segment that is otherwise reversed, empty, negative or
    outside its video.
    """
    tree = _read_tree(path)
    durations: dict[str, float] = {}
    rows: list[tuple[str, str, float, float]] = []
    for video, entry in tree["database"].items():
        where = f"database[{video!r}]"
        if not isinstance(entry, dict) or not {"subset", "duration", "annotations"} <= set(entry):
            raise WtalError(f"{path}: {where} needs subset, duration and annotations.")
        if entry["subset"] != subset:
            continue
        durations[video] = _duration(entry["duration"], path, where)
        for i, item in enumerate(entry["annotations"]):
            start, end = _instance(item, durations[video], path, f"{where}.annotations[{i}]")
            rows.append((video, str(item["label"]), start, end))
    if not rows:
        raise WtalError(
            f"{path}: no action instance in subset {subset!r}. Check the subset's name."
        )
    video_N, label_N, start_N, end_N = zip(*rows, strict=True)
    segments = Segments.build(video_N, label_N, start_N, end_N)
    return GroundTruth(segments, durations, _ambiguous(tree.get("ambiguous", {}), durations, path))


def has_instances(path: Path, subset: str) -> bool:
    """Whether any video of `subset` is annotated: most stages need the test split alone."""
    return any(
        isinstance(entry, dict) and entry.get("subset") == subset and entry.get("annotations")
        for entry in _read_tree(path)["database"].values()
    )


def _read_tree(path: Path) -> dict[str, Any]:
    tree = read_json(path)
    if not isinstance(tree, dict) or not isinstance(tree.get("database"), dict):
        raise WtalError(f"{path}: the file needs 'database' (dict). Correct the file.")
    return tree


def _ambiguous(tree: Any, durations: dict[str, float], path: Path) -> Segments:
    """The intervals of the videos of `durations`."""
    if not isinstance(tree, dict) or not all(isinstance(items, list) for items in tree.values()):
        raise WtalError(f"{path}: 'ambiguous' maps videos to lists of [start, end]; correct it.")
    rows: list[tuple[str, float, float]] = []
    for video in sorted(set(tree) & set(durations)):
        for i, pair in enumerate(tree[video]):
            where = f"ambiguous[{video!r}][{i}]"
            start, end = read_segment({"segment": pair}, path, where)
            if not 0 <= start < end:
                raise WtalError(f"{path}: {where} needs 0 <= start < end, got [{start}, {end}].")
            rows.append((video, start, end))
    columns = list(zip(*rows, strict=True)) if rows else [(), (), ()]
    return Segments.build(columns[0], [""] * len(rows), columns[1], columns[2])


def _duration(value: Any, path: Path, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        raise WtalError(f"{path}: {where} needs a duration above 0 seconds, got {value!r}.")
    return float(value)


def _instance(item: Any, duration: float, path: Path, where: str) -> tuple[float, float]:
    if not isinstance(item, dict) or not isinstance(item.get("label"), str):
        raise WtalError(f"{path}: {where} needs 'label' (str) and 'segment'. Correct the file.")
    start, end = read_segment(item, path, where)
    if item.get("as_annotated") is True and 0 <= start <= end:
        # Behind the end, or empty, and known to be: nobody can find it, and published numbers
        # count it as missed.
        return start, end
    if not 0 <= start < end:
        raise WtalError(f"{path}: {where} needs 0 <= start < end, got [{start}, {end}].")
    if start >= duration or end > duration + TOLERANCE_S:
        raise WtalError(
            f"{path}: {where} ends at {end}, the video at {duration} s. Are these frames or "
            "milliseconds? Segments and durations are in seconds."
        )
    return start, min(end, duration)
