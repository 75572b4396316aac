"""The artifact of FuSTAL's filter: pseudo-segments that were kept, and proposals that were not."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from wtal_core.atomic import fresh_file
from wtal_core.fustal.prior_filter import Judged
from wtal_core.schema.fustal_filter import FustalFilterParams


def write_pseudo_segments(
    path: Path,
    judged: Mapping[str, Judged],
    params: FustalFilterParams,
    source: str,
) -> None:
    """An ActivityNet JSON whose `results` are what was kept, best first, and `dropped` the rest.

    Each segment carries its `support`, a dropped one also the limits that it `fails`. A video
    left with nothing has an empty list.
    """
    tree = {
        "version": "1.0",
        "results": {name: _rows(one, one.kept_N) for name, one in judged.items()},
        "dropped": {name: _rows(one, ~one.kept_N) for name, one in judged.items()},
        "external_data": {"used": True, "details": "features of pre-trained encoders"},
        "filter": {**asdict(params), "proposals": source},
    }
    with fresh_file(path) as fresh:
        fresh.write_text(json.dumps(tree, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def _rows(one: Judged, which_N: np.ndarray) -> list[dict[str, Any]]:
    some = np.flatnonzero(which_N)
    rows = []
    for i in some[np.argsort(-one.proposals.score[some], kind="stable")]:
        row: dict[str, Any] = {
            "label": str(one.proposals.label[i]),
            "score": float(one.proposals.score[i]),
            "segment": [float(one.proposals.start_s[i]), float(one.proposals.end_s[i])],
            "support": float(one.support_N[i]),
        }
        if not one.kept_N[i]:
            held = {"score": one.score_holds_N[i], "support": one.support_holds_N[i]}
            row["fails"] = [name for name, holds in held.items() if not holds]
        rows.append(row)
    return rows
