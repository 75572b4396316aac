"""Runs a stage's `main` as a command: logging, error messages and exit codes in one place."""

import logging
import sys
from collections.abc import Callable

import typer

from wtal_core.errors import WtalError


def launch(main: Callable[..., None]) -> None:
    """Parse the command line for `main` and run it.

    Exit codes: 0 done, 2 a named fault (the message alone, no traceback), 130 Ctrl+C (by Typer).
    DVC marks a stage as done by its exit code alone, so no other code may stand for an
    interruption.
    """
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(main)
    try:
        app()
    except WtalError as err:
        print(f"error: {err}", file=sys.stderr)
        sys.exit(2)
