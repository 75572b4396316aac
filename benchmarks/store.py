"""Features to and from the disk: our store beside a file for each video, and zarr's defaults.

python -m benchmarks.store [--videos 60] [--folder DIR]
writes benchmarks/results/store.json, .md and .svg, in a minute or so. The features are those of
I3D in float16, 2048 columns, random, with the lengths of THUMOS14's videos: 60 of its 412, 88 MB.
`numpy` is one .npy file a video, which knows nothing of a lost or changed byte; `zarr` one array a
video in a group with zarr's default chunks and compression. Ours puts all videos behind each other,
checks every value on the way in and every byte on the way out. The ways take turns; wall clock,
since a disk is waited for. Only ours waits until what it wrote is on the disk, and replaces what
stood there in one step; reading is from the kernel's cache. What a way reads must be equal to what
was written, to the byte.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import zarr

from benchmarks.harness import RESULTS, Row, take_turns, three, write
from benchmarks.package import Size, draw_lengths
from wtal_core.store import read_sequences, write_sequences

OURS = "ours"
KEY = "feat"
# Times ours is to be as fast. A bare file, which checks and waits for nothing, is the limit.
TARGETS = {("write", "zarr"): 1.0, ("read", "zarr"): 1.0}
Features = dict[str, np.ndarray]  # video -> (T, D) float16


@dataclass(frozen=True)
class Way:
    """How features get into a folder and back."""

    write: Callable[[Path, Features], None]
    read: Callable[[Path], Features]


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--videos", type=int, default=60, help="of THUMOS14's 412")
    parser.add_argument("--columns", type=int, default=2048)
    parser.add_argument("--trials", type=int, default=7)
    parser.add_argument("--folder", type=Path, help="on which disk; a temporary one by default")
    parser.add_argument("--smoke", action="store_true", help="does it run? seconds, no figures")
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args(argv)
    if given.smoke:
        given.videos, given.columns, given.trials = 5, 24, 1
    features = make_features(given.videos, given.columns)
    with TemporaryDirectory(dir=given.folder) as folder:
        found = measure(features, Path(folder), given.trials)
    write(given.out, "store", found, compare(found), describe(found))


def make_features(videos: int, columns: int) -> Features:
    """Random, of half precision."""
    rng = np.random.default_rng(0)
    lengths = draw_lengths(videos, Size(), rng)
    return {
        f"video_{n:07d}": rng.standard_normal((length, columns), np.float32).astype(np.float16)
        for n, length in enumerate(lengths.tolist())
    }


def _write_ours(folder: Path, features: Features) -> None:
    items = ((name, {KEY: feat_TD}) for name, feat_TD in features.items())
    write_sequences(folder / "all.zarr", items, {KEY: ("T", "D")}, {})


def _read_ours(folder: Path) -> Features:
    whole = read_sequences(folder / "all.zarr")
    return {name: whole.of(name)[KEY] for name in whole.names}


def _write_numpy(folder: Path, features: Features) -> None:
    for name, feat_TD in features.items():
        np.save(folder / f"{name}.npy", feat_TD)


def _read_numpy(folder: Path) -> Features:
    return {path.stem: np.load(path) for path in sorted(folder.glob("*.npy"))}


def _write_zarr(folder: Path, features: Features) -> None:
    group = zarr.create_group(folder / "all.zarr")
    for name, feat_TD in features.items():
        group.create_array(name, data=feat_TD)


def _read_zarr(folder: Path) -> Features:
    group = zarr.open_group(folder / "all.zarr", mode="r")
    return {name: np.asarray(array[...]) for name, array in group.arrays()}


WAYS = {
    "numpy": Way(_write_numpy, _read_numpy),
    "zarr": Way(_write_zarr, _read_zarr),
    OURS: Way(_write_ours, _read_ours),
}


def measure(features: Features, folder: Path, trials: int) -> dict[str, Any]:
    """Of each way MB/s in and out, ratios to ours, bytes and files on disk, and equality."""
    total = sum(feat_TD.nbytes for feat_TD in features.values())

    def fresh(name: str) -> Path:
        place = folder / name
        rmtree(place, ignore_errors=True)
        place.mkdir()
        return place

    writing = {
        name: partial(_write_fresh, way, fresh, name, features) for name, way in WAYS.items()
    }
    reading = {name: partial(way.read, folder / name) for name, way in WAYS.items()}
    taken = {"write": take_turns(writing, trials, time.perf_counter)}
    print("written", file=sys.stderr)
    taken["read"] = take_turns(reading, trials, time.perf_counter)
    rows = {}
    for name in WAYS:
        files = [path for path in (folder / name).rglob("*") if path.is_file()]
        rows[name] = {
            "write_mb_s": three(total / 1e6 / statistics.median(taken["write"][name])),
            "read_mb_s": three(total / 1e6 / statistics.median(taken["read"][name])),
            "bytes": sum(path.stat().st_size for path in files),
            "files": len(files),
            "equal": equal(WAYS[name].read(folder / name), features),
        } | {
            f"{what}_ratio": three(
                statistics.median(
                    a / b for a, b in zip(taken[what][name], taken[what][OURS], strict=True)
                )
            )
            for what in ("write", "read")
        }
    lengths = [len(feat_TD) for feat_TD in features.values()]
    return {"videos": len(features), "rows": sum(lengths), "bytes": total, "ways": rows}


def _write_fresh(way: Way, fresh: Callable[[str], Path], name: str, features: Features) -> None:
    way.write(fresh(name), features)


def equal(found: Features, features: Features) -> bool:
    """The same videos with the same bytes."""
    return found.keys() == features.keys() and all(
        found[name].dtype == feat_TD.dtype and np.array_equal(found[name], feat_TD)
        for name, feat_TD in features.items()
    )


def compare(found: dict[str, Any]) -> list[Row]:
    """Lines of the overview."""
    ways = found["ways"]
    bare = ways["numpy"]
    return [
        Row(
            what=f"store, {what} {found['bytes'] / 1e6:.0f} MB: {anchor}",
            anchor="an array a video, defaults",
            target=target,
            measured=ways[anchor][f"{what}_ratio"],
            accuracy="equal bytes, checked" if ways[OURS]["equal"] else "other bytes",
            accurate=ways[OURS]["equal"],
            limit=f"{ways[OURS][f'{what}_mb_s']:g} of {bare[f'{what}_mb_s']:g} MB/s in bare files",
        )
        for (what, anchor), target in TARGETS.items()
    ]


def describe(found: dict[str, Any]) -> list[str]:
    """Lines of the Markdown page."""
    return [
        "# The store",
        "",
        f"Written by `python -m benchmarks.store`: {found['videos']} videos of THUMOS14's lengths, "
        f"{found['rows']} snippets, {found['bytes'] / 1e6:.1f} MB of float16 numbers, random, so "
        "hardly to be compressed. MB/s by the wall clock, files in the kernel's cache. `numpy` is "
        "an .npy file a video, `zarr` an array a video with its defaults. Ours refuses NaN on the "
        "way in, waits until all is on the disk, and compares every byte with its record on the "
        "way out: most of its time. Bytes are those on the disk over those of the numbers.",
        "",
        "| way | write MB/s | ours is faster by | read MB/s | ours is faster by | bytes | files "
        "| equal |",
        "|---|---|---|---|---|---|---|---|",
        *(
            f"| {name} | {row['write_mb_s']:.0f} | {row['write_ratio']:.2f}x | "
            f"{row['read_mb_s']:.0f} | {row['read_ratio']:.2f}x | "
            f"{row['bytes'] / found['bytes']:.3f} | {row['files']} | "
            f"{'yes' if row['equal'] else 'no'} |"
            for name, row in found["ways"].items()
        ),
    ]


if __name__ == "__main__":
    main()
