"""Stage check: every key of params.yaml and dataset.yaml, before anything is computed.

All stages that start work depend on `params.ok`, so a misspelt key or a wrong type stops
`dvc repro` within a second. The file's content never changes: a right change of a number reruns
this stage and then only those stages that track the number. Nor is anything begun while weights
are missing that nobody but the user can bring.
"""

from pathlib import Path
from typing import Annotated

import typer

from stages.launch import launch
from wtal_core.errors import ParamsError
from wtal_core.params import load_yaml, read_facts, read_overrides, read_params, read_run
from wtal_core.schema.branch import NETWORKS, BranchParams
from wtal_core.schema.branches import VlpParams
from wtal_core.schema.dataset import DatasetParams, SnippetParams
from wtal_core.schema.encoders import (
    ClipParams,
    ClipPretrainParams,
    EncoderParams,
    I3dParams,
    I3dPretrainParams,
)
from wtal_core.schema.evaluation import EvaluationParams, SummaryParams
from wtal_core.schema.fustal import FUSTAL
from wtal_core.schema.localize import LocalizeParams
from wtal_core.schema.losses import LossParams
from wtal_core.schema.pseudo_labels import PseudoLabelParams
from wtal_core.schema.strict import check_keys
from wtal_core.schema.thresholds import ThresholdParams
from wtal_core.schema.training import StepParams, WarmUpParams
from wtal_core.schema.video import FlowParams, VideoParams
from wtal_core.schema.world import WorldParams
from wtal_core.weights.needed import needed_weights, require_weights

PARAMS: dict[str, type] = {
    "thresholds": ThresholdParams,
    "branch": BranchParams,
    **dict(NETWORKS.values()),
    "vlp": VlpParams,
    "warm_up": WarmUpParams,
    "b_step": StepParams,
    "f_step": StepParams,
    "pseudo_labels": PseudoLabelParams,
    "loss": LossParams,
    "localize": LocalizeParams,
    **FUSTAL,
    "summary": SummaryParams,
    "world": WorldParams,
    "pretrain_i3d": I3dPretrainParams,
    "pretrain_clip": ClipPretrainParams,
}
FACTS: dict[str, type] = {
    "dataset": DatasetParams,
    "video": VideoParams,
    "snippet": SnippetParams,
    "flow": FlowParams,
    "encoders": EncoderParams,
    "i3d": I3dParams,
    "clip": ClipParams,
    "evaluation": EvaluationParams,
}
RUN = ("dataset", "seed", "max_bad_fraction", "rounds")
# A data set may differ from params.yaml in these, and names each of them, {} for "in nothing":
# the stages track `method.<section>` one by one.
METHOD = (
    "branch", *dict(NETWORKS.values()),
    "vlp", "warm_up", "b_step", "f_step", "pseudo_labels", "loss", "localize", *FUSTAL,
)  # fmt: skip


def check(params_yaml: Path, dataset_yaml: Path) -> None:
    """Raise ParamsError for the first thing that is wrong in the two files."""
    check_keys(load_yaml(params_yaml), [*RUN, *PARAMS], str(params_yaml))
    read_run(params_yaml)
    check_keys(load_yaml(dataset_yaml), [*FACTS, "method"], str(dataset_yaml))
    if "encoders" not in load_yaml(dataset_yaml):  # DVC wants to see what it tracks
        raise ParamsError(
            f"{dataset_yaml}: the section 'encoders' is missing; write `encoders: {{backend: "
            "torch, precision: fp32}` to keep features as they were made before there was a "
            "choice, or `encoders: {backend: auto, precision: auto}` for the fastest"
        )
    for section, cls in FACTS.items():
        read_facts(dataset_yaml, section, cls)
    overrides = read_overrides(dataset_yaml)
    check_keys(overrides, METHOD, f"{dataset_yaml}: method")
    for section in METHOD:
        if section not in overrides:
            raise ParamsError(
                f"{dataset_yaml}: method.{section} is missing; write `{section}: {{}}`"
            )
    for section, cls in PARAMS.items():
        read_params(params_yaml, dataset_yaml, section, cls)


def main(
    data: Annotated[Path, typer.Argument(help="folder of the data set, e.g. data/demo")],
    params: Annotated[Path, typer.Option(help="the parameters")] = Path("params.yaml"),
) -> None:
    """Check every parameter; write DATA/params.ok when all are right."""
    facts = data / "dataset.yaml"
    check(params, facts)
    i3d, clip = read_facts(facts, "i3d", I3dParams), read_facts(facts, "clip", ClipParams)
    # Said now and not after days of flow. What a data set's own pipeline makes may come later.
    require_weights(needed_weights(data, i3d, clip), made_too=False)
    (data / "params.ok").write_text("every parameter is known, of its type and in range\n")


if __name__ == "__main__":
    launch(main)
