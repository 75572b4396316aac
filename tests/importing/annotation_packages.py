"""Small packages of THUMOS14 and ActivityNet in every layout, with known quirks in them."""

import json
import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wtal_core.importing.thumos14 import CLASSES

# Per video (number, subset) its instances.
VIDEOS: dict[tuple[int, str], list[tuple[str, float, float]]] = {
    (51, "train"): [("Billiards", 67.5, 75.9), ("Billiards", 85.9, 90.6)],
    (161, "train"): [("CliffDiving", 11.3, 14.1), ("Diving", 11.3, 14.1), ("Diving", 20.0, 21.5)],
    (4, "test"): [("Shotput", 0.2, 1.1)],
    (131, "test"): [("CliffDiving", 19.3, 23.0), ("Diving", 19.3, 23.0)],
    (270, "test"): [("HammerThrow", 187.3, 193.4)],
}
# As the official list of classes has them.
OFFICIAL = (7, 9, 12, 21, 22, 23, 24, 26, 31, 33, 36, 40, 45, 51, 68, 79, 85, 92, 93, 97)
AMBIGUOUS = {(131, "test"): [(30.5, 33.0)], (1292, "test"): [(1.0, 3.5), (7.0, 9.0)]}


def video_id(number: int, subset: str) -> str:
    return f"video_{'validation' if subset == 'train' else 'test'}_{number:07d}"


def write_text_files(folder: Path) -> Path:
    """THUMOS14's own: a file per class and split, two blanks before the start."""
    for subset, end in (("train", "val"), ("test", "test")):
        lines: dict[str, list[str]] = {name: [] for name in CLASSES}
        for (number, own), items in VIDEOS.items():
            for label, start, stop in items if own == subset else []:
                lines[label].append(f"{video_id(number, own)}  {start} {stop}\n")
        lines["Ambiguous"] = [
            f"{video_id(number, own)}  {start} {stop}\n"
            for (number, own), pairs in AMBIGUOUS.items() if own == subset
            for start, stop in pairs
        ]  # fmt: skip
        for name, rows in lines.items():
            path = folder / f"annotation_{end}" / f"{name}_{end}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("".join(rows))
    return folder


def write_um(folder: Path, drop: Sequence[int] = (270,)) -> Path:
    """gt.json with times as strings and without durations, and two split files."""
    chosen = {key: items for key, items in VIDEOS.items() if key[0] not in drop}
    database = {
        video_id(*key): {
            "subset": key[1],
            "annotations": [{"segment": [str(a), str(b)], "label": name} for name, a, b in items],
        }
        for key, items in chosen.items()
    }
    write_json(folder / "gt.json", {"database": database})
    for subset in ("train", "test"):
        names = [video_id(*key) for key in chosen if key[1] == subset]
        (folder / f"split_{subset}.txt").write_text("".join(f"{name}\n" for name in names))
    return folder


def write_wtalc(folder: Path, labels_all: Mapping[int, Sequence[str]] | None = None) -> Path:
    """The .npy files, as Python 2 wrote them: texts are bytes, lists are pickled."""
    folder.mkdir(parents=True, exist_ok=True)
    keys = list(VIDEOS)
    labels = [[label.encode() for label, _, _ in VIDEOS[key]] for key in keys]
    given = {n: [x.encode() for x in names] for n, names in (labels_all or {}).items()}
    own = [
        given.get(key[0], list(dict.fromkeys(row))) for key, row in zip(keys, labels, strict=True)
    ]
    words = ["validation" if subset == "train" else "test" for _, subset in keys]
    np.save(folder / "videoname.npy", np.array([video_id(*key).encode() for key in keys]))
    np.save(folder / "subset.npy", np.array([word.encode() for word in words]))
    np.save(folder / "classlist.npy", np.array([name.encode() for name in CLASSES]))
    np.save(folder / "duration.npy", np.array([[200.0], [60.0], [30.0], [40.0], [176.2]]))
    np.save(folder / "extracted_fps.npy", np.full(len(keys), 10))
    save_objects(folder / "labels.npy", labels)
    save_objects(folder / "labels_all.npy", own)
    save_objects(folder / "segments.npy", [[[a, b] for _, a, b in VIDEOS[key]] for key in keys])
    (folder / "Ambiguous_test.txt").write_text(f"{video_id(131, 'test')}  30.5 33.0\n")
    return folder


def write_actionformer(folder: Path) -> Path:
    """One JSON with frame rates, numbers of labels, and segments in frames beside seconds."""
    database = {
        video_id(*key): {
            "subset": "Validation" if key[1] == "train" else "Test",
            "duration": 200.0 + i,
            "fps": 30.0,
            "annotations": [
                {
                    "label": label,
                    "segment": [start, stop],
                    "segment(frames)": [30 * start, 30 * stop],
                    "label_id": CLASSES.index(label),
                }
                for label, start, stop in items
            ],
        }
        for i, (key, items) in enumerate(VIDEOS.items())
    }
    write_json(folder / "thumos14.json", {"version": "Thumos14-30fps", "database": database})
    return folder


def write_activitynet(folder: Path, prefix: str = "", version: str = "VERSION 1.2") -> Path:
    """A JSON of ActivityNet's form with every kind of odd segment."""

    def rows(*items: tuple[str, float, float]) -> list[dict[str, Any]]:
        return [{"label": label, "segment": [start, end]} for label, start, end in items]

    entries: dict[str, tuple[str, float, list[dict[str, Any]]]] = {
        "aaaaaaaaaa1": ("training", 39.5, rows(("Pole vault", 1.5, 6), ("Pole vault", 1.5, 6))),
        "-bbbbbbbbb2": ("training", 50, rows(("Chopping wood", 13, 50.05), ("Snatch", 48, 61))),
        "_ccccccccc3": ("training", 20, rows(("Snatch", 9, 7))),
        "dddddddddd4": ("validation", 70, rows(("Snatch", 3, 3), ("Pole vault", -0.5, 4))),
        "eeeeeeeeee5": ("validation", 30, rows(("Chopping wood", -3, -1), ("Snatch", 0, 30))),
        "ffffffffff6": ("testing", 36, []),
    }  # fmt: skip
    database = {
        prefix + video: {"subset": subset, "duration": length, "url": "", "annotations": items}
        for video, (subset, length, items) in entries.items()
    }
    tree = {"version": version, "taxonomy": [], "database": database}
    write_json(folder / "activity_net.json", tree)
    return folder


def write_json(path: Path, tree: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(tree))


def save_objects(path: Path, rows: Sequence[Any]) -> None:
    array = np.empty(len(rows), object)
    for i, row in enumerate(rows):
        array[i] = row
    header = {"descr": "|O", "fortran_order": False, "shape": array.shape}
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        pickle.dump(array, file, protocol=2)
