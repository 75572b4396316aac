"""What commands write: JSON trees, CSV tables, whole or not at all, and never over other files."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from wtal_core.atomic import fresh_file
from wtal_core.errors import WtalError


def write_tree(path: Path, tree: Mapping[str, Any] | Sequence[Any]) -> None:
    """Write a tree of plain values; ValueError for NaN and infinity."""
    text = json.dumps(tree, indent=1, allow_nan=False, ensure_ascii=False)
    with fresh_file(path) as fresh:
        fresh.write_text(text + "\n", encoding="utf-8")


def write_text(path: Path, text: str) -> None:
    """Write a text as it is, in UTF-8."""
    with fresh_file(path) as fresh:
        fresh.write_text(text, encoding="utf-8", newline="")


def to_csv(rows: Sequence[Mapping[str, Any]], columns: Sequence[str] = ()) -> str:
    """Rows with the same keys under one header; floats to six digits, None left blank.

    columns: the header, needed where there may be no row.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, list(columns or rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(
        {k: round(v, 6) if isinstance(v, float) else v for k, v in row.items()} for row in rows
    )
    return text.getvalue()


def refuse_existing(out: Path, force: bool) -> None:
    """WtalError where `out` is there, unless it is an empty folder or may be replaced."""
    empty = out.is_dir() and not any(out.iterdir())
    if out.exists() and not empty and not force:
        raise WtalError(f"{out}: is there already. Name another place, or replace it by --force.")
