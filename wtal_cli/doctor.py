"""`wtal doctor`: what is wrong with this installation, and what to do."""

import json
from pathlib import Path
from typing import Annotated

import typer

from wtal_cli.documents import write_tree
from wtal_cli.findings import finding_lines
from wtal_core.doctor.examine import examine, look_deep
from wtal_core.findings import LEVELS, exit_code


def doctor(
    json_: Annotated[
        Path | None, typer.Option("--json", help="write everything to this file; -: print it")
    ] = None,
    deep: Annotated[bool, typer.Option("--deep", help="load torch, too (seconds)")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="exit 1 for a warning")] = False,
) -> None:
    """Look at Python, its packages, the decoder, disks, DVC's locks and lock files, weights and
    the cache of this checkout; change nothing. Exit code 0: no error, 1: a warning (with
    --strict), 2: an error.
    """
    found = examine(Path())
    if deep:
        found += look_deep()
    code = exit_code(found, strict)
    tree = {"exit_code": code, "findings": [finding.to_dict() for finding in found]}
    if json_ == Path("-"):
        print(json.dumps(tree, indent=1))
        raise typer.Exit(code)
    if json_ is not None:
        write_tree(json_, tree)
    print(finding_lines(found))
    levels = [finding.level for finding in found]
    print(", ".join(f"{levels.count(level)} {level}s" for level in LEVELS))
    raise typer.Exit(code)
