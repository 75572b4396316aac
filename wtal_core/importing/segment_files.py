"""Files of predictions and of instances in any form that is known, and their units."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from wtal_core.errors import WtalError
from wtal_core.importing.segment_json import read_json_predictions, read_json_truth
from wtal_core.importing.segment_rows import SegmentFile
from wtal_core.importing.segment_tables import (
    read_challenge_predictions,
    read_challenge_truth,
    read_table,
)
from wtal_core.segments import Segments

UNITS = ("seconds", "fraction", "snippets")
SNIPPET_S = 16 / 25  # of the W-TALC package's grid
MOST = 1.1  # as a fraction of a video; windows may reach a little over its end


def read_predicted(path: Path) -> SegmentFile:
    """Predictions: ActivityNet JSON, CSV, or a THUMOS14 submission (.txt), by the file's ending."""
    if path.suffix == ".json":
        return read_json_predictions(path)
    if path.suffix == ".txt":
        return read_challenge_predictions(path)
    return read_table(path, scored=True)


def read_true(path: Path, subset: str | None) -> SegmentFile:
    """Instances: ActivityNet JSON, CSV, or the folder of the THUMOS14 challenge's annotations."""
    if path.is_dir():
        return read_challenge_truth(path, subset)
    if path.suffix == ".json":
        return read_json_truth(path, subset)
    if subset is not None:
        raise WtalError(f"{path}: a CSV file knows no subsets. Leave --subset away.")
    return read_table(path, scored=False)


def check_fractions(segments: Segments, path: Path) -> None:
    """WtalError, naming the first, for a segment that is no fraction of its video."""
    if (beyond := np.flatnonzero(segments.end_s > MOST)).size:
        i = beyond[0]
        raise WtalError(
            f"{path}: segment {i} (video {str(segments.video[i])!r}) ends at {segments.end_s[i]}, "
            "but fractions of a video end at 1. Are these seconds? Say so with --unit."
        )


def to_seconds(
    segments: Segments, unit: str, durations: Mapping[str, float], path: Path
) -> Segments:
    """The segments in seconds; WtalError, naming the videos, where a duration is needed and not
    known.
    """
    if unit == "seconds":
        return segments
    if unit == "snippets":
        scale_N = np.full(len(segments), SNIPPET_S)
    else:
        check_fractions(segments, path)
        unknown = sorted(set(segments.video.tolist()) - set(durations))
        if unknown:
            raise WtalError(
                f"{path}: fractions become seconds by the durations of the videos, and those of "
                f"{len(unknown)} are not known: {', '.join(unknown[:5])}"
                f"{', ...' if len(unknown) > 5 else ''}. Give them with --durations FILE "
                "(CSV: video,duration)."
            )
        scale_N = np.array([durations[video] for video in segments.video.tolist()])
    return Segments(
        segments.video,
        segments.label,
        segments.start_s * scale_N,
        segments.end_s * scale_N,
        segments.score,
    )
