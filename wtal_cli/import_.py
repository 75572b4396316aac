"""`wtal import`: data sets and features that other people packed, and corrected segments."""

import typer

from wtal_cli.import_annotations import activitynet12, activitynet13, thumos14
from wtal_cli.import_corrections import corrections
from wtal_cli.import_features import features

app = typer.Typer(no_args_is_help=True, help="Take over annotations, features or corrections.")
app.command()(thumos14)
app.command()(activitynet12)
app.command()(activitynet13)
app.command()(features)
app.command()(corrections)
