"""Health of labels.json: what a training would stumble over, or silently not learn."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from wtal_core.annotations import Labels, read_json
from wtal_core.findings import Finding
from wtal_core.own_videos.spelling import find_misspelt, nearest
from wtal_core.own_videos.thresholds import advise_thresholds

_FEW = 2  # training videos that a class should have at least


def find_strangers(path: Path) -> list[Finding]:
    """Labels that are none of 'classes', each with the nearest one: looked for in the raw file,
    since a file that names one is not read at all. Other faults are left to `read_labels`.
    """
    tree: Any = read_json(path)
    classes = tree.get("classes") if isinstance(tree, dict) else None
    videos = tree.get("videos") if isinstance(tree, dict) else None
    if not isinstance(classes, list) or not isinstance(videos, dict):
        return []
    known = [name for name in classes if isinstance(name, str)]
    found = []
    for video, entry in videos.items():
        labels = entry.get("labels") if isinstance(entry, dict) else None
        for label in labels if isinstance(labels, list) else []:
            if isinstance(label, str) and label not in known:
                meant = nearest(label, known)
                hint = f"; did you mean {meant!r}?" if meant else ""
                found.append(
                    Finding(
                        "error", "E220", video, f"label {label!r} is none of 'classes'{hint}",
                        "correct the spelling, or add the class",
                    )
                )  # fmt: skip
    return found


def judge_labels(labels: Labels, delta_l: float) -> list[Finding]:
    """Classes with too few training videos, names that look misspelt, splits without a video."""
    train = labels.videos("train")
    counts: Mapping[str, int] = Counter(name for video in train for name in set(video.labels))
    found = [
        *_empty_splits(labels),
        *(_few(name, counts.get(name, 0)) for name in labels.classes if counts.get(name, 0) < _FEW),
    ]
    all_counts = {name: counts.get(name, 0) for name in labels.classes}
    for rare, common in find_misspelt(all_counts):
        found.append(
            Finding(
                "warning", "W220", rare,
                f"{all_counts[rare]} training videos; did you mean {common!r} "
                f"({all_counts[common]})?",
                "if so, correct labels.json (or the tags, and run wtal init --force)",
            )
        )  # fmt: skip
    if len(labels.classes) < 2:
        found.append(
            Finding(
                "error", "E221", labels.classes[0], "the only class, so nothing to tell apart",
                "add videos of another class, if only one called Other",
            )
        )  # fmt: skip
    advice = advise_thresholds(len(labels.classes), delta_l)
    if advice is not None:
        high, low = advice
        found.append(
            Finding(
                "warning", "W223", f"{len(labels.classes)} classes",
                f"a branch that knows nothing scores 1/{len(labels.classes)}, which is not below "
                f"thresholds.delta_l = {delta_l}: nothing would be background",
                f"-S thresholds.delta_h={high} -S thresholds.delta_l={low}",
            )
        )  # fmt: skip
    return found


def _empty_splits(labels: Labels) -> Sequence[Finding]:
    return [
        Finding("error", "E222", subset, f"no {subset} video", "add one to labels.json")
        for subset in ("train", "test") if not labels.videos(subset)
    ]  # fmt: skip


def _few(name: str, count: int) -> Finding:
    if count:
        return Finding("warning", "W222", name, "one training video", "add some")
    return Finding(
        "error", "E223", name, "no training video", "tag some, or remove it from 'classes'"
    )
