"""The run page's tables and cards as plain values."""

from collections.abc import Mapping, Sequence
from typing import Any

from wtal_core.reporting.material import Media, RunMaterial, VideoFacts
from wtal_core.segments import Segments

SURE = 0.3  # score from which on a prediction is drawn on a card
TILES = (
    ("map_avg_0.1-0.7", "mAP, tIoU 0.1 to 0.7"),
    ("map@0.5", "mAP at tIoU 0.5"),
    ("fg_miou_cbp", "CBP foreground mIoU"),
    ("bg_miou_cbp", "CBP background mIoU"),
    ("fg_miou_vlp", "VLP foreground mIoU"),
    ("bg_miou_vlp", "VLP background mIoU"),
)


def headline(runs: Sequence[RunMaterial]) -> list[dict[str, Any]]:
    """The numbers on top: for each its title and a value a run, None where it is not there."""
    found = []
    for key, title in TILES:
        values = [run.rounds.get(run.round, {}).get(key) for run in runs]
        if any(value is not None for value in values):
            found.append({"title": title, "values": values})
    return found


def class_rows(runs: Sequence[RunMaterial], classes: Sequence[str]) -> list[dict[str, Any]]:
    """A row for each class with instances: their number, and AP with its interval for each run."""
    by_run = [
        {one["label"]: one for one in (run.diagnosis or {"classes": []})["classes"]} for run in runs
    ]
    rows = []
    for c, name in enumerate(classes):
        found = [table.get(name) for table in by_run]
        if any(found):
            count = max(one["instances"] for one in found if one)
            rows.append({"place": c, "name": name, "instances": count, "runs": found})
    return rows


def parameter_rows(runs: Sequence[RunMaterial]) -> list[dict[str, Any]]:
    """A row for each key of any run: (value, where it was set) a run, and whether they differ."""
    keys = dict.fromkeys(key for run in runs for key in run.params)
    rows = []
    for key in keys:
        values = [run.params.get(key, ("", "")) for run in runs]
        rows.append(
            {"key": key, "values": values, "differs": len({value for value, _ in values}) > 1}
        )
    return rows


def cards(
    facts: Mapping[str, VideoFacts],
    runs: Sequence[RunMaterial],
    classes: Sequence[str],
    slugs: Mapping[str, str],
    media: Mapping[str, Media],
) -> list[dict[str, Any]]:
    """What the list shows of each video."""
    column = {name: c for c, name in enumerate(classes)}
    found = []
    for video in facts.values():
        said = [run.videos[video.id] for run in runs if video.id in run.videos]
        sure = [one.predictions.take(one.predictions.score >= SURE) for one in said]
        known = dict.fromkeys(video.labels)
        if video.truth is not None:
            known |= dict.fromkeys(video.truth.label.tolist())
        predicted = dict.fromkeys(name for one in sure for name in one.label.tolist())
        found.append(
            {
                "id": video.id,
                "slug": slugs[video.id],
                "subset": video.subset,
                "duration_s": video.duration_s,
                "thumb": media[video.id].thumb,
                "truth": None if video.truth is None else _bars(video.truth, video, column),
                "predictions": [_bars(one, video, column) for one in sure],
                "names": list(known or predicted),
                "places": sorted({column[name] for name in [*known, *predicted]}),
                "guessed": not known,
            }
        )
    return found


def _bars(
    segments: Segments, video: VideoFacts, column: Mapping[str, int]
) -> list[dict[str, float]]:
    """Bars on a line from 0 to 100; the better ones come last, on top of the others."""
    scale = 100 / max(video.duration_s, 1e-9)
    rows = zip(segments.label, segments.start_s, segments.end_s, segments.score, strict=True)
    return [
        {
            "place": column[str(label)],
            "x": round(float(start) * scale, 2),
            "width": round(max(0.4, float(end - start) * scale), 2),
            "opacity": round(min(1.0, max(0.15, float(score))), 2),
        }
        for label, start, end, score in sorted(rows, key=lambda row: float(row[3]))
    ]
