"""Small result files: JSON and CSV, written whole or not at all, equal input giving equal bytes."""

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from wtal_core.atomic import fresh_file

DIGITS = 6  # more would only show rounding noise in `dvc metrics diff`


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Write flat values; floats are rounded. Raises ValueError for NaN and infinity."""
    rounded = {key: _rounded(value) for key, value in values.items()}
    with fresh_file(path) as fresh:
        fresh.write_text(json.dumps(rounded, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a table with one header line; floats are rounded, None and NaN are left blank."""
    with fresh_file(path) as fresh, fresh.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        for row in rows:
            writer.writerow(["" if _is_blank(value) else _rounded(value) for value in row])


def _rounded(value: Any) -> Any:
    return round(value, DIGITS) if isinstance(value, float) else value


def _is_blank(value: Any) -> bool:
    return value is None or value != value  # only NaN differs from itself
