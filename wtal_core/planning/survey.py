"""What there is to work on: video files by their headers, or imported features by their records.

The ground truth is not looked at.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wtal_core.annotations import SUBSETS, Labels, read_json, read_labels
from wtal_core.checkpoint import META
from wtal_core.errors import BadVideo, WtalError
from wtal_core.importing.features_store import read_record
from wtal_core.items import check_bad, map_videos
from wtal_core.planning.settings import Settings
from wtal_core.planning.workload import VideoWork, count_video, fill_durations, stored_rows
from wtal_core.sources import find_sources
from wtal_core.video.glimpse import Header, read_header

FULL_WIDTH = 1.0  # of I3D, where no checkpoint is there to say
# open_clip's models by the columns of their image features.
FULL_CLIP = {512: "ViT-B-16", 768: "ViT-L-14", 1024: "RN50"}


@dataclass(frozen=True)
class Import:
    """Imported features: T of each video, by subset, and the columns."""

    lengths: Mapping[str, tuple[int, ...]]
    columns: int

    @property
    def rows(self) -> int:
        """That the stores of both subsets fill."""
        return sum(stored_rows(lengths) for lengths in self.lengths.values())


@dataclass(frozen=True)
class Survey:
    """The inputs of a run."""

    labels: Labels
    videos: tuple[VideoWork, ...]  # none where both kinds of features are imported
    files: Mapping[str, Path]  # id: file
    i3d: Import | None
    clip: Import | None
    width: float  # of I3D
    clip_model: str | Mapping[str, Any]
    notes: tuple[str, ...]

    def lengths(self, subset: str) -> tuple[int, ...]:
        """T of each video of a subset, as the branches see it."""
        for kind in (self.i3d, self.clip):
            if kind is not None:
                return kind.lengths.get(subset, ())
        return tuple(v.snippets for v in self.videos if v.subset == subset)


def survey(data: Path, settings: Settings) -> Survey:
    """Look at labels, headers and records. Raises WtalError naming what is missing or unusable."""
    labels = read_labels(data / "labels.json")
    i3d = _read_import(data, settings.i3d.imported)
    clip = _read_import(data, settings.clip.imported)
    notes: list[str] = []
    videos: tuple[VideoWork, ...] = ()
    files: dict[str, Path] = {}
    if i3d is None or clip is None:
        files = find_sources(data, labels.all_videos)
        videos = _read_videos(files, labels, settings, notes)
    width, model = FULL_WIDTH, FULL_CLIP.get(clip.columns if clip else 512, FULL_CLIP[512])
    found: str | Mapping[str, Any] = model
    if i3d is None:
        width = _said(data / settings.i3d.rgb, "width", FULL_WIDTH, "I3D of full width", notes)
    found = _said(data / settings.clip.weights, "config", model, f"CLIP's {model}", notes)
    return Survey(labels, videos, files, i3d, clip, width, found, tuple(notes))


def _read_videos(
    files: Mapping[str, Path], labels: Labels, settings: Settings, notes: list[str]
) -> tuple[VideoWork, ...]:
    subsets = {video.id: video.subset for video in labels.all_videos}
    headers: dict[str, Header] = {}
    bad = []
    for video, header in zip(
        files, map_videos(read_header, list(files.values()), "headers"), strict=True
    ):
        if isinstance(header, BadVideo):
            bad.append(header)
        else:
            headers[video] = header
    check_bad(bad, len(files), settings.run.max_bad_fraction)
    if bad:
        notes.append(f"{len(bad)} of {len(files)} videos cannot be opened and are left out")
    filled, guessed = fill_durations(headers)
    if guessed:
        notes.append(
            f"{len(guessed)} files do not tell their length; it is guessed by their size: "
            + ", ".join(guessed[:3])
        )
    if not filled:
        raise WtalError("no video file tells its length: remux one, ffmpeg -i IN -c copy OUT")
    cut = settings.snippet
    return tuple(
        count_video(video, subsets[video], header, settings.video, cut.frames, cut.stride)
        for video, header in filled.items()
    )


def _read_import(data: Path, folder: str) -> Import | None:
    """An import's lengths, from the attributes of its stores; no features are read."""
    if not folder:
        return None
    columns = int(read_record(data / folder)["columns"])
    lengths = {}
    for subset in SUBSETS:
        attributes = data / folder / f"{subset}.zarr" / "zarr.json"
        if attributes.is_file():
            record = read_json(attributes)["attributes"]["record"]
            lengths[subset] = tuple(int(length) for length in record["lengths"])
    if not lengths:
        raise WtalError(f"{data / folder}: no store inside; run `wtal import features` again")
    return Import(lengths, columns)


def _said(checkpoint: Path, key: str, otherwise: Any, words: str, notes: list[str]) -> Any:
    """What a checkpoint's meta says; else the usual, which is noted."""
    path = checkpoint / META
    if path.is_file():
        return read_json(path)["meta"][key]
    notes.append(f"{checkpoint} is not there yet; measured is {words}")
    return otherwise
