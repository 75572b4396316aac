"""Stage f_step: confident foreground from VLP trains CBP, sections 3.2 and 3.3 of the paper.

In: labels.json, i3d/train.zarr, clip/train.zarr, the CLIP checkpoint, <round>/vlp, <init>/cbp, and,
where asked for, corrections.json. Out: <round>/pseudo_vlp.zarr (Eq. 4), <round>/cbp (trained by
Eq. 5 to 7), its loss curves.
Without epochs (`f_step.epochs=0`, "only B" of Table 4) <round>/cbp is a copy of <init>/cbp.
"""

from pathlib import Path
from typing import Annotated

import typer

from stages.launch import launch
from stages.parts.cbp_branches import read_branch
from stages.parts.distilling import distil_and_write, make_samples, read_asked
from stages.parts.features import read_features
from stages.parts.restoring import DEVICE, is_distilled, read_text, restore_cbp, restore_vlp
from stages.parts.training import train_and_save
from wtal_core.corrections import CORRECTIONS
from wtal_core.params import read_facts, read_params, read_run
from wtal_core.schema.branches import VlpParams
from wtal_core.schema.encoders import ClipParams
from wtal_core.schema.losses import LossParams
from wtal_core.schema.pseudo_labels import PseudoLabelParams
from wtal_core.schema.thresholds import ThresholdParams
from wtal_core.schema.training import StepParams
from wtal_core.training.scoring import score_videos
from wtal_core.training.state import seeded


def main(
    data: Annotated[Path, typer.Argument(help="folder of the data set, e.g. data/demo")],
    round_: Annotated[str, typer.Option("--round", help="the round to make, e.g. r1")],
    init: Annotated[str, typer.Option(help="the round it starts from, e.g. r0")],
    params: Annotated[Path, typer.Option(help="the parameters")] = Path("params.yaml"),
) -> None:
    """Pseudo-labels from DATA/<round>/vlp; train DATA/<round>/cbp with them."""
    dataset_yaml = data / "dataset.yaml"
    seed = read_run(params).seed
    step = read_params(params, dataset_yaml, "f_step", StepParams)
    cbp = read_branch(params, dataset_yaml)
    vlp = read_params(params, dataset_yaml, "vlp", VlpParams)
    loss = read_params(params, dataset_yaml, "loss", LossParams)
    thresholds = read_params(params, dataset_yaml, "thresholds", ThresholdParams)
    labelling = read_params(params, dataset_yaml, "pseudo_labels", PseudoLabelParams)
    features = read_features(data, "train")
    text = read_text(
        data / read_facts(dataset_yaml, "clip", ClipParams).weights, features.labels.classes
    )
    seen = cbp.feed(features)
    meta = cbp.meta(features) | {"round": round_, "init": init, "seed": seed}

    teacher = restore_vlp(data / round_ / "vlp", text, vlp)
    before = restore_cbp(data / init / "cbp", cbp)
    found = distil_and_write(
        data / round_ / "pseudo_vlp.zarr",
        features,
        [one.prob_TC for one in score_videos(teacher, features.clip)],
        [one.prob_TC for one in score_videos(before, seen)],
        thresholds,
        labelling,
        {"branch": "vlp", "round": round_, "teacher": f"{round_}/vlp", "partner": f"{init}/cbp"},
        distilled=(is_distilled(data / round_ / "vlp"), is_distilled(data / init / "cbp")),
        corrected=read_asked(data / CORRECTIONS, features, labelling),
        to_learn=step.epochs > 0,
    )
    with seeded(seed):
        fresh = cbp.build(meta).to(DEVICE)
    train_and_save(
        fresh if step.reinit else before,
        make_samples(features, seen, found, loss.kd_confidence),
        step,
        loss,
        {"cls": step.cls_weight, "kd": loss.kd_weight, "fb": loss.fb_weight},
        seed,
        title=f"f_step@{round_}",
        checkpoint=data / round_ / "cbp",
        curves=data / round_ / "curves_cbp.csv",
        meta=meta,
        before=data / init / "cbp",
        own=cbp.own_loss(loss),
    )


if __name__ == "__main__":
    launch(main)
