"""A finished run of toy size that learnt nothing: does a benchmark of runs work? no figures."""

from pathlib import Path

import torch

from benchmarks.decode import enlarge
from benchmarks.full_size import make_run
from benchmarks.whole import SMALL
from stages.parts.cbp_branches import read_branch
from wtal_core.annotations import read_json, write_predictions
from wtal_core.checkpoint import save_checkpoint
from wtal_core.params import load_yaml
from wtal_core.segments import Segments
from wtal_core.tables import write_json
from wtal_core.training.weights import trainable_state

ROOT = Path(__file__).parents[1]
CLASSES = ("hop", "run")


def make_toy_run(folder: Path) -> Path:
    """Write it: data/toy below the folder, with two test videos of 4 s; round r1 is finished."""
    data = folder / "data" / "toy"
    folder.mkdir(exist_ok=True)
    films = [enlarge(None, folder / f"film_{number}.mp4", (54, 72)) for number in range(2)]
    run = make_run(data, films, SMALL, "torch", "fp32")
    facts = load_yaml(data / "dataset.yaml") | {
        "flow": {"scales": 2, "warps": 1},  # OpenCV's defaults take seconds
        "evaluation": {"protocol": "activitynet"},
        "method": {
            "cbp": {"width": 8, "heads": 2, "embed": 1, "stem": 1, "levels": 1},
            "vlp": {"heads": 2, "prefix": 1, "suffix": 1, "positions": 20},
            "localize": {"class_floor": 0.0},  # networks that learnt nothing are sure of nothing
        },
    }
    write_json(data / "dataset.yaml", facts)  # JSON is YAML
    labels = read_json(data / "labels.json") | {"classes": CLASSES}
    write_json(data / "labels.json", labels)
    names = list(labels["videos"])
    record = {"videos": {name: {"duration_s": 4.0} for name in names}}
    write_json(data / "frames" / "record.json", record)
    instances = [{"segment": [0.0, 2.0], "label": c} for c in CLASSES]
    truth = {"subset": "test", "duration": 4.0, "annotations": instances}
    write_json(data / "ground_truth.json", {"database": dict.fromkeys(names, truth)})
    columns = read_json(run.checkpoint("cbp") / "meta.json")["meta"]["in_channels"]
    meta = {
        "branch": "cbp", "network": "pyramid", "inputs": "i3d", "classes": list(CLASSES),
        "in_channels": columns, "clip_channels": 0, "distilled": False,
    }  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(0)
        branch = read_branch(ROOT / "params.yaml", data / "dataset.yaml").build(meta)
        save_checkpoint(run.checkpoint("cbp"), trainable_state(branch), meta)
    vlp = {"branch": "vlp", "vanilla": True, "distilled": False, "classes": list(CLASSES)}
    save_checkpoint(run.checkpoint("vlp"), {}, vlp)
    write_predictions(data / "r1" / "predictions.json", Segments.empty(), names)
    return data
