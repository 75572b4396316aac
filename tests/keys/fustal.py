"""Keys of FuSTAL's generator, proposals, filter and student, seen in what its stages write."""

from pathlib import Path
from typing import Any

from stages import fustal_filter, fustal_generate, fustal_infer, fustal_propose, fustal_student
from stages.parts import fustal_generator
from stages.parts import fustal_student as training
from tests.keys.case import Case, Scene
from tests.keys.method import of_step, set_up, weights
from tests.keys.run import see_pipeline
from wtal_core.annotations import read_json

GENERATOR, PROPOSALS = "fustal/generator", "fustal/proposals/fustal"
PSEUDO, STUDENT = "fustal/pseudo_segments.json", "fustal/student"
TRAINERS = [fustal_generator, training]


def prepare(folder: Path) -> None:
    """Each stage once, for the data set that `method` has prepared."""
    data, params = folder / "tiny", folder / "params.yaml"
    fustal_generate.main(data, params)
    fustal_propose.main(data, params)
    fustal_filter.main(data, "fustal", params)
    fustal_student.main(data, params)


def see_generator(scene: Scene) -> Any:
    data = set_up(scene)
    fustal_generate.main(data, scene.params)
    return weights(data / "fustal" / "generator")


def see_proposals(scene: Scene) -> Any:
    data = set_up(scene, GENERATOR)
    fustal_propose.main(data, scene.params)
    return [read_json(data / PROPOSALS / f"{s}.json")["results"] for s in ("train", "test")]


def see_kept(scene: Scene) -> Any:
    data = set_up(scene)
    (data / PROPOSALS).parent.mkdir(parents=True)
    (data / PROPOSALS).symlink_to(scene.stage / "tiny" / PROPOSALS)
    fustal_filter.main(data, "fustal", scene.params)
    return read_json(data / "fustal" / "pseudo_segments.json")["results"]


def see_student(scene: Scene) -> Any:
    data = set_up(scene, PSEUDO)
    fustal_student.main(data, scene.params)
    return weights(data / STUDENT)


def see_detections(scene: Scene) -> Any:
    data = set_up(scene, STUDENT)
    fustal_infer.main(data, scene.params)
    return read_json(data / "fustal" / "predictions.json")["results"]


GENERATE = of_step(see_generator) | {
    name: Case(other, see_generator)
    for name, other in {
        "width": 9,
        "dropout": 0.3,
        "select_dropout": 0.2,
        "topk_ratio": 3,
        "easy_ratio": 3,
        "hard_ratio": 3,
        "inner": 2,
        "outer": 9,
        "temperature": 0.3,
        "contrast_weight": 0.0,
        "cross_video": False,
        "cross_weight": 0.9,
        "batch": 3,
    }.items()
}
PROPOSE = {
    name: Case(other, see_proposals)
    for name, other in {
        "labels_only": False,
        "class_floor": 0.9,
        "class_levels": 4,
        "class_first": 0.1,
        "class_last": 0.6,
        "action_levels": 3,
        "action_first": 0.6,
        "action_last": 0.5,
        "upsample": 3,
        "oic_margin": 0.6,
        "oic_video_weight": 0.9,
        "nms_tiou": 0.2,
        "max_per_video": 2,
    }.items()
}
FILTER = {
    "rule": Case("score", see_kept, {"fustal_filter.min_support": 0.6}),
    "min_score": Case(0.6, see_kept),
    "min_support": Case(0.6, see_kept),
    "support": Case("runs", see_kept, {"fustal_filter.min_support": 0.6}),
}
# `proposals` is seen in dvc.yaml.
LEARN = {
    "head": "actionformer",
    "width": 12,
    "heads": 1,
    "embed": 3,
    "stem": 1,
    "levels": 1,
    "window": 1,
    "mlp_ratio": 2.0,
    "dropout": 0.3,
    "drop_path": 0.6,
    "head_layers": 0,
    "bins": 7,
    "first_range": 2.0,
    "centre_radius": 0.6,
    "focal_alpha": 0.5,
    "focal_gamma": 1.0,
    "iou_loss": "giou",
    "iou_power": 0.9,
    "reg_weight": 0.3,
    "video_weight": 0.0,
    "video_ratio": 2,
    "video_dropout": 0.1,
    "norm_start": 50.0,
    "norm_momentum": 0.2,
    "input_noise": 0.5,
    "ema_labels": False,
    "ema_from": 0,
    "ema_min_score": 0.001,
    "ema_decay": 0.5,
    "epochs": 3,
    "min_steps": 3,
    "batch": 3,
    "crop": 11,
    "crop_share": 0.4,
    "lr": 0.02,
    "lr_warmup": 3,
    "lr_schedule": "cosine",
    "weight_decay": 0.5,
    "grad_clip": 1e-3,
    "precision": "bf16",
}
READ = {"min_score": 0.02, "candidates": 9, "nms_sigma": 0.1, "max_per_video": 5}
STUDENTS = {
    "proposals": Case("r1", see_pipeline),
    **{name: Case(other, see_student) for name, other in LEARN.items()},
    "crop_keep": Case(1.0, see_student, {"student.crop": 11}),
    **{name: Case(other, see_detections) for name, other in READ.items()},
}
SECTIONS = {
    "fustal_generate": GENERATE,
    "fustal_propose": PROPOSE,
    "fustal_filter": FILTER,
    "student": STUDENTS,
}
