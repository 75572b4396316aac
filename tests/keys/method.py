"""Keys of the method, seen in what its stages write for the tiny data set.

A checkpoint's facts and a store's attributes repeat the parameters; only weights, labels, scores
and segments count here.
"""

import json
from pathlib import Path
from typing import Any

import yaml

from stages import b_step, f_step, infer, warm_up
from tests.keys.case import Case, Observe, Scene
from tests.stages.tiny_method import make_data
from wtal_core.annotations import read_json
from wtal_core.checkpoint import load_checkpoint
from wtal_core.corrections import Corrected, write_corrections
from wtal_core.store import read_sequences

SHARED = ("i3d", "clip", "encoders", "frames", "labels.json", "corrections.json")
STEP = {"epochs": 1, "min_steps": 2, "lr": 3e-3}
# Stretched, the scores of barely trained branches pass both thresholds.
STRETCHED = {"pseudo_labels.minmax": True}


def prepare(folder: Path) -> None:
    """The tiny data set, with a warm-up and a round to start from."""
    data = make_data(folder)
    facts = yaml.safe_load((data / "dataset.yaml").read_text(encoding="utf-8"))
    facts["method"] |= dict.fromkeys(("warm_up", "b_step", "f_step"), STEP)
    facts["method"]["pseudo_labels"] = {}
    (data / "dataset.yaml").write_text(json.dumps(facts), encoding="utf-8")
    hop = Corrected((("HopScotch", 1.28, 3.2),), ("HopScotch",))
    write_corrections(data / "corrections.json", {"v0": hop})
    params = Scene(folder, folder, STRETCHED | {"warm_up.epochs": 12})
    (folder / "params.yaml").unlink()
    warm_up.main(data, params.params)
    b_step.main(data, "r1", "r0", params.params)
    f_step.main(data, "r1", "r0", params.params)


def set_up(scene: Scene, *checkpoints: str) -> Path:
    """A data set's folder in which a stage can write, with the outs of earlier stages."""
    source, place = scene.stage / "tiny", scene.folder / "tiny"
    place.mkdir()
    (place / "dataset.yaml").write_bytes((source / "dataset.yaml").read_bytes())
    for name in (*SHARED, *checkpoints):
        (place / name).parent.mkdir(exist_ok=True)
        (place / name).symlink_to(source / name)
    return place


def weights(folder: Path) -> Any:
    return load_checkpoint(folder)[0]


def labels(path: Path) -> Any:
    store = read_sequences(path)
    return [store.of(name) for name in store.names]


def see_warm_up(scene: Scene) -> Any:
    data = set_up(scene)
    warm_up.main(data, scene.params)
    return weights(data / "r0" / "cbp")


def see_b_step(scene: Scene, init: str = "r0") -> Any:
    data = set_up(scene, f"{init}/cbp", f"{init}/vlp")
    b_step.main(data, "r9", init, scene.params)
    return labels(data / "r9" / "pseudo_cbp.zarr"), weights(data / "r9" / "vlp")


def see_second_b_step(scene: Scene) -> Any:
    return see_b_step(scene, "r1")


def see_f_step(scene: Scene) -> Any:
    data = set_up(scene, "r0/cbp", "r1/vlp")
    f_step.main(data, "r1", "r0", scene.params)
    return labels(data / "r1" / "pseudo_vlp.zarr"), weights(data / "r1" / "cbp")


def see_segments(scene: Scene, round_: str = "r1") -> Any:
    data = set_up(scene, f"{round_}/cbp", f"{round_}/vlp")
    infer.main(data, round_, scene.params)
    store = labels(data / "scores" / f"{round_}.zarr")
    return store, read_json(data / round_ / "predictions.json")["results"]


def see_vanilla(scene: Scene) -> Any:
    return see_segments(scene, "r0")


def of_step(observe: Observe) -> dict[str, Case]:
    """Keys of any training step."""
    return {
        "epochs": Case(2, observe),
        "min_steps": Case(3, observe),
        "batch": Case(4, observe),
        "crop": Case(9, observe),
        "optimiser": Case("adamw", observe),
        "lr": Case(0.02, observe),
        "lr_schedule": Case("cosine", observe),
        "weight_decay": Case(0.3, observe),
        "grad_clip": Case(1e-9, observe),
        "precision": Case("bf16", observe),
    }


def of_taught_step(observe: Observe) -> dict[str, Case]:
    """Keys of a step that learns from pseudo-labels."""
    return of_step(observe) | {
        "epochs": Case(0, observe),
        "cls_weight": Case(0.5, observe),
        "reinit": Case(True, observe),
    }


THRESHOLDS = {
    "delta_h": Case(0.4, see_b_step),
    "delta_l": Case(0.2, see_f_step),
    "theta_cls": Case(0.2, see_segments, {"localize.class_selection": "paper"}),
    "theta_loc": Case(0.34, see_segments, {"localize.proposals": "paper"}),
}
BRANCH = {"cbp": Case("um", see_warm_up), "inputs": Case("concat", see_warm_up)}
CBP = {
    "width": Case(12, see_warm_up),
    "heads": Case(1, see_warm_up),
    "embed": Case(3, see_warm_up),
    "stem": Case(0, see_warm_up),
    "levels": Case(2, see_warm_up),
    "window": Case(1, see_warm_up),
    "mlp_ratio": Case(2.0, see_warm_up),
    "input_dropout": Case(0.3, see_warm_up),
    "dropout": Case(0.4, see_warm_up),
    "drop_path": Case(0.4, see_warm_up),
    "fuse": Case("max", see_warm_up),
    "nonnegative": Case(False, see_warm_up),
    "bias": Case(True, see_warm_up),
}
UM = {
    name: Case(other, see_warm_up, {"branch.cbp": "um"})
    for name, other in {
        "width": 12,
        "dropout": 0.3,
        "select_dropout": 0.4,
        "ratio_act": 5,
        "ratio_bkg": 3,
        "margin": 30.0,
        "magnitude_weight": 0.01,
        "entropy_weight": 0.2,
    }.items()
}
CONSENSUS = {
    "width": 9,
    "attention_width": 4,
    "dropout": 0.3,
    "attention_dropout": 0.4,
    "topk_ratio": 5,
    "margin": 0.0,  # beyond it, a pair no longer counts
    "mil_weight": 0.6,
    "suppressed_weight": 0.6,
    "contrast_weight": 0.2,
    "mutual_weight": 0.2,
    "sparsity_weight": 0.2,
    "guide_weight": 0.2,
}
CO2NET = {
    name: Case(other, see_warm_up, {"branch.cbp": "co2net"}) for name, other in CONSENSUS.items()
}
EVIDENCE = {
    "video_evidence_weight": 0.6,
    "snippet_evidence_weight": 0.1,
    "evidence_ratio": 4,
    "amplitude": 0.2,
}
DELU = {
    name: Case(other, see_warm_up, {"branch.cbp": "delu"})
    for name, other in (CONSENSUS | EVIDENCE).items()
}
VLP = {
    "prefix": Case(3, see_b_step),
    "suffix": Case(1, see_b_step),
    "layers": Case(1, see_b_step),
    "heads": Case(1, see_b_step),
    "window": Case(2, see_b_step),
    "mlp_ratio": Case(2.0, see_b_step),
    "dropout": Case(0.2, see_b_step),
    "positions": Case(30, see_b_step),
    "init_std": Case(0.05, see_b_step),
    "temperature": Case(0.1, see_b_step),
    "temperature_vanilla": Case(0.1, see_vanilla),
    "template_vanilla": Case("a photo of {}", see_vanilla),
}
# Narrow enough for both kinds of label where nothing is stretched.
NARROW = {"pseudo_labels.minmax": False, "thresholds.delta_h": 0.34, "thresholds.delta_l": 0.33}
PSEUDO_LABELS = {
    "rule": Case("argmax", see_b_step),
    "minmax": Case(True, see_b_step, NARROW),
    "partner": Case("mean", see_f_step),
    "recentre": Case(False, see_f_step),
    "corrections": Case(True, see_b_step),
}
LOSS = {
    "cls": Case("bce", see_warm_up),
    "topk_ratio": Case(3, see_warm_up),
    "kd_weight": Case(0.5, see_b_step),
    "fb_weight": Case(0.5, see_b_step),
    "temperature": Case(0.2, see_b_step),
    "kd_count": Case("pairs", see_b_step),
    "kd_balance": Case("frames", see_b_step),
    "kd_bg_weight": Case(2.33, see_b_step),
    "kd_confidence": Case(True, see_b_step),
    "fb_reduction": Case("sum", see_b_step),
    "fb_scope": Case("video", see_b_step),
    "fb_positives": Case(2, see_b_step),
    "fb_negatives": Case(3, see_b_step),
}
FUSED = {"localize.branch": "fused"}
CONTRAST = {"localize.score": "oic"}
LOCALIZE = {
    "branch": Case("vlp", see_segments),
    "fuse_weight": Case("auto", see_segments, FUSED),
    "class_selection": Case("paper", see_segments),
    "class_floor": Case(0.9, see_segments),
    "proposals": Case("paper", see_segments, {"thresholds.theta_loc": 0.34}),
    "proposal_thresholds": Case([0.5], see_segments),
    "upsample": Case(3, see_segments),
    "score": Case("oic", see_segments),
    "oic_margin": Case(0.5, see_segments, CONTRAST),
    "oic_video_weight": Case(0.9, see_segments, CONTRAST),
    "nms_sigma": Case(0.05, see_segments),
    "min_score": Case(0.3, see_segments),
    "max_per_video": Case(2, see_segments),
}
SECTIONS = {
    "thresholds": THRESHOLDS,
    "branch": BRANCH,
    "cbp": CBP,
    "um": UM,
    "co2net": CO2NET,
    "delu": DELU,
    "vlp": VLP,
    "warm_up": of_step(see_warm_up),
    "b_step": of_taught_step(see_second_b_step),
    "f_step": of_taught_step(see_f_step),
    "pseudo_labels": PSEUDO_LABELS,
    "loss": LOSS,
    "localize": LOCALIZE,
}
CASES = {"seed": Case(1, see_warm_up)}
