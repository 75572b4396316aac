"""Stage fustal_propose: proposals of FuSTAL's generator, for both splits.

In: labels.json, i3d/{train,test}.zarr, frames/record.json (durations), fustal/generator. Out:
fustal/proposals/fustal/{train,test}.json (ActivityNet form). A training video gets proposals of
its own labels (`fustal_propose.labels_only`); the student learns from what is left of them behind
the filter.
"""

from pathlib import Path
from typing import Annotated

import typer

from stages.launch import launch
from stages.parts.features import read_features
from stages.parts.fustal_generator import restore_generator
from stages.parts.fustal_proposals import write_proposals
from wtal_core.annotations import SUBSETS, read_json
from wtal_core.fustal.generator import score_video
from wtal_core.fustal.proposals import propose_segments
from wtal_core.params import read_params
from wtal_core.schema.fustal_propose import FustalProposeParams


def main(
    data: Annotated[Path, typer.Argument(help="folder of the data set, e.g. data/demo")],
    params: Annotated[Path, typer.Option(help="the parameters")] = Path("params.yaml"),
) -> None:
    """Localize actions in DATA's videos with FuSTAL's generator."""
    how = read_params(params, data / "dataset.yaml", "fustal_propose", FustalProposeParams)
    model, trained = restore_generator(data / "fustal" / "generator")
    durations = read_json(data / "frames" / "record.json")["videos"]
    for subset in SUBSETS:
        features = read_features(data, subset, with_clip=False)
        labels = features.video_labels
        found = {}
        for name, feat_TD in zip(features.names, features.i3d, strict=True):
            scores = score_video(model, feat_TD, trained.topk_ratio)
            found[name] = propose_segments(
                scores.cas_TC.numpy(),
                scores.action_T.numpy(),
                scores.video_C.numpy(),
                how,
                features.grid,
                video=name,
                duration_s=durations[name]["duration_s"],
                classes=features.labels.classes,
                labels=labels[name],
            )
        path = data / "fustal" / "proposals" / "fustal" / f"{subset}.json"
        write_proposals(path, found, "features of a pre-trained I3D")


if __name__ == "__main__":
    launch(main)
