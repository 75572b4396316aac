"""Stage infer: scores of the test split to segments, section 3.4 of the paper.

In: i3d/test.zarr, clip/test.zarr, frames/record.json (durations), the CLIP checkpoint, <round>/cbp,
<round>/vlp. Out: scores/<round>.zarr with (T, C) probabilities `cbp`, `vlp` and `final` (what is
localized), <round>/predictions.json (ActivityNet form). With `localize.fuse_weight=auto` the
features and video-level labels of the training split decide the weight of the mixture.
"""

import logging
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from stages.launch import launch
from stages.parts.cbp_branches import read_branch
from stages.parts.features import Features, read_features
from stages.parts.restoring import is_distilled, read_text, restore_cbp, restore_vlp
from wtal_core.annotations import read_json, write_predictions
from wtal_core.localize.fuse import fuse_scores
from wtal_core.localize.nms import suppress
from wtal_core.localize.proposals import propose
from wtal_core.params import read_facts, read_params
from wtal_core.schema.branches import VlpParams
from wtal_core.schema.encoders import ClipParams
from wtal_core.schema.localize import LocalizeParams
from wtal_core.schema.losses import LossParams
from wtal_core.schema.thresholds import ThresholdParams
from wtal_core.segments import Segments
from wtal_core.store import write_sequences
from wtal_core.training.fusing import choose_share
from wtal_core.training.scoring import VideoScores, score_videos

log = logging.getLogger(__name__)


def main(
    data: Annotated[Path, typer.Argument(help="folder of the data set, e.g. data/demo")],
    round_: Annotated[str, typer.Option("--round", help="the round to apply, e.g. r1")],
    params: Annotated[Path, typer.Option(help="the parameters")] = Path("params.yaml"),
) -> None:
    """Localize actions in DATA's test split with the branches of one round."""
    dataset_yaml = data / "dataset.yaml"
    cbp = read_branch(params, dataset_yaml)
    vlp = read_params(params, dataset_yaml, "vlp", VlpParams)
    loss = read_params(params, dataset_yaml, "loss", LossParams)
    localize = read_params(params, dataset_yaml, "localize", LocalizeParams)
    thresholds = read_params(params, dataset_yaml, "thresholds", ThresholdParams)
    features = read_features(data, "test")
    text = read_text(
        data / read_facts(dataset_yaml, "clip", ClipParams).weights, features.labels.classes
    )
    first = restore_cbp(data / round_ / "cbp", cbp)
    second = restore_vlp(data / round_ / "vlp", text, vlp)

    def score(seen: Features) -> tuple[list[VideoScores], list[VideoScores]]:
        by_cbp = score_videos(first, cbp.feed(seen), loss.topk_ratio)
        return by_cbp, score_videos(second, seen.clip, loss.topk_ratio)

    if localize.branch == "fused" and localize.fuse_weight == "auto":
        train = read_features(data, "train")
        share, value = choose_share(*score(train), train.label_NC, localize, loss)
        log.info("infer %s: share of cbp %.2f, loss of the labels %.4f", round_, share, value)
        localize = replace(localize, fuse_weight=share)
    scores: dict[str, dict[str, np.ndarray]] = {}
    video_scores: dict[str, np.ndarray] = {}
    for name, one, two in zip(features.names, *score(features), strict=True):
        both = {"cbp": one.prob_TC.numpy(), "vlp": two.prob_TC.numpy()}
        final = fuse_scores(both["cbp"], both["vlp"], localize).astype(np.float32)
        scores[name] = {**both, "final": final}
        video_scores[name] = fuse_scores(one.video_C.numpy(), two.video_C.numpy(), localize)
    write_sequences(
        data / "scores" / f"{round_}.zarr",
        scores.items(),
        dict.fromkeys(("cbp", "vlp", "final"), ("T", "C")),
        {
            "round": round_,
            "classes": list(features.labels.classes),
            "grid": features.grid.to_dict(),
            "localized": localize.branch,
            "distilled": {b: is_distilled(data / round_ / b) for b in ("cbp", "vlp")},
        }
        | ({"fuse_weight": localize.fuse_weight} if localize.branch == "fused" else {}),
    )
    kept = find_segments(data, features, scores, video_scores, localize, thresholds)
    facts = {"used": True, "details": "features of a pre-trained I3D and CLIP"}
    write_predictions(data / round_ / "predictions.json", kept, features.names, facts)


def find_segments(
    data: Path,
    features: Features,
    scores: dict[str, dict[str, np.ndarray]],
    video_scores: dict[str, np.ndarray],
    localize: LocalizeParams,
    thresholds: ThresholdParams,
) -> Segments:
    """Proposals of every video, thinned out by soft-NMS."""
    facts = read_json(data / "frames" / "record.json")["videos"]
    kept = []
    for name in features.names:
        proposals = propose(
            scores[name]["final"],
            video_scores[name],
            localize,
            features.grid,
            video=name,
            duration_s=facts[name]["duration_s"],
            classes=features.labels.classes,
            theta_cls=thresholds.theta_cls,
            theta_loc=thresholds.theta_loc,
        )
        kept.append(
            suppress(proposals, localize.nms_sigma, localize.min_score, localize.max_per_video)
        )
    return Segments.join(kept)


if __name__ == "__main__":
    launch(main)
