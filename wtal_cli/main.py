"""The `wtal` command."""

from typing import Annotated

import typer

from wtal_cli.commands import DEBUG, Commands, Lazy
from wtal_cli.interrupts import leave_to_parent

leave_to_parent()  # workers import this module first

# name: where it lives, and its line in `wtal --help`
COMMANDS = {
    "audit": Lazy("wtal_cli.audit", "audit", "Estimate mAP from a few videos annotated by hand."),
    "check": Lazy("wtal_cli.check", "check", "Look for trouble in a data set's videos and labels."),
    "diagnose": Lazy("wtal_cli.diagnose", "diagnose", "Errors of a run by type, and their cost."),
    "doctor": Lazy("wtal_cli.doctor", "doctor", "Look for trouble in this installation."),
    "evaluate": Lazy("wtal_cli.evaluate", "evaluate", "mAP of anybody's predictions."),
    "export": Lazy("wtal_cli.export", "export", "Predictions in the forms other programs read."),
    "import": Lazy("wtal_cli.import_", "app", "Annotations, features and corrections."),
    "init": Lazy("wtal_cli.init", "init", "Make a data set of your own tagged videos."),
    "inspect": Lazy("wtal_cli.inspect_", "inspect", "Describe or compare what the pipeline made."),
    "plan": Lazy("wtal_cli.plan", "plan", "Hours, disk and memory, before anything runs."),
    "predict": Lazy("wtal_cli.predict", "predict", "Find the actions in new videos."),
    "report": Lazy("wtal_cli.report", "report", "A run, or two, as pages that open from disk."),
    "stats": Lazy("wtal_cli.stats", "stats", "What can be said of a run without ground truth."),
    "weights": Lazy("wtal_cli.weights", "app", "Fetch and check the encoders' weights."),
}


class Wtal(Commands):
    """The commands of the table above."""

    lazy = COMMANDS


app = typer.Typer(
    cls=Wtal, add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False
)


@app.callback()
def main(
    debug: Annotated[bool, typer.Option(DEBUG, help="show the traceback of an error")] = False,
) -> None:
    """What people run by hand. The pipeline itself runs by `dvc repro`."""


if __name__ == "__main__":
    app()
