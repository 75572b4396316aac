"""`wtal import features`: features that other people extracted."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from wtal_core.errors import WtalError
from wtal_core.grid import SnippetGrid
from wtal_core.importing.features import Imported, import_features
from wtal_core.importing.features_facts import name_import, prepare_folders
from wtal_core.importing.features_layout import find_package, shorten
from wtal_core.importing.features_rows import STREAMS, Claims


class Kind(StrEnum):
    """Which branch reads the features."""

    i3d = "i3d"
    clip = "clip"


# What somebody has to say of the features, since the files do not.
CLAIMED = ("kind", "fps", "window", "stride", "offset", "streams", "transposed", "resample_to")


def features(
    context: typer.Context,
    source: Annotated[Path, typer.Argument(help="a folder of .npy, or an object array .npy")],
    data: Annotated[Path, typer.Option(help="folder of the data set, with its labels.json")],
    kind: Annotated[Kind, typer.Option(help="i3d: for CBP; clip: for VLP")],
    fps: Annotated[float, typer.Option(help="frames a second that were encoded")] = 25.0,
    window: Annotated[int, typer.Option(help="frames that one row was computed from")] = 16,
    stride: Annotated[int, typer.Option(help="frames from one row to the next")] = 16,
    offset: Annotated[int, typer.Option(help="first frame of the first row's window")] = 0,
    streams: Annotated[
        str, typer.Option(help="what the columns of I3D are: rgb,flow  flow,rgb  rgb  flow")
    ] = "rgb,flow",
    flow: Annotated[Path | None, typer.Option(help="folder of the flow files of SOURCE")] = None,
    rgb_suffix: Annotated[str, typer.Option(help="end of the names of RGB files")] = "",
    flow_suffix: Annotated[str, typer.Option(help="end of the names of flow files")] = "",
    names: Annotated[Path | None, typer.Option(help="names of an object array's rows")] = None,
    transposed: Annotated[bool, typer.Option("--transposed", help="arrays are (D, T)")] = False,
    tolerance: Annotated[
        int, typer.Option(help="snippets by which a length may miss duration and grid, or 1 %")
    ] = Claims.tolerance,
    resample_to: Annotated[
        str, typer.Option(help="FPS,WINDOW,STRIDE[,OFFSET] of another grid: nearest rows")
    ] = "",
    max_bad_fraction: Annotated[
        float, typer.Option(help="share of videos that may be missing or unusable")
    ] = 0.05,
) -> None:
    """Take over the features at SOURCE: per-video .npy files, RGB and flow files, or an object
    array with videoname.npy. They are checked, written to DATA/imported/KIND, and dataset.yaml
    names them from then on, so that `dvc repro` starts without videos.
    """
    try:
        claims = Claims(
            SnippetGrid(fps, window, stride, offset),
            read_streams(streams),
            transposed,
            tolerance,
            read_grid(resample_to) if resample_to else None,
        )
        suffixes = (rgb_suffix, flow_suffix) if rgb_suffix and flow_suffix else None
        package = find_package(source, flow, suffixes, names)
        declared = {
            name: {"value": str(context.params[name]), "by": said_by(context, name)}
            for name in CLAIMED
        }
        found = import_features(package, data, kind.value, claims, max_bad_fraction, declared)
        name_import(data / "dataset.yaml", kind.value, f"imported/{kind.value}", found.sha256)
        made = prepare_folders(data)
    except ValueError as err:
        raise WtalError(str(err)) from err
    for line in [*report(found), *made]:
        print(line)


def read_streams(text: str) -> tuple[str, ...]:
    """`rgb,flow` and its like."""
    streams = tuple(text.split(","))
    if not set(streams) <= set(STREAMS) or len(set(streams)) != len(streams):
        raise WtalError(f"--streams {text}: it is rgb,flow or flow,rgb or rgb or flow")
    return streams


def read_grid(text: str) -> SnippetGrid:
    """`25,16,16` and its like."""
    numbers = text.split(",")
    try:
        return SnippetGrid(float(numbers[0]), *(int(number) for number in numbers[1:]))
    except (ValueError, TypeError) as err:
        raise WtalError(f"--resample-to {text}: it is FPS,WINDOW,STRIDE, e.g. 25,16,16") from err


def said_by(context: typer.Context, name: str) -> str:
    """Whether an option was given or has its default."""
    source = context.get_parameter_source(name)
    return "default" if source is None else source.name.lower()


def report(found: Imported) -> list[str]:
    """What a user should hear of an import."""
    facts: dict[str, Any] = found.facts
    lengths, bad, cut = found.lengths, facts["bad"], facts["cut"]
    unchecked = len(lengths) - facts["lengths_checked"]
    lines = [
        f"{found.folder}: {len(lengths)} videos, {sum(lengths.values())} snippets, from "
        f"{facts['files']} arrays ({facts['layout']})"
    ]
    if bad:
        listed = shorten([f"{video} ({cause})" for video, cause in bad.items()])
        lines.append(f"left out, {len(bad)} videos: {listed}")
    if cut:
        lines.append(f"cut to the shorter of RGB and flow: {len(cut)} videos: {shorten(cut)}")
    if facts["extra"]:
        extra = facts["extra"]
        lines.append(f"not in labels.json, not taken: {len(extra)} videos: {shorten(extra)}")
    if unchecked:
        lines.append(f"length not checked, no duration known: {unchecked} videos")
    return lines
