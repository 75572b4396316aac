"""Tags in JSON: a mapping from videos, a list of them, or the labels.json of a data set."""

import json
from pathlib import Path
from typing import Any

from wtal_core.errors import WtalError
from wtal_core.own_videos.tag_tables import read_text
from wtal_core.own_videos.tags import Tag, Tags, clean_labels, locate, merge, read_subset
from wtal_core.own_videos.video_files import VideoFolder

_FORMS = (
    'write {"a.mp4": ["Kite", "Drum"]}, or [{"file": "a.mp4", "labels": ["Kite"]}], or '
    '{"classes": [...], "videos": {"a": {"file": "a.mp4", "labels": ["Kite"]}}}'
)
_NAMES = ("file", "video", "path", "name")
_LABELS = ("labels", "label", "tags", "classes")


def read_tree(path: Path, videos: VideoFolder) -> Tags:
    """Tags of a JSON file in any of the three forms. Raises WtalError naming the entry."""
    tree = _load(path)
    classes: tuple[str, ...] = ()
    if isinstance(tree, dict) and isinstance(tree.get("videos"), dict | list):
        classes = clean_labels(_texts(tree.get("classes", []), f"{path}: classes"), str(path))
        tree = tree["videos"]
    if isinstance(tree, list):
        entries = [(f"entry {n}", None, entry) for n, entry in enumerate(tree)]
    elif isinstance(tree, dict):
        entries = [(repr(name), name, entry) for name, entry in tree.items()]
    else:
        raise WtalError(f"{path}: neither keys and values nor a list; {_FORMS}")
    tags: list[Tag] = []
    absent: list[str] = []
    for shown, name, entry in entries:
        place = f"{path.name}, {shown}"
        if not isinstance(entry, dict):
            entry = {"labels": entry}
        word = next((entry[key] for key in _NAMES if key in entry), name)
        if not isinstance(word, str) or not word:
            raise WtalError(f"{place}: it names no video; {_FORMS}")
        labels: Any = next((entry[key] for key in _LABELS if key in entry), [])
        found = clean_labels(_texts(labels, place), place)
        subset = read_subset(_text(entry.get("subset", ""), place), place)
        video = locate(videos, word, path.parent, place, absent)
        if video is not None:
            tags.append(Tag(video, found, subset, place))
    return Tags(merge(tags), classes, tuple(absent))


def _load(path: Path) -> Any:
    try:
        return json.loads(read_text(path), object_pairs_hook=_unique)
    except (ValueError, RecursionError) as err:
        raise WtalError(f"{path}: not readable as JSON ({err}); mend that place") from err


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!r} stands twice")
    return found


def _texts(value: Any, place: str) -> list[str]:
    return [_text(one, place) for one in (value if isinstance(value, list) else [value])]


def _text(value: Any, place: str) -> str:
    if not isinstance(value, str):
        raise WtalError(f"{place}: {value!r:.40} is no text; {_FORMS}")
    return value
