"""Stage fustal_rounds: proposals of a round of the collaboration, for FuSTAL's student.

In: labels.json, i3d/train.zarr, clip/train.zarr, frames/record.json (durations), the CLIP
checkpoint, <round>/cbp, <round>/vlp. Out: fustal/proposals/<round>/train.json. The scores are those
that the stage infer localizes in test videos; proposals are read off them as off the generator's,
so that students differ by who scored and by nothing else. Such scores share one mass among the
classes, so action of any class is their sum over the video's own labels.
"""

import logging
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from stages.launch import launch
from stages.parts.cbp_branches import read_branch
from stages.parts.features import read_features
from stages.parts.fustal_proposals import write_proposals
from stages.parts.restoring import read_text, restore_cbp, restore_vlp
from wtal_core.annotations import read_json
from wtal_core.fustal.proposals import propose_segments
from wtal_core.localize.fuse import fuse_scores
from wtal_core.params import read_facts, read_params
from wtal_core.schema.branches import VlpParams
from wtal_core.schema.encoders import ClipParams
from wtal_core.schema.fustal_propose import FustalProposeParams
from wtal_core.schema.localize import LocalizeParams
from wtal_core.schema.losses import LossParams
from wtal_core.training.fusing import choose_share
from wtal_core.training.scoring import score_videos

log = logging.getLogger(__name__)


def main(
    data: Annotated[Path, typer.Argument(help="folder of the data set, e.g. data/demo")],
    round_: Annotated[str, typer.Option("--round", help="the round to apply, e.g. r1")],
    params: Annotated[Path, typer.Option(help="the parameters")] = Path("params.yaml"),
) -> None:
    """Localize actions in DATA's training split with the branches of one round."""
    dataset_yaml = data / "dataset.yaml"
    cbp = read_branch(params, dataset_yaml)
    vlp = read_params(params, dataset_yaml, "vlp", VlpParams)
    loss = read_params(params, dataset_yaml, "loss", LossParams)
    localize = read_params(params, dataset_yaml, "localize", LocalizeParams)
    how = read_params(params, dataset_yaml, "fustal_propose", FustalProposeParams)
    features = read_features(data, "train")
    classes = features.labels.classes
    text = read_text(data / read_facts(dataset_yaml, "clip", ClipParams).weights, classes)
    first = restore_cbp(data / round_ / "cbp", cbp)
    second = restore_vlp(data / round_ / "vlp", text, vlp)
    by_cbp = score_videos(first, cbp.feed(features), loss.topk_ratio)
    by_vlp = score_videos(second, features.clip, loss.topk_ratio)
    if localize.branch == "fused" and localize.fuse_weight == "auto":
        share, value = choose_share(by_cbp, by_vlp, features.label_NC, localize, loss)
        log.info("%s: share of cbp %.2f, loss of the labels %.4f", round_, share, value)
        localize = replace(localize, fuse_weight=share)
    durations = read_json(data / "frames" / "record.json")["videos"]
    found = {}
    for name, one, two in zip(features.names, by_cbp, by_vlp, strict=True):
        score_TC = fuse_scores(one.prob_TC.numpy(), two.prob_TC.numpy(), localize)
        labels = features.video_labels[name]
        found[name] = propose_segments(
            score_TC,
            score_TC[:, [classes.index(label) for label in dict.fromkeys(labels)]].sum(axis=1),
            fuse_scores(one.video_C.numpy(), two.video_C.numpy(), localize),
            how,
            features.grid,
            video=name,
            duration_s=durations[name]["duration_s"],
            classes=classes,
            labels=labels,
        )
    path = data / "fustal" / "proposals" / round_ / "train.json"
    write_proposals(path, found, "features of a pre-trained I3D and CLIP")


if __name__ == "__main__":
    launch(main)
