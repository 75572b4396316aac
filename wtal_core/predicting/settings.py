"""What a trained run made its features and its segments with, and whether all of it is there.

Nothing in here loads torch: what is missing is said at once.
"""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wtal_core.annotations import read_json, read_labels
from wtal_core.encoders.backends import Backend, Machine, has_openvino, require
from wtal_core.errors import WtalError
from wtal_core.grid import SnippetGrid
from wtal_core.items import hash_file
from wtal_core.params import read_facts, read_params
from wtal_core.schema.dataset import SnippetParams
from wtal_core.schema.encoders import ClipParams, I3dParams
from wtal_core.schema.localize import LocalizeParams
from wtal_core.schema.thresholds import ThresholdParams
from wtal_core.schema.video import FlowParams, VideoParams
from wtal_core.weights.needed import require_weights

BRANCHES = ("cbp", "vlp")
_WEIGHTS = "model.safetensors"
_PARTS = ("meta.json", _WEIGHTS)
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunSettings:
    """One round of the data set in the folder `data`, and how a video goes through it.

    made: what the run's own features were made with, as their stores tell; empty where no store is
    there or the features came from other people.
    """

    data: Path
    round: str
    params: Path  # params.yaml
    classes: tuple[str, ...]
    video: VideoParams
    grid: SnippetGrid
    flow: FlowParams
    i3d: I3dParams
    clip: ClipParams
    localize: LocalizeParams
    thresholds: ThresholdParams

    @property
    def weights(self) -> dict[str, Path]:
        """Checkpoint folders of the encoders: i3d_rgb, i3d_flow, clip."""
        return {
            "i3d_rgb": self.data / self.i3d.rgb,
            "i3d_flow": self.data / self.i3d.flow,
            "clip": self.data / self.clip.weights,
        }

    def checkpoint(self, branch: str) -> Path:
        """The folder of a trained branch, cbp or vlp."""
        return self.data / self.round / branch

    def store(self, kind: str) -> Path | None:
        """The run's features of one kind, i3d or clip, of either split; None without any."""
        paths = [self.data / kind / f"{subset}.zarr" for subset in ("test", "train")]
        return next((path for path in paths if (path / "zarr.json").is_file()), None)


def read_settings(data: Path, round_: str, params: Path) -> RunSettings:
    """Settings of a run from its files. Raises WtalError for what is missing or does not fit."""
    facts = data / "dataset.yaml"
    video = read_facts(facts, "video", VideoParams)
    snippet = read_facts(facts, "snippet", SnippetParams)
    found = RunSettings(
        data=data,
        round=round_,
        params=params,
        classes=read_labels(data / "labels.json").classes,
        video=video,
        grid=SnippetGrid(video.fps, snippet.frames, snippet.stride),
        flow=read_facts(facts, "flow", FlowParams),
        i3d=read_facts(facts, "i3d", I3dParams),
        clip=read_facts(facts, "clip", ClipParams),
        localize=read_params(params, facts, "localize", LocalizeParams),
        thresholds=read_params(params, facts, "thresholds", ThresholdParams),
    )
    check_branches(found)
    check_encoders(found)
    for kind, params_ in (("i3d", found.i3d), ("clip", found.clip)):
        check_features(found, kind, bool(params_.imported))
    return found


def check_branches(run: RunSettings) -> None:
    """Raise WtalError unless both trained branches are there, and of these classes."""
    for branch in BRANCHES:
        folder = run.checkpoint(branch)
        if not all((folder / part).is_file() for part in _PARTS):
            raise WtalError(
                f"{folder}: no trained branch. `dvc checkout` brings back a run that was recorded, "
                f"`dvc exp run -S dataset={run.data.resolve().name}` trains one."
            )
        tree = read_json(folder / _PARTS[0])
        trained = tuple(_inside(tree, "meta", "classes") or ())
        if trained != run.classes:
            raise WtalError(
                f"{folder}: trained for other classes than {run.data / 'labels.json'} names; "
                "train again (`dvc repro`), or put that file back"
            )


def check_encoders(run: RunSettings) -> None:
    """Raise WtalError unless all three encoders are there: a new video needs each of them."""
    try:
        require_weights(run.weights)
    except WtalError as problem:
        if not (run.i3d.imported or run.clip.imported):
            raise
        raise WtalError(
            f"{run.data}: this run was trained on imported features, so nothing here ever encoded "
            "a video; a new one needs the encoders that those features were made with.\n"
            f"{problem}"
        ) from None


def check_features(run: RunSettings, kind: str, imported: bool) -> None:
    """Raise WtalError where the run's own features were made otherwise than a new video's would be.

    kind: i3d or clip. Without a store nothing is known, which passes unless they are imported.
    """
    store = run.store(kind)
    if store is None:
        if imported:
            raise WtalError(
                f"{run.data / kind}: the features that the run was trained on are not there, so "
                "nobody can say whether a new video's would fit; `dvc checkout` brings them back"
            )
        return
    made = read_json(store / "zarr.json").get("attributes", {})
    asked: dict[str, Any] = {"grid": run.grid.to_dict()}
    if not imported:
        asked |= {"crop": run.video.crop} if kind == "i3d" else {}
        asked |= {"weights_sha256": _hashes(run, kind)}
        made = made | {"weights_sha256": _known_hashes(made, kind)}
        # compilers and GPUs are looked for when the networks are loaded
        require(Backend.of_record(made), Machine(bf16=True, openvino=has_openvino(), cuda=True))
    for key, value in asked.items():
        if key in made and made[key] != value:
            raise WtalError(
                f"{store}: the run's features were made with another {key} ({made[key]}) than "
                f"{run.data} has now ({value}); {_remedy(imported)}"
            )
    if imported:
        log.warning(
            "%s: the run was trained on imported features; segments of a new video are only as "
            "good as its encoders are those of the import",
            run.data,
        )


def _remedy(imported: bool) -> str:
    if imported:
        return (
            "set video.fps, snippet.frames and snippet.stride of dataset.yaml to the import's grid "
            "where the encoders are those of the import, or train on features of your own"
        )
    return "put that back, or make them again (`dvc repro`)"


def _hashes(run: RunSettings, kind: str) -> list[str]:
    names = ["clip"] if kind == "clip" else ["i3d_rgb", "i3d_flow"]
    return [hash_file(run.weights[name] / _WEIGHTS) for name in names]


def _known_hashes(made: dict[str, Any], kind: str) -> list[str]:
    if kind == "clip":
        return [made.get("weights_sha256", "")]
    return [_inside(made, "streams", stream, "weights_sha256") or "" for stream in ("rgb", "flow")]


def _inside(tree: Any, *keys: str) -> Any:
    """tree[key][key]..., None where it ends early."""
    for key in keys:
        if not isinstance(tree, dict) or key not in tree:
            return None
        tree = tree[key]
    return tree
