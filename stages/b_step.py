"""Stage b_step: confident background from CBP trains VLP, sections 3.2 and 3.3 of the paper.

In: labels.json, i3d/train.zarr, clip/train.zarr, the CLIP checkpoint, <init>/cbp, <init>/vlp, and,
where asked for, corrections.json. Out: <round>/pseudo_cbp.zarr (Eq. 4), <round>/vlp (Eq. 2, 3,
trained by Eq. 5 to 7), its loss curves.
Without epochs (`b_step.epochs=0`, "only F" of Table 4) <round>/vlp is a copy of <init>/vlp.
"""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from stages.launch import launch
from stages.parts.cbp_branches import read_branch
from stages.parts.distilling import distil_and_write, make_samples, read_asked
from stages.parts.features import read_features
from stages.parts.restoring import (
    DEVICE,
    is_distilled,
    is_vanilla,
    read_text,
    restore_cbp,
    restore_vlp,
)
from stages.parts.training import train_and_save
from wtal_core.branches.vlp import VLP
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
    """Pseudo-labels from DATA/<init>/cbp; train DATA/<round>/vlp with them."""
    dataset_yaml = data / "dataset.yaml"
    seed = read_run(params).seed
    step = read_params(params, dataset_yaml, "b_step", StepParams)
    cbp = read_branch(params, dataset_yaml)
    vlp = read_params(params, dataset_yaml, "vlp", VlpParams)
    loss = read_params(params, dataset_yaml, "loss", LossParams)
    thresholds = read_params(params, dataset_yaml, "thresholds", ThresholdParams)
    labelling = read_params(params, dataset_yaml, "pseudo_labels", PseudoLabelParams)
    features = read_features(data, "train")
    classes = features.labels.classes
    text = read_text(data / read_facts(dataset_yaml, "clip", ClipParams).weights, classes)

    teacher = restore_cbp(data / init / "cbp", cbp)
    untrained = is_vanilla(data / init / "vlp")
    before = restore_vlp(data / init / "vlp", text, vlp)
    found = distil_and_write(
        data / round_ / "pseudo_cbp.zarr",
        features,
        [one.prob_TC for one in score_videos(teacher, cbp.feed(features))],
        # What vanilla CLIP says is what this step is to correct, so it has no voice here.
        None if untrained else [one.prob_TC for one in score_videos(before, features.clip)],
        thresholds,
        labelling,
        {"branch": "cbp", "round": round_, "teacher": f"{init}/cbp", "partner": f"{init}/vlp"},
        distilled=(is_distilled(data / init / "cbp"), is_distilled(data / init / "vlp")),
        corrected=read_asked(data / CORRECTIONS, features, labelling),
        to_learn=step.epochs > 0,
    )
    with seeded(seed):
        fresh = VLP(text, text.dim, len(classes), vlp).to(DEVICE)
    train_and_save(
        fresh if untrained or step.reinit else before,
        make_samples(features, features.clip, found, loss.kd_confidence),
        step,
        loss,
        {"cls": step.cls_weight, "kd": loss.kd_weight, "fb": loss.fb_weight},
        seed,
        title=f"b_step@{round_}",
        checkpoint=data / round_ / "vlp",
        curves=data / round_ / "curves_vlp.csv",
        meta={
            "branch": "vlp", "vanilla": False, "round": round_, "init": init, "seed": seed,
            "classes": list(classes), "params": asdict(vlp),
        },
        before=data / init / "vlp",
    )  # fmt: skip


if __name__ == "__main__":
    launch(main)
