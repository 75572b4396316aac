"""Two plain ways to compute average precision, which benchmarks/evaluate.py compares with.

Both follow the rules of ActivityNet's evaluation, one class at a time: predictions by falling
score; each tries the instances of its video by falling overlap and takes the first that is free
and overlaps enough; the area under the precision envelope.

`table` keeps everything in pandas tables and looks rows up as the loop goes, which is how the
challenge's code works. `loop` is the same loop on numpy arrays and dictionaries.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from wtal_core.segments import Floats, Segments, overlap_tiou


def average_precision_by_loop(found: Segments, truth: Segments, tious: Sequence[float]) -> Floats:
    """(K,) AP of one class."""
    rows: dict[str, np.ndarray] = {
        video: np.flatnonzero(truth.video == video) for video in set(truth.video.tolist())
    }
    free_KG = np.ones((len(tious), len(truth)), dtype=bool)
    hit_KN = np.zeros((len(tious), len(found)), dtype=bool)
    for place, i in enumerate(np.argsort(-found.score, kind="stable")):
        own = rows.get(str(found.video[i]))
        if own is None:
            continue
        overlap = overlap_tiou(
            found.start_s[i], found.end_s[i], truth.start_s[own], truth.end_s[own]
        )
        order = np.argsort(overlap)[::-1]
        for k, tiou in enumerate(tious):
            for j in order:
                if overlap[j] < tiou:
                    break
                if free_KG[k, own[j]]:
                    free_KG[k, own[j]] = False
                    hit_KN[k, place] = True
                    break
    return _area(hit_KN, len(truth))


def average_precision_by_table(found: Segments, truth: Segments, tious: Sequence[float]) -> Floats:
    """(K,) AP of one class; needs pandas."""
    predictions, instances = _table(found), _table(truth)
    predictions = predictions.sort_values("score", ascending=False).reset_index(drop=True)
    by_video = instances.groupby("video")
    taken_KG = np.zeros((len(tious), len(instances)), dtype=bool)
    hit_KN = np.zeros((len(tious), len(predictions)), dtype=bool)
    for place, row in predictions.iterrows():
        try:
            own = by_video.get_group(row["video"]).reset_index()
        except KeyError:
            continue
        first, last = row[["start", "end"]].to_numpy(dtype=float)
        times = own[["start", "end"]].to_numpy()
        overlap = overlap_tiou(first, last, times[:, 0], times[:, 1])
        order = overlap.argsort()[::-1]
        for k, tiou in enumerate(tious):
            for j in order:
                if overlap[j] < tiou:
                    break
                instance = own.loc[j]["index"]
                if not taken_KG[k, instance]:
                    taken_KG[k, instance] = True
                    hit_KN[k, place] = True
                    break
    return _area(hit_KN, len(instances))


def _table(segments: Segments) -> Any:
    # an optional dependency: nothing else here needs it
    import pandas

    return pandas.DataFrame(
        {
            "video": segments.video.astype(object),
            "start": segments.start_s,
            "end": segments.end_s,
            "score": segments.score,
        }
    )


def _area(hit_KN: np.ndarray, instances: int) -> Floats:
    """Under the precision envelope, recall step by recall step."""
    areas = []
    for hit_N in hit_KN:
        hits = np.cumsum(hit_N)
        precision = [0.0, *(hits / np.arange(1, len(hits) + 1)), 0.0]
        recall = [0.0, *(hits / instances), 1.0]
        for i in range(len(precision) - 2, -1, -1):
            precision[i] = max(precision[i], precision[i + 1])
        steps = [i for i in range(1, len(recall)) if recall[i] != recall[i - 1]]
        areas.append(sum((recall[i] - recall[i - 1]) * precision[i] for i in steps))
    return np.array(areas)
