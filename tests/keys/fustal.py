"""Keys of FuSTAL's generator, proposals and filter, seen in what its stages write."""

from pathlib import Path
from typing import Any

from stages import fustal_filter, fustal_generate, fustal_propose
from tests.keys.case import Case, Scene
from tests.keys.method import of_step, set_up, weights
from wtal_core.annotations import read_json

GENERATOR, PROPOSALS = "fustal/generator", "fustal/proposals/fustal"


def prepare(folder: Path) -> None:
    """A generator and its proposals, for the data set that `method` has prepared."""
    fustal_generate.main(folder / "tiny", folder / "params.yaml")
    fustal_propose.main(folder / "tiny", folder / "params.yaml")


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
}
SECTIONS = {"fustal_generate": GENERATE, "fustal_propose": PROPOSE, "fustal_filter": FILTER}
