"""Segments of training videos that a person corrected: `data/NAME/corrections.json`.

The one file with segments that anything that learns may read, and only the B and the F step do,
where `pseudo_labels.corrections` asks for it. Every data set has the file, with no video in it
until `wtal import corrections` puts one there: DVC stops at a dependency that is missing, and one
that it does not know of would change results behind its back.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wtal_core.annotations import Labels, read_json, read_segment
from wtal_core.atomic import fresh_file
from wtal_core.errors import WtalError

CORRECTIONS = "corrections.json"
NO_CORRECTIONS = '{\n "videos": {}\n}\n'


@dataclass(frozen=True)
class Corrected:
    """One training video: label, start and end in seconds of segments that are right, and the
    classes of which it holds no others.
    """

    segments: tuple[tuple[str, float, float], ...]
    reviewed: tuple[str, ...]


def read_corrections(path: Path, labels: Labels) -> dict[str, Corrected]:
    """The corrected videos. Raises WtalError, naming file and item, for a video that is no training
    video, a label that its video does not have, and a segment that cannot be.
    """
    if not path.is_file():
        raise WtalError(
            f"{path}: no such file. Import corrections with `wtal import corrections "
            f'{path.parent.name} FILE`, or write {{"videos": {{}}}} into it for none.'
        )
    tree = read_json(path)
    if not isinstance(tree, dict) or not isinstance(tree.get("videos"), dict):
        raise WtalError(f"{path}: the file needs 'videos' (dict). Correct the file.")
    own = {video.id: video.labels for video in labels.videos("train")}
    found = {}
    for name, entry in tree["videos"].items():
        if name not in own:
            raise WtalError(
                f"{path}: {name!r} is no training video of labels.json; a test video must not be "
                "learnt from. Remove it."
            )
        found[name] = _read_video(entry, own[name], path, f"videos[{name!r}]")
    return found


def write_corrections(path: Path, videos: Mapping[str, Corrected]) -> None:
    """Write the file anew, a line for each video, so that differences show."""
    if not videos:
        text = NO_CORRECTIONS
    else:
        lines = [f"  {_line(name)}: {_line(_tree(one))}" for name, one in videos.items()]
        text = '{\n "videos": {\n' + ",\n".join(lines) + "\n }\n}\n"
    with fresh_file(path) as fresh:
        fresh.write_text(text, encoding="utf-8")


def _tree(one: Corrected) -> dict[str, Any]:
    return {
        "reviewed": list(one.reviewed),
        "segments": [
            {"label": label, "segment": [start_s, end_s]} for label, start_s, end_s in one.segments
        ],
    }


def _line(value: object) -> str:
    return json.dumps(value, ensure_ascii=True, allow_nan=False)


def _read_video(entry: Any, own: tuple[str, ...], path: Path, where: str) -> Corrected:
    if not isinstance(entry, dict) or not all(
        isinstance(entry.get(key), list) for key in ("reviewed", "segments")
    ):
        raise WtalError(f"{path}: {where} needs the lists 'reviewed' and 'segments'. Correct it.")
    rows: list[tuple[str, float, float]] = []
    for i, item in enumerate(entry["segments"]):
        place = f"{where}.segments[{i}]"
        label = str(item.get("label")) if isinstance(item, dict) else ""
        start, end = read_segment(item, path, place)
        if not 0 <= start < end:
            raise WtalError(f"{path}: {place} needs 0 <= start < end, got [{start}, {end}].")
        rows.append((label, start, end))
    for label in [*(row[0] for row in rows), *entry["reviewed"]]:
        if label not in own:
            raise WtalError(
                f"{path}: {where} names {label!r}, labels.json gives the video {', '.join(own)}. "
                "Correct one of the two."
            )
    return Corrected(tuple(rows), tuple(entry["reviewed"]))
