"""Predictions and instances in ActivityNet's JSON."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wtal_core.errors import WtalError
from wtal_core.importing.segment_rows import SegmentFile, SegmentRows, set_ambiguous_apart
from wtal_core.segments import Segments

# What a test split is called, where nobody says which one is meant.
TEST_SPLITS = ("test", "testing", "validation", "val")


def read_json_predictions(path: Path) -> SegmentFile:
    """`{"results": {video: [{"label", "score", "segment": [start, end]}]}}`."""
    rows = SegmentRows(path)
    for video, items in _member(_load(path), "results", dict, path, "the file").items():
        _check(items, list, path, f"results[{video!r}]")
        for i, item in enumerate(items):
            where = f"results[{video!r}][{i}]"
            label = _member(item, "label", (str, int), path, where)
            score = _member(item, "score", (str, int, float), path, where)
            rows.add(where, video, label, *_pair(item, path, where), score)
    return SegmentFile(path, rows.build())


def read_json_truth(path: Path, subset: str | None) -> SegmentFile:
    """`{"database": {video: {"subset", "duration", "annotations": [{"label", "segment"}]}}}`.

    Only videos of `subset` (capitals do not matter); without one, those of the test split. The
    label Ambiguous and a top-level `ambiguous: {video: [[start, end], ...]}` are set apart.
    Nothing is cut at the end of a video, since nobody else's evaluation does that.
    """
    tree = _load(path)
    database = _member(tree, "database", dict, path, "the file")
    for video, entry in database.items():
        _check(entry, dict, path, f"database[{video!r}]")
    chosen = _choose(database, subset, path)
    rows, durations = SegmentRows(path), {}
    for video, entry in database.items():
        if str(entry.get("subset")).lower() != chosen.lower():
            continue
        if "duration" in entry:
            durations[video] = _duration(entry["duration"], path, f"database[{video!r}]")
        for i, item in enumerate(entry.get("annotations") or []):
            where = f"database[{video!r}].annotations[{i}]"
            label = _member(item, "label", (str, int), path, where)
            rows.add(where, video, label, *_pair(item, path, where))
    segments, among = set_ambiguous_apart(rows.build())
    apart = _read_ambiguous(tree.get("ambiguous", {}), database, chosen, path)
    return SegmentFile(path, segments, durations, Segments.join([among, apart]), chosen)


def _read_ambiguous(tree: Any, database: Mapping[str, Any], subset: str, path: Path) -> Segments:
    _check(tree, dict, path, "ambiguous")
    rows = SegmentRows(path)
    for video, pairs in tree.items():
        if str(database.get(video, {}).get("subset", subset)).lower() != subset.lower():
            continue
        _check(pairs, list, path, f"ambiguous[{video!r}]")
        for i, pair in enumerate(pairs):
            where = f"ambiguous[{video!r}][{i}]"
            rows.add(where, video, "Ambiguous", *_pair({"segment": pair}, path, where))
    return rows.build()


def _choose(database: Mapping[str, Any], wanted: str | None, path: Path) -> str:
    """The subset to read, as the file spells it."""
    known = dict.fromkeys(
        str(entry.get("subset")) for entry in database.values() if entry.get("annotations")
    )
    names = {name.lower(): name for name in known}
    if wanted is not None:
        if wanted.lower() in names:
            return names[wanted.lower()]
    elif len(names) == 1:
        return next(iter(names.values()))
    elif test := [names[name] for name in TEST_SPLITS if name in names]:
        return test[0]
    raise WtalError(
        f"{path}: subset {wanted!r} has no annotations; those that have some: "
        f"{', '.join(known) or 'none'}. Name one with --subset."
    )


def _duration(value: Any, path: Path, where: str) -> float:
    rows = SegmentRows(path)
    rows.add(f"{where}.duration", "", "", 0, value)
    return rows.end[0]


def _pair(item: Mapping[str, Any], path: Path, where: str) -> tuple[Any, Any]:
    pair = _member(item, "segment", list, path, where)
    if len(pair) != 2:
        raise WtalError(f"{path}: {where} needs a segment [start, end], got {pair}.")
    return pair[0], pair[1]


def _member(tree: Any, key: str, kind: type | tuple[type, ...], path: Path, where: str) -> Any:
    if not isinstance(tree, dict) or key not in tree:
        raise WtalError(f"{path}: {where} has no {key!r}. Give ActivityNet's form of JSON, or CSV.")
    return _check(tree[key], kind, path, f"{key!r} of {where}")


def _check(value: Any, kind: type | tuple[type, ...], path: Path, where: str) -> Any:
    if not isinstance(value, kind) or isinstance(value, bool):
        names = " or ".join(k.__name__ for k in (kind if isinstance(kind, tuple) else (kind,)))
        raise WtalError(f"{path}: {where} is {str(value)[:60]!r}, but {names} is needed.")
    return value


def _load(path: Path) -> Any:
    """The tree; NaN passes, so that the row that holds it can be named."""
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as problem:
        raise WtalError(f"{path}: cannot be read ({problem.strerror}). Check the name.") from None
    except (ValueError, RecursionError) as problem:
        raise WtalError(f"{path}: not readable as JSON ({problem}). Restore the file.") from None
