"""Features and scores: a store of sequences with any arrays."""

from pathlib import Path

import numpy as np

from wtal_cli.description import (
    SUMMARY_COLUMNS,
    Description,
    Table,
    differing,
    facts_of,
    summary_of,
)
from wtal_core.errors import WtalError
from wtal_core.store import Sequences, read_sequences


def describe_sequences(path: Path, video: str | None) -> Description:
    """What made the store, its videos, and the values of each array (of one video if named)."""
    store = read_sequences(path)
    arrays = rows_of(store, video, path)
    rows = tuple(
        (key, "x".join(str(n) for n in a.shape), str(a.dtype), *summary_of(a))
        for key, a in arrays.items()
    )
    tables = [Table(video or "all videos", ("array", "shape", "type", *SUMMARY_COLUMNS), rows)]
    return Description(f"{path}: sequences of {count_of(store)}", facts_of(store.attrs), tables)


def compare_sequences(a: Path, b: Path, video: str | None) -> Description:
    """How far the arrays that both stores have are apart, over the videos that both have."""
    stores = read_sequences(a), read_sequences(b)
    shared = shared_videos(*stores, video)
    keys = [key for key in stores[0].arrays if key in stores[1].arrays]
    rows = []
    for key in keys:
        pairs = [(stores[0].of(n)[key], stores[1].of(n)[key]) for n in shared]
        same = [(x, y) for x, y in pairs if x.shape == y.shape]
        if not same:
            rows.append((key, f"0 of {len(pairs)}", "-", "-", "-"))
            continue
        x, y = (np.concatenate([p[i] for p in same]).astype(np.float64) for i in (0, 1))
        gap = np.abs(x - y)
        alike = f"{sum(bool(np.array_equal(p, q)) for p, q in same)} of {len(same)}"
        correlation = (
            f"{np.corrcoef(x.ravel(), y.ravel())[0, 1]:.4f}" if x.std() and y.std() else "-"
        )
        rows.append((key, alike, f"{gap.mean():.4g}", f"{gap.max():.4g}", correlation))
    columns = ("array", "equal videos", "mean |A-B|", "max |A-B|", "correlation")
    facts = facts_of(stores[0].attrs), facts_of(stores[1].attrs)
    return Description(
        f"A {a}\nB {b}\n{len(shared)} videos in both",
        tables=[differing(*facts), Table("values", columns, tuple(rows))],
    )


def rows_of(store: Sequences, video: str | None, path: Path) -> dict[str, np.ndarray]:
    """All rows, or those of one video; WtalError naming some that there are."""
    if video is None:
        return store.arrays
    if video not in store.names:
        known = ", ".join(store.names[:5])
        raise WtalError(f"{path}: no video {video!r} in it; it has {known} ({len(store.names)})")
    return store.of(video)


def shared_videos(a: Sequences, b: Sequences, video: str | None) -> list[str]:
    """Videos in both stores, only the named one if any; WtalError when there is none."""
    shared = [n for n in a.names if n in b.names and video in (None, n)]
    if not shared:
        raise WtalError("the two have no such video in common, so there is nothing to compare")
    return shared


def count_of(store: Sequences) -> str:
    """How much is in a store, in words."""
    lengths = store.lengths
    return (
        f"{len(store.names)} videos, {lengths.sum()} snippets "
        f"({lengths.min()} to {lengths.max()} each)"
    )
