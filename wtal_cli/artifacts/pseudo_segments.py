"""Pseudo-segments: what a filter of proposals kept and dropped, with the numbers it went by."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wtal_cli.description import Description, Table, facts_of
from wtal_core.annotations import read_json, read_predictions
from wtal_core.errors import WtalError

Rows = Mapping[str, Sequence[Mapping[str, Any]]]  # of each video
COLUMNS = ("", "segments", "median length s", "median score", "median support")


def describe_pseudo_segments(path: Path, video: str | None) -> Description:
    """Kept and dropped segments in numbers, and per class; each of `video` if named.

    Raises WtalError for a video that is not in the file, and for a segment without its numbers.
    """
    read_predictions(path)  # says what is wrong with the kept ones
    tree = read_json(path)
    kept, dropped = _checked(tree["results"], path), _checked(tree["dropped"], path, True)
    facts = facts_of({"filter": tree.get("filter") or {}})
    if video:
        if video not in kept:
            raise WtalError(f"{path}: no video {video!r} in it; it has {', '.join(list(kept)[:5])}")
        rows = [_row(one, "kept") for one in kept[video]]
        rows += [_row(one, "dropped: " + ", ".join(one["fails"])) for one in dropped[video]]
        columns = ("label", "start s", "end s", "score", "support", "")
        heading = f"{path}: {len(kept[video])} kept, {len(dropped[video])} dropped"
        return Description(heading, facts, [Table(video, columns, tuple(rows))])
    both = {"kept": _all(kept), "dropped": _all(dropped)}
    for what in ("score", "support"):
        both[f"dropped by {what}"] = [one for one in both["dropped"] if what in one["fails"]]
    found = Table("by the filter", COLUMNS, tuple(_numbers(n, some) for n, some in both.items()))
    labels = sorted({one["label"] for some in both.values() for one in some})
    per_class = tuple(
        (label, *(str(sum(one["label"] == label for one in both[k])) for k in ("kept", "dropped")))
        for label in labels
    )
    empty = [name for name, some in kept.items() if not some]
    heading = (
        f"{path}: {len(both['kept'])} kept, {len(both['dropped'])} dropped in {len(kept)} videos, "
        f"{len(empty)} of them left with nothing"
    )
    tables = [found, Table("per class", ("label", "kept", "dropped"), per_class)]
    if empty:
        tables.append(Table("left with nothing", ("video",), tuple((name,) for name in empty)))
    return Description(heading, facts, tables)


def _checked(rows: Any, path: Path, is_dropped: bool = False) -> Rows:
    numbers = ("score", "support")
    for video, some in rows.items():
        for one in some:
            if not all(isinstance(one.get(name), int | float) for name in numbers) or (
                is_dropped and not isinstance(one.get("fails"), list)
            ):
                raise WtalError(
                    f"{path}: a segment of {video!r} lacks a number that the filter went by; "
                    "run the stage fustal_filter again"
                )
    found: Rows = rows
    return found


def _all(rows: Rows) -> list[Mapping[str, Any]]:
    return [one for some in rows.values() for one in some]


def _numbers(name: str, some: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    if not some:
        return (name, "0", "-", "-", "-")
    length = [one["segment"][1] - one["segment"][0] for one in some]
    columns = (length, *([one[key] for one in some] for key in ("score", "support")))
    return (name, str(len(some)), *(f"{np.median(column):.3f}" for column in columns))


def _row(one: Mapping[str, Any], verdict: str) -> tuple[str, ...]:
    start_s, end_s = one["segment"]
    return (one["label"], f"{start_s:.2f}", f"{end_s:.2f}", f"{one['score']:.4f}",
            f"{one['support']:.3f}", verdict)  # fmt: skip
