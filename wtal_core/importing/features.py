"""Features that other people extracted, into stores like those of our own feature stages.

Two passes over the package: the first looks at each video by itself and says what cannot be used,
the second writes. At no time is there more in memory than one video and an unfinished chunk (an
object array is one pickle, so that is there as a whole).
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from wtal_core.annotations import SUBSETS, Labels, read_json, read_labels
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


@dataclass
class Survey:
    """What the first pass found."""

    widths: list[int]  # columns of each array of a video
    lengths: dict[str, int] = field(default_factory=dict)  # of what can be read, the package's grid
    cut: dict[str, int] = field(default_factory=dict)  # snippets that only one stream had
    bad: dict[str, str] = field(default_factory=dict)  # video: cause
    sums: dict[str, str] = field(default_factory=dict)  # file: sha256

    @property
    def usable(self) -> dict[str, int]:
        """Lengths of the videos that nothing is wrong with."""
        return {video: n for video, n in self.lengths.items() if video not in self.bad}

    @property
    def digest(self) -> str:
        """One hash for all files that were used."""
        lines = "".join(f"{self.sums[name]}  {name}\n" for name in sorted(self.sums))
        return hashlib.sha256(lines.encode()).hexdigest()


@dataclass(frozen=True)
class Imported:
    """What stands now in the data set's folder, and what a user should hear of it."""

    folder: Path
    sha256: str
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
    features, and by whom. Raises WtalError when nothing fits, or when more than
    `max_bad_fraction` of the videos cannot be used.
    """
    labels = read_labels(data / "labels.json")
    durations, uncertain = read_durations(data)
    survey = survey_package(package, labels, claims, durations, uncertain)
    hint = explain_lengths(survey.lengths, durations, claims)
    refuse_too_many(survey.bad, len(labels.all_videos), max_bad_fraction, hint)
    streams = claims.streams if kind == "i3d" else ()
    known = {video.id for video in labels.all_videos}
    used = {stored.name for video in known for stored in package.of(video) or ()}
    facts: dict[str, Any] = {
        "source": package.source,
        "layout": package.layout,
        "files": len(survey.sums),
        "sha256": survey.digest,
        "declared": dict(declared),
        "grid": claims.grid.to_dict(),
        "lengths_checked": sum(video in durations for video in survey.usable),
        "cut": dict(sorted(survey.cut.items())),
        "bad": dict(sorted(survey.bad.items())),
        "extra": sorted(
            video for video, arrays in package.arrays.items() if arrays[0].name not in used
        ),
    }
    attrs: dict[str, Any] = {
        "encoder": kind,
        "columns": sum(survey.widths),
        "grid": claims.final_grid.to_dict(),
        "imported": facts,
    }
    if kind == "i3d":
        columns = name_columns(survey.widths, streams, package.source)
        attrs["streams"] = {name: {"columns": bounds} for name, bounds in columns.items()}
    lengths = {video: claims.final_length(length) for video, length in survey.usable.items()}
    with fresh_folder(data / "imported" / kind) as fresh:
        for subset in SUBSETS:
            chosen = [v.id for v in labels.videos(subset) if v.id in lengths]
            if chosen:
                stream_sequences(
                    fresh / f"{subset}.zarr",
                    {video: lengths[video] for video in chosen},
                    _rows_of(chosen, package, survey.widths, claims),
                    {"feat": AXES[kind]},
                    {"subset": subset, **attrs},
                )
        record = {
            "format": FORMAT,
            **attrs,
            # where no duration is known for sure, the last window ends the video
            "durations_s": {
                video: claims.grid.extent_s(length)
                if video not in durations or video in uncertain
                else durations[video]
                for video, length in survey.usable.items()
            },
        }
        text = json.dumps(record, indent=1, allow_nan=False) + "\n"
        (fresh / RECORD).write_text(text, encoding="utf-8")
        sha256 = hash_store(fresh)
    return Imported(data / "imported" / kind, sha256, facts | {"lengths": lengths})


def survey_package(
    package: Package,
    labels: Labels,
    claims: Claims,
    durations: Mapping[str, float],
    uncertain: frozenset[str] = frozenset(),
) -> Survey:
    """Look at every video of `labels` in the package. Raises WtalError if none of them is there.

    uncertain: videos that may be longer than `durations` says.
    """
    videos = [video.id for video in labels.all_videos]
    there = [video for video in videos if package.of(video)]
    if not there:
        raise WtalError(
            f"{package.source}: none of the {len(videos)} ids of labels.json (like {videos[0]!r}) "
            f"is among its {len(package.arrays)} (like {next(iter(package.arrays))!r}). "
            "Rename the files after the ids."
        )
    survey = Survey(find_widths(package, there, claims))
    for video in videos:
        arrays = package.of(video)
        if arrays is None:
            survey.bad[video] = "missing"
            continue
        try:
            length = len(read_rows(arrays, survey.widths, claims))
            survey.lengths[video] = length
            if video in durations:
                check_length(length, durations[video], claims, video in uncertain)
        except Unusable as cause:
            survey.bad[video] = str(cause)
            continue
        if shorter := count_cut(arrays, claims):
            survey.cut[video] = shorter
        survey.sums |= {stored.name: stored.sha256() for stored in arrays}
    return survey


def read_durations(data: Path) -> tuple[dict[str, float], frozenset[str]]:
    """Seconds of each video that ground_truth.json knows, and the videos that may be longer."""
    path = data / "ground_truth.json"
    if not path.is_file():
        return {}, frozenset()
    database = read_json(path).get("database", {})
    durations = {video: float(entry["duration"]) for video, entry in database.items()}
    guessed = {video for video, entry in database.items() if "duration_from" in entry}
    return durations, frozenset(guessed)


def _rows_of(
    videos: list[str], package: Package, widths: list[int], claims: Claims
) -> Iterator[tuple[str, dict[str, Any]]]:
    for video in videos:
        rows = read_rows(package.of(video) or (), widths, claims)
        yield video, {"feat": resample(rows, claims)}
