"""`wtal import`: data sets and features that other people packed."""

import typer

from wtal_cli.import_annotations import activitynet12, activitynet13, thumos14
from wtal_cli.import_features import features

app = typer.Typer(no_args_is_help=True, help="Take over annotations or features of other people.")
app.command()(thumos14)
app.command()(activitynet12)
app.command()(activitynet13)
app.command()(features)
