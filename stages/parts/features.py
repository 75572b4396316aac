"""Features of a split, with the facts that go along."""

import logging
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from wtal_core.annotations import Labels, multi_hot, read_labels
from wtal_core.errors import WtalError
from wtal_core.grid import SnippetGrid
from wtal_core.schema.dataset import CUT_SNIPPETS
from wtal_core.store import Sequences, read_sequences

log = logging.getLogger(__name__)


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
    """Features of a split; raises WtalError when both kinds are not of the same snippets.

    Imported features may come from two packages: videos that only one of them has are left out, and
    lengths that differ by at most `CUT_SNIPPETS` are cut to the shorter, both with a warning.
    """
    labels = read_labels(data / "labels.json")
    i3d_path, clip_path = (data / kind / f"{subset}.zarr" for kind in ("i3d", "clip"))
    i3d = read_sequences(i3d_path)
    known = {video.id for video in labels.videos(subset)}
    if unknown := sorted(set(i3d.names) - known):
        raise WtalError(
            f"{i3d_path}: {unknown[0]!r} is no {subset} video of labels.json; "
            "rerun the stage features_i3d"
        )
    grid = SnippetGrid.from_dict(i3d.attrs["grid"])
    if not with_clip:
        feat = [torch.from_numpy(i3d.of(name)["feat"]) for name in i3d.names]
        return Features(i3d.names, feat, [], grid, labels)
    clip = read_sequences(clip_path)
    lengths = check_aligned(i3d, clip, f"{i3d_path} and {clip_path}")
    both = [
        [torch.from_numpy(store.of(name)["feat"][:length]) for name, length in lengths.items()]
        for store in (i3d, clip)
    ]
    return Features(tuple(lengths), both[0], both[1], grid, labels)


def check_aligned(i3d: Sequences, clip: Sequences, where: str) -> dict[str, int]:
    """The videos of both stores, each with the number of snippets that both have.

    Raises WtalError unless both stores hold the same videos on the same snippets; what is imported
    need not end at the same snippet, see `read_features`.
    """
    imported = [store.attrs["encoder"] for store in (i3d, clip) if "imported" in store.attrs]
    remedy = "rerun the stages features_i3d and features_clip"
    if i3d.attrs["grid"] != clip.attrs["grid"]:
        if imported:
            remedy = (
                f"{' and '.join(imported)} features are imported: import them with "
                "--resample-to FPS,WINDOW,STRIDE of the other grid, or have the others extracted "
                "on theirs (video.fps, snippet.frames and snippet.stride of dataset.yaml)"
            )
        raise WtalError(
            f"{where}: snippet grids {i3d.attrs['grid']} and {clip.attrs['grid']}; {remedy}"
        )
    first, second = (
        dict(zip(s.names, (int(length) for length in s.lengths), strict=True)) for s in (i3d, clip)
    )
    lengths = {name: min(first[name], second[name]) for name in first if name in second}
    lone = sorted(first.keys() ^ second.keys())
    odd = {name for name in lengths if first[name] != second[name]}
    allowed = CUT_SNIPPETS if imported else 0
    for name in sorted({*lone, *odd}):
        one, two = first.get(name, 0), second.get(name, 0)
        if abs(one - two) > allowed and not (imported and name in lone):
            raise WtalError(f"{where}: {name} has {one} and {two} snippets; {remedy}")
    if lone:
        log.warning("%s: only one has these videos, left out: %s", where, ", ".join(lone))
    if odd:
        log.warning("%s: %d videos cut to the shorter by up to %d", where, len(odd), allowed)
    if not lengths:
        raise WtalError(f"{where}: no video is in both; {remedy}")
    return lengths
