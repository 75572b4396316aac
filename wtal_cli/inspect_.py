"""`wtal inspect`: a look at what the pipeline made."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from wtal_cli.artifacts.kinds import kind_of
from wtal_cli.show import show


def inspect(
    artifact: Annotated[Path, typer.Argument(help="an artifact, or a folder of artifacts")],
    other: Annotated[Path | None, typer.Argument(help="compare with this one")] = None,
    video: Annotated[str | None, typer.Option(help="look at one video")] = None,
    png: Annotated[Path | None, typer.Option(help="draw its pseudo-labels to this file")] = None,
) -> None:
    """Describe ARTIFACT (frames, flow, features, pseudo-labels, checkpoint, predictions, or a
    folder of them), or compare ARTIFACT with OTHER: two rounds, or two experiments.
    """
    console = Console()
    if other is not None and png is not None:
        raise typer.BadParameter("--png draws one artifact, so it goes without OTHER")
    for path in filter(None, (artifact, other)):
        kind_of(path)  # names what is not there
    # checkpoints need torch, which takes a second to load
    from wtal_cli.inspection import compare, describe

    if other is None:
        found = describe(artifact, video, png, console.width)
    else:
        found = compare(artifact, other, video)
    for description in found:
        show(description, console)
