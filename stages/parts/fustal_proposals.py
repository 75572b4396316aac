"""Proposals on disk: predictions in ActivityNet form that carry their density."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from wtal_core.annotations import read_json, read_predictions
from wtal_core.atomic import fresh_file
from wtal_core.errors import WtalError
from wtal_core.fustal.proposals import Proposals


def write_proposals(path: Path, found: Mapping[str, Proposals], details: str) -> None:
    """One list per video, best first, each proposal with its `density`; `details` on features."""
    results = {
        name: [
            {
                "label": str(one.segments.label[i]),
                "score": float(one.segments.score[i]),
                "segment": [float(one.segments.start_s[i]), float(one.segments.end_s[i])],
                "density": float(one.density_N[i]),
            }
            for i in range(len(one.segments))
        ]
        for name, one in found.items()
    }
    facts = {"used": True, "details": details}
    tree = {"version": "1.0", "results": results, "external_data": facts}
    with fresh_file(path) as fresh:
        fresh.write_text(json.dumps(tree, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def read_proposals(path: Path) -> dict[str, Proposals]:
    """The proposals of each video; WtalError, naming the item, for one that is not as written."""
    segments = read_predictions(path)
    found = {}
    for name, rows in read_json(path)["results"].items():
        density_N = np.array([_density(row, path, name) for row in rows], dtype=np.float64)
        found[name] = Proposals(segments.take(segments.video == name), density_N)
    return found


def _density(row: Mapping[str, Any], path: Path, video: str) -> float:
    value = row.get("density")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise WtalError(
            f"{path}: a proposal of {video!r} has no density (a number); run the stage that makes "
            "the file again"
        )
    return float(value)
