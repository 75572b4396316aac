"""The `wtal` command."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from wtal_cli.diagnose import diagnose
from wtal_cli.evaluate import evaluate
from wtal_cli.import_ import app as import_app
from wtal_cli.inspection import compare, describe
from wtal_cli.plan import plan
from wtal_cli.show import show
from wtal_cli.stats import stats
from wtal_core.errors import WtalError

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
app.add_typer(import_app, name="import")
app.command()(plan)
app.command()(evaluate)
app.command()(diagnose)
app.command()(stats)


@app.callback()
def main() -> None:
    """Look at what the pipeline made. The pipeline itself runs by `dvc repro`."""


@app.command()
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
    try:
        if other is None:
            found = describe(artifact, video, png, console.width)
        else:
            found = compare(artifact, other, video)
    except WtalError as err:
        print(f"error: {err}", file=sys.stderr)
        raise typer.Exit(2) from err
    for description in found:
        show(description, console)


if __name__ == "__main__":
    app()
