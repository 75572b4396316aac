"""Which pseudo-labels of a finished run a person had set, for the pages of `wtal report`.

A store of pseudo-labels records how many corrected labels are in it, not which; corrections.json
says which, as long as it is the one that the run learnt from.
"""

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wtal_cli.run_ import Run
from wtal_core.annotations import read_labels
from wtal_core.corrections import CORRECTIONS, Corrected, read_corrections
from wtal_core.errors import WtalError
from wtal_core.grid import SnippetGrid
from wtal_core.store import Sequences

log = logging.getLogger(__name__)
Given = dict[str, NDArray[np.bool_]]  # video: (T, C), true where a person set the label


def given_labels(
    run: Run, stores: Mapping[tuple[str, str], Sequences]
) -> dict[tuple[str, str], Given]:
    """Per round and branch the labels that were set by hand, as far as there are any.

    Warns of, and leaves out, stores that were made with other corrections than the file holds now.
    """
    asked = {key: store for key, store in stores.items() if count_corrected(store)}
    if not asked:
        return {}
    path = run.data / CORRECTIONS
    try:
        corrected = read_corrections(path, read_labels(run.labels))
    except WtalError as err:
        log.warning("the report does not show which labels were corrected: %s", err)
        return {}
    found = {}
    for (name, branch), store in asked.items():
        given = _given(corrected, store)
        if given is None:
            log.warning(
                "%s: not the corrections that %s was made with, so the report does not show which "
                "of its labels were corrected; put that file back, or rerun `dvc repro`",
                path, run.data / name / f"pseudo_{branch}.zarr",
            )  # fmt: skip
        else:
            found[name, branch] = given
    return found


def count_corrected(store: Sequences) -> int:
    """Videos whose labels were corrected, by the store's own record."""
    return int(store.attrs.get("corrections", {}).get("videos", 0))


def count_behind(run: Run, stores: Mapping[tuple[str, str], Sequences]) -> int:
    """Corrected videos that this round, or one before it, learnt from."""
    last = int(run.round[1:])
    return max(
        (count_corrected(store) for (name, _), store in stores.items() if int(name[1:]) <= last),
        default=0,
    )


def _given(corrected: Mapping[str, Corrected], store: Sequences) -> Given | None:
    """None unless the corrections give exactly the labels and the numbers of the store."""
    # torch takes a second to load, and few runs are corrected
    from wtal_core.hard_labels import FREE, hard_labels

    grid = SnippetGrid.from_dict(store.attrs["grid"])
    counts: dict[str, Any] = {"videos": 0, "foreground": 0, "background": 0, "uncertain": 0}
    found: Given = {}
    for video in corrected.keys() & set(store.names):
        segments: dict[str, list[tuple[float, float]]] = {}
        for label, start_s, end_s in corrected[video].segments:
            segments.setdefault(label, []).append((start_s, end_s))
        label_TC = store.of(video)["label"]
        hard_TC = hard_labels(
            segments, corrected[video].reviewed, store.attrs["classes"], grid, len(label_TC)
        ).numpy()
        found[video] = hard_TC != FREE
        if (label_TC != hard_TC)[found[video]].any():
            return None
        counts["videos"] += 1
        for name, value in (("foreground", 1), ("background", 0), ("uncertain", -1)):
            counts[name] += int((hard_TC == value).sum())
    recorded = store.attrs["corrections"]
    return found if all(recorded.get(key) == count for key, count in counts.items()) else None
