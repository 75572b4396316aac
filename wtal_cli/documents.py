"""Nested results as JSON files, written whole or not at all."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wtal_core.atomic import fresh_file


def write_tree(path: Path, tree: Mapping[str, Any]) -> None:
    """Write a tree of plain values; ValueError for NaN and infinity."""
    text = json.dumps(tree, indent=1, allow_nan=False, ensure_ascii=False)
    with fresh_file(path) as fresh:
        fresh.write_text(text + "\n", encoding="utf-8")
