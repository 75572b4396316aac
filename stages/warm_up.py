"""Stage warm_up: the CBP branch from video-level labels alone, Eq. (1) of the paper.

In: labels.json, i3d/train.zarr, clip/train.zarr (where branch.inputs asks for it). Out: r0/cbp
(weights), r0/curves_cbp.csv, and r0/vlp, which says that the VLP branch is still untrained
("vanilla" CLIP).
"""

from pathlib import Path
from typing import Annotated

import torch
import typer

from stages.launch import launch
from stages.parts.cbp_branches import read_branch
from stages.parts.features import read_features
from stages.parts.training import train_and_save
from wtal_core.checkpoint import save_checkpoint
from wtal_core.params import read_params, read_run
from wtal_core.schema.losses import LossParams
from wtal_core.schema.training import WarmUpParams
from wtal_core.training.batches import Sample
from wtal_core.training.state import seeded

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def main(
    data: Annotated[Path, typer.Argument(help="folder of the data set, e.g. data/demo")],
    params: Annotated[Path, typer.Option(help="the parameters")] = Path("params.yaml"),
) -> None:
    """Train CBP on the features of DATA's training split into DATA/r0."""
    dataset_yaml = data / "dataset.yaml"
    seed = read_run(params).seed
    step = read_params(params, dataset_yaml, "warm_up", WarmUpParams).step()
    cbp = read_branch(params, dataset_yaml)
    loss = read_params(params, dataset_yaml, "loss", LossParams)
    features = read_features(data, "train", with_clip=cbp.needs_clip)
    known = {"round": "r0", "seed": seed}
    meta = cbp.meta(features) | known
    with seeded(seed):
        model = cbp.build(meta).to(DEVICE)
    rows = zip(features.names, cbp.feed(features), features.label_NC, strict=True)
    train_and_save(
        model,
        [Sample(name, feat_TD, label_C) for name, feat_TD, label_C in rows],
        step,
        loss,
        {"cls": step.cls_weight, "kd": 0.0, "fb": 0.0},
        seed,
        title="warm_up",
        checkpoint=data / "r0" / "cbp",
        curves=data / "r0" / "curves_cbp.csv",
        meta=meta,
        own=cbp.own_loss(loss),
    )
    untrained = {
        "branch": "vlp", "vanilla": True, "distilled": False, "classes": meta["classes"],
    }  # fmt: skip
    save_checkpoint(data / "r0" / "vlp", {}, untrained | known)


if __name__ == "__main__":
    launch(main)
