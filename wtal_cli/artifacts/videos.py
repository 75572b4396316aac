"""Stored frames and flow: one file per video and the record of the stage."""

from pathlib import Path
from typing import Any

import numpy as np

from wtal_cli.description import SUMMARY_COLUMNS, Description, Table, facts_of, summary_of
from wtal_core.annotations import read_json
from wtal_core.errors import WtalError
from wtal_core.video.frames import read_flow, read_frames

RECORD = "record.json"


def describe_videos(path: Path, video: str | None) -> Description:
    """The stage's record; the pixel values of `video` if named."""
    record = read_json(path / RECORD)
    videos: dict[str, Any] = record["videos"]
    facts = facts_of(record, but=("videos", "bad"))
    tables = [_bad(record)] if record.get("bad") else []
    if video is None:
        columns = tuple(sorted({k for v in videos.values() for k in v} - {"sha256"}))
        rows = tuple((n, *(str(v.get(c, "-")) for c in columns)) for n, v in videos.items())
        tables.append(Table("videos", ("video", *columns), rows))
        return Description(f"{path}: {len(videos)} videos", facts, tables)
    if video not in videos:
        raise WtalError(f"{path}: no video {video!r} in it; it has {', '.join(list(videos)[:5])}")
    pictures = _read(path, video)
    names = ("red", "green", "blue") if pictures.shape[-1] == 3 else ("x", "y")
    rows = tuple((n, *summary_of(pictures[..., c])) for c, n in enumerate(names))
    shape = "x".join(str(n) for n in pictures.shape)
    table = Table(f"{video}: {shape} {pictures.dtype}", ("channel", *SUMMARY_COLUMNS), rows)
    return Description(f"{path}: {video}", {**facts, **facts_of(videos[video])}, [*tables, table])


def compare_videos(a: Path, b: Path, video: str | None) -> Description:
    """Which videos differ in their record, or how far one video's pictures are apart."""
    first, second = (read_json(p / RECORD)["videos"] for p in (a, b))
    heading = f"A {a}\nB {b}"
    if video:
        x, y = (_read(p, video) for p in (a, b))
        if x.shape != y.shape:
            return Description(f"{heading}\n{video}: shape {x.shape} in A, {y.shape} in B")
        gap = np.abs(x.astype(np.int16) - y)
        rows = ((video, f"{gap.mean():.4g}", str(gap.max()), f"{(gap > 0).mean():.2%}"),)
        columns = ("video", "mean |A-B|", "max |A-B|", "values that differ")
        return Description(heading, tables=[Table("pictures", columns, rows)])
    names = sorted({*first, *second})
    differ = tuple((n, _state(first.get(n)), _state(second.get(n))) for n in names
                   if first.get(n) != second.get(n))  # fmt: skip
    title = f"{len(differ)} of {len(names)} videos differ"
    return Description(heading, tables=[Table(title, ("video", "A", "B"), differ)])


def _read(path: Path, video: str) -> np.ndarray:
    """(F, H, W, 3) frames, or (F-1, H, W, 2) flow; only the record of flow has a bound."""
    file = path / f"{video}.mkv"
    return read_flow(file) if "bound" in read_json(path / RECORD) else read_frames(file)


def _bad(record: dict[str, Any]) -> Table:
    rows = tuple((b["id"], b["code"], b["cause"], b["remedy"]) for b in record["bad"])
    return Table("left out", ("video", "code", "cause", "remedy"), rows)


def _state(entry: dict[str, Any] | None) -> str:
    return "-" if entry is None else ", ".join(f"{k} {v}" for k, v in facts_of(entry).items())
