"""Pseudo-labels: shares of foreground, background and uncertain, and one video's timeline."""

from pathlib import Path

import numpy as np

from wtal_cli.artifacts.sequences import count_of, rows_of, shared_videos
from wtal_cli.description import Description, Table, differing, facts_of, percent
from wtal_cli.timeline import draw_png, draw_text
from wtal_core.errors import WtalError
from wtal_core.grid import SnippetGrid
from wtal_core.store import Sequences, read_sequences

SHARES = ("fg", "bg", "uncertain")
# Attributes that are no facts about the making: a line per video, and the legend of the timeline.
LISTED_ELSEWHERE = ("video_labels", "meaning")


def describe_pseudo(path: Path, video: str | None, png: Path | None, width: int) -> Description:
    """Shares per class over the videos that have the class; a timeline of `video` if named."""
    store = read_sequences(path)
    names = [video] if video else list(store.names)
    rows_of(store, video, path)
    columns = ("class", "videos", "snippets", *SHARES, "mean score fg", "bg", "uncertain")
    tables = [Table("of the snippets of videos with the class", columns, _rows(store, names))]
    drawings = []
    if video:
        own = own_classes(store, video)
        label_TC, score_TC = (store.of(video)[key][:, own] for key in ("label", "score"))
        classes = [store.attrs["classes"][c] for c in own]
        grid = SnippetGrid.from_dict(store.attrs["grid"])
        drawings.append(draw_text(label_TC, score_TC.astype(np.float32), classes, grid, width))
        if png:
            levels = store.attrs["thresholds"]
            draw_png(png, label_TC, score_TC, classes, grid, (levels["delta_l"], levels["delta_h"]))
            drawings.append(f"drawn to {png}")
    elif png:
        raise WtalError("--png draws one video: name it with --video")
    heading = f"{path}: pseudo-labels of {count_of(store)}"
    return Description(heading, facts_of(store.attrs, but=LISTED_ELSEWHERE), tables, drawings)


def compare_pseudo(a: Path, b: Path, video: str | None) -> Description:
    """What became of A's foreground, background and uncertain snippets in B, and per class."""
    stores = read_sequences(a), read_sequences(b)
    shared = shared_videos(*stores, video)
    if stores[0].attrs["classes"] != stores[1].attrs["classes"]:
        raise WtalError(f"{a} and {b} are of different classes, so labels cannot be compared")
    pairs = []
    for name in shared:
        own = own_classes(stores[0], name)
        both = [s.of(name)["label"][:, own].ravel() for s in stores]
        if both[0].shape != both[1].shape:
            raise WtalError(f"{name}: {both[0].size} labels in A, {both[1].size} in B")
        pairs.append(np.stack(both))
    old, new = np.concatenate(pairs, axis=1)
    rows = [
        (f"{word} in A", *(percent(float((new[old == v] == w).mean())) if (old == v).any() else "-"
         for w in (1, 0, -1)), str(int((old == v).sum())))
        for word, v in zip(SHARES, (1, 0, -1), strict=True)
    ]  # fmt: skip
    total = ("in B", *(percent(float((new == w).mean())) for w in (1, 0, -1)), str(old.size))
    moved = Table(
        f"where A's labels went ({percent(float((old == new).mean()))} stayed)",
        ("", "fg in B", "bg in B", "uncertain in B", "labels"),
        (*rows, total),
    )
    per_class = [
        (x[0], x[1], *(f"{p} > {q}" for p, q in zip(x[3:6], y[3:6], strict=True)))
        for x, y in zip(_rows(stores[0], shared), _rows(stores[1], shared), strict=True)
    ]
    facts = facts_of(stores[0].attrs), facts_of(stores[1].attrs)
    by_class = Table("A > B", ("class", "videos", *SHARES), tuple(per_class))
    return Description(
        f"A {a}\nB {b}\n{len(shared)} videos in both", tables=[differing(*facts), moved, by_class]
    )


def own_classes(store: Sequences, video: str) -> list[int]:
    """Columns of the classes that the video has (the others are background by rule)."""
    return [store.attrs["classes"].index(name) for name in store.attrs["video_labels"][video]]


def _rows(store: Sequences, videos: list[str]) -> tuple[tuple[str, ...], ...]:
    rows = []
    for c, name in enumerate(store.attrs["classes"]):
        with_class = [v for v in videos if c in own_classes(store, v)]
        if with_class:
            rows.append(_row(name, store, with_class, [c] * len(with_class)))
    every = [(v, c) for v in videos for c in own_classes(store, v)]
    rows.append(_row("all", store, [v for v, _ in every], [c for _, c in every]))
    return tuple(rows)


def _row(name: str, store: Sequences, videos: list[str], columns: list[int]) -> tuple[str, ...]:
    parts = [(store.of(v), c) for v, c in zip(videos, columns, strict=True)]
    label = np.concatenate([arrays["label"][:, c] for arrays, c in parts])
    score = np.concatenate([arrays["score"][:, c] for arrays, c in parts]).astype(np.float64)
    shares = [percent(float((label == v).mean())) for v in (1, 0, -1)]
    means = [f"{score[label == v].mean():.3f}" if (label == v).any() else "-" for v in (1, 0, -1)]
    return (name, str(len(set(videos))), str(len(label)), *shares, *means)
