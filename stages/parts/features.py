"""Features of a split, with the facts that go along."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from wtal_core.annotations import Labels, multi_hot, read_labels
from wtal_core.errors import WtalError
from wtal_core.grid import SnippetGrid
from wtal_core.store import Sequences, read_sequences


@dataclass(frozen=True)
class Features:
    """N videos of one split, in one order."""

    names: tuple[str, ...]
    i3d: list[Tensor]  # (T, 2D) float16 each
    clip: list[Tensor]  # (T, E) float16 each; empty where nobody asked
    grid: SnippetGrid
    labels: Labels

    @property
    def video_labels(self) -> dict[str, list[str]]:
        """Names of the classes of each video; none for a test video."""
        of = {video.id: list(video.labels) for video in self.labels.all_videos}
        return {name: of[name] for name in self.names}

    @property
    def label_NC(self) -> Tensor:
        """(N, C) multi-hot."""
        return torch.from_numpy(multi_hot(list(self.video_labels.values()), self.labels.classes))


def read_features(data: Path, subset: str, with_clip: bool = True) -> Features:
    """Features of a split; raises WtalError when both kinds are not of the same snippets."""
    labels = read_labels(data / "labels.json")
    i3d_path, clip_path = (data / kind / f"{subset}.zarr" for kind in ("i3d", "clip"))
    i3d = read_sequences(i3d_path)
    known = {video.id for video in labels.videos(subset)}
    if unknown := sorted(set(i3d.names) - known):
        raise WtalError(
            f"{i3d_path}: {unknown[0]!r} is no {subset} video of labels.json; "
            "rerun the stage features_i3d"
        )
    clip = read_sequences(clip_path) if with_clip else None
    if clip is not None:
        check_aligned(i3d, clip, f"{i3d_path} and {clip_path}")
    return Features(
        i3d.names,
        [torch.from_numpy(i3d.of(name)["feat"]) for name in i3d.names],
        [] if clip is None else [torch.from_numpy(clip.of(name)["feat"]) for name in i3d.names],
        SnippetGrid.from_dict(i3d.attrs["grid"]),
        labels,
    )


def check_aligned(i3d: Sequences, clip: Sequences, where: str) -> None:
    """Raise WtalError unless both stores hold the same videos on the same snippets."""
    remedy = "rerun the stages features_i3d and features_clip"
    if i3d.attrs["grid"] != clip.attrs["grid"]:
        raise WtalError(
            f"{where}: snippet grids {i3d.attrs['grid']} and {clip.attrs['grid']}; {remedy}"
        )
    lengths = [
        dict(zip(s.names, (int(length) for length in s.lengths), strict=True)) for s in (i3d, clip)
    ]
    for name in sorted({*i3d.names, *clip.names}):
        first, second = (of.get(name, 0) for of in lengths)
        if first != second:
            raise WtalError(f"{where}: {name} has {first} and {second} snippets; {remedy}")
