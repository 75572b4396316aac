"""A finished run without a pipeline: three videos, two of them filmed, under hostile names."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from tests.video.films import picture, write_film
from wtal_core.corrections import Corrected, write_corrections
from wtal_core.grid import SnippetGrid
from wtal_core.store import read_sequences, write_sequences

ROOT = Path(__file__).parents[2]
IMG = "<img src=x onerror=alert(1)>"
END = "</script><script>alert(2)</script>"
CLASSES = (IMG, END, 'Tom\'s "dive" & swim')
SPOOF = "clip_\u202e4pm.exe"  # shows itself as clip_exe.mp4 where nobody looks out
TEST, OLD, LOST = "a \"b'<b>", SPOOF, "plain_1"
FPS, FRAMES = 25, 200  # 8 s, 12 snippets
GRID = SnippetGrid(fps=FPS, window=16, stride=16)
T = 12


def make_run(root: Path, *, truth: bool = True, rounds: int = 2, names: bool = True) -> Path:
    """Write the repository's part that a report reads; the folder of the data set.

    TEST is an H.264 file, OLD an MPEG-4 one that no browser plays, LOST has no file and is the
    training split. truth: whether anybody has annotated; names: whether they are hostile.
    """
    test, old = (TEST, OLD) if names else ("film", "older")
    classes = CLASSES if names else ("dive", "jump", "swim")
    data = root / "data" / "tiny"
    (data / "videos").mkdir(parents=True)
    (root / "params.yaml").write_text((ROOT / "params.yaml").read_text())
    facts = yaml.safe_load((ROOT / "data/demo/dataset.yaml").read_text())
    facts["method"] = {section: {} for section in facts["method"]}
    (data / "dataset.yaml").write_text(yaml.safe_dump(facts))
    pictures = [picture(n) for n in range(FRAMES)]
    write_film(data / "videos" / "new.mp4", pictures)
    write_film(data / "videos" / "old.avi", pictures, codec="mpeg4")
    files = {test: "videos/new.mp4", old: "videos/old.avi", LOST: "videos/lost.mp4"}
    subsets = {test: "test", old: "test", LOST: "train"}
    videos: dict[str, Any] = {
        name: {"file": files[name], "subset": subsets[name]} for name in files
    }
    videos[LOST]["labels"] = [classes[1]]
    write(data / "labels.json", {"classes": classes, "videos": videos})
    durations = {name: {"duration_s": FRAMES / FPS} for name in files}
    write(data / "frames" / "record.json", {"videos": durations})
    if truth:
        known = {
            test: [(0, 1.0, 3.0), (1, 4.0, 5.5)],
            old: [(2, 0.5, 2.5)],
            LOST: [(1, 2.0, 4.0)],
        }
        database = {
            name: {
                "subset": subsets[name],
                "duration": FRAMES / FPS,
                "annotations": [
                    {"label": classes[c], "segment": [start, end]} for c, start, end in rows
                ],
            }
            for name, rows in known.items()
        }
        write(data / "ground_truth.json", {"database": database})
    for number in range(rounds + 1):
        write_round(data, f"r{number}", number, (test, old), classes)
        metrics = {"map_avg_0.1-0.7": 0.25 * number, "map@0.5": 0.2 * number, "fg_miou_cbp": 0.5}
        if truth:
            write(root / "results" / "tiny" / "rounds" / f"r{number}" / "metrics.json", metrics)
    return data


def write_round(
    data: Path, name: str, number: int, tests: tuple[str, ...], classes: tuple[str, ...]
) -> None:
    """Scores that rise with the round, two predictions a test video, pseudo-labels but for r0."""
    rng = np.random.default_rng(number)
    shared = {"classes": list(classes), "grid": GRID.to_dict()}

    def scores() -> np.ndarray:
        return rng.random((T, len(classes)), dtype=np.float32)

    write_sequences(
        data / "scores" / f"{name}.zarr",
        [(video, {key: scores() for key in ("cbp", "vlp", "final")}) for video in tests],
        dict.fromkeys(("cbp", "vlp", "final"), ("T", "C")),
        {**shared, "distilled": {"cbp": number > 0, "vlp": number > 0}},
    )
    results = {
        video: [
            {"label": classes[0], "score": 0.9, "segment": [1.0, 3.0]},
            {"label": classes[1], "score": 0.4, "segment": [4.0, 6.0 - number / 10]},
        ]
        for video in tests
    }
    write(data / name / "predictions.json", {"version": "1.0", "results": results})
    if number:
        for branch in ("cbp", "vlp"):
            labels = rng.integers(-1, 2, (T, len(classes))).astype(np.int8)
            write_sequences(
                data / name / f"pseudo_{branch}.zarr",
                [(LOST, {"label": labels, "score": scores()})],
                {"label": ("T", "C"), "score": ("T", "C")},
                {
                    **shared,
                    "teacher": f"{name}/{branch}",
                    "thresholds": {"delta_h": 0.3, "delta_l": 0.1},
                    "video_labels": {LOST: [classes[1]]},
                },
            )


def correct_labels(data: Path) -> None:
    """As if the second round's B step had learnt from corrections of the training video's label.

    1.28 s to 3.52 s holds three snippets of 0.64 s and half of a fourth. For readable names alone.
    """
    said = Corrected((("jump", 1.28, 3.52),), ("jump",))
    write_corrections(data / "corrections.json", {LOST: said})
    path = data / "r2" / "pseudo_cbp.zarr"
    store = read_sequences(path)
    arrays = {key: array.copy() for key, array in store.of(LOST).items()}
    arrays["label"][:, store.attrs["classes"].index("jump")] = [0, 0, 1, 1, 1, -1] + [0] * 6
    counts = {"videos": 1, "foreground": 3, "background": 8, "uncertain": 1, "changed": 4}
    dims = {"label": ("T", "C"), "score": ("T", "C")}
    write_sequences(path, [(LOST, arrays)], dims, store.attrs | {"corrections": counts})


def write(path: Path, tree: Any) -> None:
    """JSON, with the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(tree))
