"""Features that other people extracted, into stores like those of our own feature stages.

Two passes over the package: the first looks at each video by itself and says what cannot be used,
the second writes. At no time is there more in memory than one video and an unfinished chunk (an
object array is one pickle, so that is there as a whole).
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from wtal_core.annotations import SUBSETS, read_json, read_labels
from wtal_core.atomic import fresh_folder
from wtal_core.errors import WtalError
from wtal_core.importing.features_layout import Package
from wtal_core.importing.features_rows import (
    Claims,
    Unusable,
    check_length,
    count_cut,
    explain_lengths,
    find_widths,
    name_columns,
    read_rows,
    refuse_too_many,
    resample,
)
from wtal_core.importing.features_store import FORMAT, RECORD, hash_store
from wtal_core.store import stream_sequences

Kind = Literal["i3d", "clip"]
AXES: dict[str, tuple[str, ...]] = {"i3d": ("T", "D"), "clip": ("T", "E")}


@dataclass(frozen=True)
class Durations:
    """Seconds of each video that are known, and the videos that may be longer than that."""

    seconds: Mapping[str, float] = field(default_factory=dict)
    at_least: frozenset[str] = frozenset()


@dataclass
class Survey:
    """What the first pass found, video by video."""

    lengths: dict[str, int] = field(default_factory=dict)  # of what can be read, the package's grid
    bad: dict[str, str] = field(default_factory=dict)  # cause
    cut: dict[str, int] = field(default_factory=dict)  # snippets that only one stream had
    sums: dict[str, dict[str, str]] = field(default_factory=dict)  # file: sha256
    checked: set[str] = field(default_factory=set)  # its length fits its duration

    @property
    def usable(self) -> dict[str, int]:
        """Lengths of the videos that nothing is wrong with."""
        return {video: n for video, n in self.lengths.items() if video not in self.bad}

    def facts(self, videos: Sequence[str]) -> dict[str, Any]:
        """Of some videos: how many files were taken, one hash of them all, and what was not."""
        sums = dict(item for video in videos for item in self.sums.get(video, {}).items())
        lines = "".join(f"{sums[name]}  {name}\n" for name in sorted(sums))
        return {
            "files": len(sums),
            "sha256": hashlib.sha256(lines.encode()).hexdigest(),
            "lengths_checked": len(self.checked.intersection(videos)),
            "cut": {video: self.cut[video] for video in sorted(videos) if video in self.cut},
            "bad": {video: self.bad[video] for video in sorted(videos) if video in self.bad},
        }


@dataclass(frozen=True)
class Imported:
    """What stands now in the data set's folder, and what a user should hear of it."""

    folder: Path
    sha256: str
    lengths: dict[str, int]  # in the stores
    facts: dict[str, Any]


def import_features(
    package: Package,
    data: Path,
    kind: Kind,
    claims: Claims,
    max_bad_fraction: float,
    declared: Mapping[str, Any],
) -> Imported:
    """Write `data`/imported/`kind` from a package, whole or not at all.

    Videos and subsets are those of labels.json; lengths are checked against the durations of
    ground_truth.json where that is there. `declared` goes into the record: what was said of the
    features, and by whom. A store's attributes tell of its own subset alone, so that new features
    of test videos train nothing again. Raises WtalError when nothing fits, or when more than
    `max_bad_fraction` of the videos cannot be used.
    """
    labels = read_labels(data / "labels.json")
    videos = [video.id for video in labels.all_videos]
    durations = read_durations(data)
    widths = find_widths(package, _those_there(package, videos), claims)
    about: dict[str, Any] = {
        "encoder": kind,
        "columns": sum(widths),
        "grid": claims.final_grid.to_dict(),
    }
    if kind == "i3d":
        columns = name_columns(widths, claims.streams, package.source)
        about["streams"] = {name: {"columns": bounds} for name, bounds in columns.items()}
    survey = survey_package(package, videos, widths, claims, durations)
    hint = explain_lengths(survey.lengths, durations.seconds, claims)
    refuse_too_many(survey.bad, len(videos), max_bad_fraction, hint)
    said = {
        "source": package.source,
        "layout": package.layout,
        "declared": dict(declared),
        "grid": claims.grid.to_dict(),
    }
    lengths = {video: claims.final_length(length) for video, length in survey.usable.items()}
    with fresh_folder(data / "imported" / kind) as fresh:
        for subset in SUBSETS:
            own = [video.id for video in labels.videos(subset)]
            chosen = {video: lengths[video] for video in own if video in lengths}
            if chosen:
                stream_sequences(
                    fresh / f"{subset}.zarr",
                    chosen,
                    _rows_of(list(chosen), package, widths, claims),
                    {"feat": AXES[kind]},
                    {"subset": subset, **about, "imported": {**said, **survey.facts(own)}},
                )
        record = {
            "format": FORMAT,
            **about,
            "imported": {**said, **survey.facts(videos), "extra": _not_taken(package, videos)},
            "durations_s": {
                video: _duration_s(video, length, claims, durations)
                for video, length in survey.usable.items()
            },
        }
        text = json.dumps(record, indent=1, allow_nan=False) + "\n"
        (fresh / RECORD).write_text(text, encoding="utf-8")
        sha256 = hash_store(fresh)
    return Imported(data / "imported" / kind, sha256, lengths, record["imported"])


def survey_package(
    package: Package,
    videos: Sequence[str],
    widths: Sequence[int],
    claims: Claims,
    durations: Durations,
) -> Survey:
    """Read every video of the package once; `widths` as `read_rows` takes them."""
    survey = Survey()
    for video in videos:
        arrays = package.of(video)
        if arrays is None:
            survey.bad[video] = "missing"
            continue
        try:
            survey.lengths[video] = len(read_rows(arrays, widths, claims))
            if video in durations.seconds:
                known = durations.seconds[video], claims, video in durations.at_least
                check_length(survey.lengths[video], *known)
                survey.checked.add(video)
        except Unusable as cause:
            survey.bad[video] = str(cause)
            continue
        if shorter := count_cut(arrays, claims):
            survey.cut[video] = shorter
        survey.sums[video] = {stored.name: stored.sha256() for stored in arrays}
    return survey


def read_durations(data: Path) -> Durations:
    """What ground_truth.json says of the lengths of videos; nothing where there is none."""
    path = data / "ground_truth.json"
    database = read_json(path).get("database", {}) if path.is_file() else {}
    seconds = {video: float(entry["duration"]) for video, entry in database.items()}
    guessed = frozenset(video for video, entry in database.items() if "duration_from" in entry)
    return Durations(seconds, guessed)


def _duration_s(video: str, length: int, claims: Claims, durations: Durations) -> float:
    """Where none is known for sure, the last window ends the video."""
    if video in durations.seconds and video not in durations.at_least:
        return durations.seconds[video]
    return claims.grid.extent_s(length)


def _those_there(package: Package, videos: Sequence[str]) -> list[str]:
    there = [video for video in videos if package.of(video)]
    if not there:
        raise WtalError(
            f"{package.source}: none of the {len(videos)} ids of labels.json (like {videos[0]!r}) "
            f"is among its {len(package.arrays)} (like {next(iter(package.arrays))!r}). "
            "Rename the files after the ids."
        )
    return there


def _not_taken(package: Package, videos: Sequence[str]) -> list[str]:
    """Ids of the package that are in labels.json under no spelling."""
    taken = {stored.name for video in videos for stored in package.of(video) or ()}
    return sorted(video for video, arrays in package.arrays.items() if arrays[0].name not in taken)


def _rows_of(
    videos: Sequence[str], package: Package, widths: Sequence[int], claims: Claims
) -> Iterator[tuple[str, dict[str, Any]]]:
    for video in videos:
        rows = read_rows(package.of(video) or (), widths, claims)
        yield video, {"feat": resample(rows, claims)}
