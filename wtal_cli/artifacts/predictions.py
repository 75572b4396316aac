"""Predictions: segments per class, lengths and scores, and how two sets agree."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from wtal_cli.description import Description, Table, differing, facts_of, percent
from wtal_core.annotations import read_json, read_predictions
from wtal_core.errors import WtalError
from wtal_core.segments import Segments, tiou_NM

AGREE = 0.5  # tIoU from which two segments count as the same one


def describe_predictions(path: Path, video: str | None) -> Description:
    """Segments per class; all segments of `video` if named."""
    segments = read_predictions(path)
    tree = read_json(path)
    facts = facts_of({"external_data": tree.get("external_data") or {}})
    videos = list(tree["results"])
    if video:
        if video not in videos:
            raise WtalError(f"{path}: no video {video!r} in it; it has {', '.join(videos[:5])}")
        mine = segments.take(segments.video == video)
        table = Table(video, ("label", "start s", "end s", "score"), tuple(_segment_rows(mine)))
        return Description(f"{path}: {len(mine.score)} predictions", facts, [table])
    rows = []
    for label in [*sorted(set(segments.label.tolist())), "all"]:
        some = segments if label == "all" else segments.take(segments.label == label)
        length, score = some.end_s - some.start_s, some.score
        if len(score):
            rows.append((label, str(len(score)), str(len(set(some.video.tolist()))),
                         f"{np.median(length):.2f}", f"{np.median(score):.4f}",
                         f"{score.max():.4f}"))  # fmt: skip
    columns = ("label", "segments", "videos", "median length s", "median score", "max score")
    heading = f"{path}: {len(segments.score)} predictions in {len(videos)} videos"
    return Description(heading, facts, [Table("per class", columns, tuple(rows))])


def compare_predictions(a: Path, b: Path, video: str | None) -> Description:
    """Per class how many of A's segments B has too (tIoU of at least one half), and back."""
    both = read_predictions(a), read_predictions(b)
    if video:
        both = (both[0].take(both[0].video == video), both[1].take(both[1].video == video))
    labels = sorted({*both[0].label.tolist(), *both[1].label.tolist()})
    rows = []
    for label in labels:
        x, y = (s.take(s.label == label) for s in both)
        rows.append((label, str(len(x.score)), str(len(y.score)),
                     percent(_found_again(x, y)), percent(_found_again(y, x))))  # fmt: skip
    facts = tuple(
        facts_of({"external_data": read_json(p).get("external_data") or {}}) for p in (a, b)
    )
    columns = ("label", "in A", "in B", "A's also in B", "B's also in A")
    table = Table(f"segments, the same from tIoU {AGREE} on", columns, tuple(rows))
    return Description(f"A {a}\nB {b}", tables=[differing(facts[0], facts[1]), table])


def _found_again(x: Segments, y: Segments) -> float:
    if not len(x.score):
        return float("nan")
    hits = 0
    for video in set(x.video.tolist()):
        mine, theirs = (s.take(s.video == video) for s in (x, y))
        if len(theirs.score):
            overlap = tiou_NM(mine.seg_N2, theirs.seg_N2)
            hits += int((overlap.max(axis=1) >= AGREE).sum())
    return hits / len(x.score)


def _segment_rows(segments: Segments) -> Iterator[tuple[str, ...]]:
    for i in np.argsort(-segments.score, kind="stable"):
        yield (str(segments.label[i]), f"{segments.start_s[i]:.2f}",
               f"{segments.end_s[i]:.2f}", f"{segments.score[i]:.4f}")  # fmt: skip
