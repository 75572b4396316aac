"""How long videos are, from a file that somebody has."""

import csv
from pathlib import Path

from wtal_core.annotations import read_json
from wtal_core.errors import WtalError
from wtal_core.importing.annotations_model import Times
from wtal_core.importing.object_arrays import read_npy

FORMS = (
    "a folder with W-TALC's videoname.npy and duration.npy; a JSON {video: seconds}, or with a "
    "database that holds durations; a CSV with columns video,duration"
)


def read_durations(path: Path) -> dict[str, float]:
    """Video id -> seconds. Raises WtalError for what is not above 0, naming the video."""
    times = Times()
    if path.is_dir():
        rows = _of_wtalc(path)
    elif path.suffix.lower() == ".json":
        tree = read_json(path)
        rows = tree.get("database", tree) if isinstance(tree, dict) else {}
        rows = {v: e.get("duration") if isinstance(e, dict) else e for v, e in rows.items()}
        rows = {v: seconds for v, seconds in rows.items() if seconds is not None}
    elif path.suffix.lower() == ".csv":
        rows = _of_csv(path)
    else:
        raise WtalError(f"{path}: no file of durations. It is {FORMS}.")
    found = {str(v): times.read(seconds, path, repr(v)) for v, seconds in rows.items()}
    if bad := [v for v, seconds in found.items() if seconds <= 0]:
        raise WtalError(f"{path}: durations of 0 s or less: {', '.join(bad[:10])}. Correct them.")
    if not found:
        raise WtalError(f"{path}: no durations in it. It is {FORMS}.")
    return found


def _of_wtalc(folder: Path) -> dict[str, object]:
    names, lengths = (
        read_npy(folder / f"{name}.npy").ravel() for name in ("videoname", "duration")
    )
    if len(names) != len(lengths):
        raise WtalError(
            f"{folder}: {len(names)} names and {len(lengths)} durations. Take one package."
        )
    return {
        name.decode("utf-8") if isinstance(name, bytes) else str(name): seconds
        for name, seconds in zip(names, lengths, strict=True)
    }


def _of_csv(path: Path) -> dict[str, object]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError) as err:
        raise WtalError(f"{path}: cannot be read as text ({err}). Get another copy.") from err
    if rows and not {"video", "duration"} <= set(rows[0]):
        raise WtalError(f"{path}: needs the columns video and duration, has {', '.join(rows[0])}.")
    return {row["video"]: row["duration"] for row in rows}
