"""dataset.yaml of one's own videos: the picture size and flow that its encoders were made for."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wtal_core.annotations import read_json
from wtal_core.errors import WtalError
from wtal_core.params import load_yaml, read_facts, read_overrides
from wtal_core.schema.branch import NETWORKS
from wtal_core.schema.dataset import SnippetParams
from wtal_core.schema.encoders import ClipParams, I3dParams
from wtal_core.schema.fustal import FUSTAL
from wtal_core.schema.video import FlowParams, VideoParams

ENCODERS = ("i3d_rgb", "i3d_flow", "clip")
CHECKPOINT = ("model.safetensors", "meta.json")
_SECTIONS = {"video": VideoParams, "snippet": SnippetParams, "flow": FlowParams}
_FASTEST = {"backend": "auto", "precision": "auto"}  # of the encoders
_USUAL_SIZE, _USUAL_SIDE, _USUAL_BOUND = 224, 256, 20.0  # crop, short side, flow of the big ones
_METHOD = (
    "branch", *dict(NETWORKS.values()),
    "vlp", "warm_up", "b_step", "f_step", "pseudo_labels", "loss", "localize", *FUSTAL,
)  # fmt: skip


@dataclass(frozen=True)
class Facts:
    """Sections of dataset.yaml, and where the encoders are copied from (None: put there later)."""

    sections: Mapping[str, Mapping[str, Any]]
    method: Mapping[str, Mapping[str, Any]]
    encoders: Mapping[str, Path] | None
    notes: tuple[str, ...] = ()


def usual_facts() -> Facts:
    """For the encoders of the paper: I3D on 224 px of 256, and CLIP ViT-B/16."""
    return Facts(
        {
            "video": {"fps": 25.0, "short_side": _USUAL_SIDE, "crop": _USUAL_SIZE},
            "snippet": {"frames": 16, "stride": 16},
            "flow": {"method": "tvl1", "bound": _USUAL_BOUND},
            "encoders": _FASTEST,
        },
        {section: {} for section in _METHOD},
        None,
    )


def facts_of_encoders(folder: Path) -> Facts:
    """For the encoders in `folder` (i3d_rgb/, i3d_flow/, clip/), with the facts of the data set
    that they stand in; without one, by the size of picture that CLIP's record names.
    """
    encoders = {name: folder / name for name in ENCODERS}
    _check_encoders(encoders)
    beside = folder.parent / "dataset.yaml"
    if beside.is_file():
        return Facts(_read_sections(beside), usual_facts().method, encoders)
    size = _picture_size(folder / "clip")
    if size in (None, _USUAL_SIZE):
        return Facts(usual_facts().sections, usual_facts().method, encoders)
    bound = round(_USUAL_BOUND * size / _USUAL_SIDE, 2)
    sections = dict(usual_facts().sections) | {
        "video": {"fps": 25.0, "short_side": size, "crop": size},
        "flow": {"method": "tvl1", "bound": bound},
    }
    note = (
        f"no dataset.yaml beside {folder}: pictures of {size} px as its CLIP has them, flow "
        f"clipped at {bound} px in proportion; change dataset.yaml if I3D knows others"
    )
    return Facts(sections, usual_facts().method, encoders, (note,))


def facts_like(other: Path) -> Facts:
    """Encoders, facts and `method` of the data set in the folder `other`."""
    path = other / "dataset.yaml"
    sections = _read_sections(path)
    i3d, clip = read_facts(path, "i3d", I3dParams), read_facts(path, "clip", ClipParams)
    places = (i3d.rgb, i3d.flow, clip.weights)
    encoders = {n: (other / place) for n, place in zip(ENCODERS, places, strict=True)}
    _check_encoders(encoders)
    method = dict(usual_facts().method) | read_overrides(path)
    note = f"encoders, facts and method settings are those of {other.name}"
    return Facts(sections, method, encoders, (note,))


def dataset_yaml(name: str, facts: Facts) -> str:
    """The text of the file."""
    lines = [
        "# Facts of a data set of one's own videos, made by `wtal init`; README.md says of what.",
        f"dataset: {_flow({'name': name})}",
        *(f"{section}: {_flow(values)}" for section, values in facts.sections.items()),
        "i3d: {rgb: encoders/i3d_rgb, flow: encoders/i3d_flow}",
        "clip: {weights: encoders/clip}",
        "evaluation: {protocol: activitynet}",
        "method:  # per section of params.yaml what this data set needs otherwise; {}: nothing",
        *(f"  {section}: {_flow(values)}" for section, values in facts.method.items()),
    ]
    return "\n".join(lines) + "\n"


def _flow(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_flow(one)}" for key, one in value.items()) + "}"
    return json.dumps(value)


def _read_sections(path: Path) -> dict[str, Mapping[str, Any]]:
    document = load_yaml(path)
    for section, cls in _SECTIONS.items():
        read_facts(path, section, cls)  # names what is wrong in it
    return {section: document[section] for section in _SECTIONS} | {"encoders": _FASTEST}


def _check_encoders(encoders: Mapping[str, Path]) -> None:
    lacking = [
        str(folder / name) for folder in encoders.values() for name in CHECKPOINT
        if not (folder / name).is_file()
    ]  # fmt: skip
    if lacking:
        raise WtalError(
            f"{lacking[0]}: not there, so these are no complete encoders ({len(lacking)} files "
            "are missing); make them (`dvc repro` for the demo's, `wtal weights fetch` for the "
            "big ones), or name another folder"
        )


def _picture_size(clip: Path) -> int | None:
    record = read_json(clip / CHECKPOINT[1])
    try:
        size = record["meta"]["config"]["vision_cfg"]["image_size"]
    except (KeyError, TypeError):
        return None
    return size if isinstance(size, int) and size > 0 else None
