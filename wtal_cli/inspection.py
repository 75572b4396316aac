"""`wtal inspect`: the right describer for a path, and for a folder those of its artifacts."""

from pathlib import Path

from wtal_cli.artifacts.checkpoint import compare_checkpoints, describe_checkpoint
from wtal_cli.artifacts.kinds import artifacts_in, kind_of
from wtal_cli.artifacts.predictions import compare_predictions, describe_predictions
from wtal_cli.artifacts.pseudo import compare_pseudo, describe_pseudo
from wtal_cli.artifacts.pseudo_segments import describe_pseudo_segments
from wtal_cli.artifacts.sequences import compare_sequences, describe_sequences
from wtal_cli.artifacts.videos import compare_videos, describe_videos
from wtal_cli.description import Description, Table
from wtal_core.errors import WtalError

LABEL_MARGIN = 24  # columns of the terminal that a timeline leaves to names


def describe(path: Path, video: str | None, png: Path | None, width: int) -> list[Description]:
    """What is to be said about the artifact at `path`; `width` columns are there to draw in."""
    kind = kind_of(path)
    if png is not None and kind != "pseudo-labels":
        raise WtalError(f"{path}: --png draws pseudo-labels, and this is {kind}")
    if kind == "folder":
        rows = tuple(artifacts_in(path).items())
        table = Table("`wtal inspect` on one of these says more", ("artifact", "kind"), rows)
        return [Description(f"{path}: {len(rows)} artifacts", tables=[table])]
    if kind == "pseudo-labels":
        return [describe_pseudo(path, video, png, max(20, width - LABEL_MARGIN))]
    if kind == "checkpoint":
        return [describe_checkpoint(path)]
    by_kind = {
        "sequences": describe_sequences,
        "predictions": describe_predictions,
        "pseudo-segments": describe_pseudo_segments,
        "videos": describe_videos,
    }
    return [by_kind[kind](path, video)]


def compare(a: Path, b: Path, video: str | None) -> list[Description]:
    """How two artifacts of a kind differ; for two folders, each pair of the same name."""
    kind = kind_of(a)
    if kind_of(b) != kind:
        raise WtalError(f"{a} is {kind} and {b} is {kind_of(b)}: give two of a kind")
    if kind == "checkpoint":
        return [compare_checkpoints(a, b)]
    if kind == "folder":
        inside = artifacts_in(a), artifacts_in(b)
        pairs = [name for name, found in inside[0].items() if inside[1].get(name) == found]
        if not pairs:
            raise WtalError(f"{a} and {b} hold no artifact of the same name and kind")
        return [d for name in pairs for d in compare(a / name, b / name, video)]
    by_kind = {
        "pseudo-labels": compare_pseudo,
        "sequences": compare_sequences,
        "predictions": compare_predictions,
        "pseudo-segments": compare_predictions,  # what was kept, in the same form
        "videos": compare_videos,
    }
    return [by_kind[kind](a, b, video)]
