"""Every section of the parameters that decides what a run costs."""

from dataclasses import dataclass
from pathlib import Path

from wtal_core.params import read_facts, read_params, read_run
from wtal_core.schema.branches import VlpParams
from wtal_core.schema.dataset import RunParams, SnippetParams
from wtal_core.schema.encoders import ClipParams, EncoderParams, I3dParams
from wtal_core.schema.evaluation import EvaluationParams, SummaryParams
from wtal_core.schema.localize import LocalizeParams
from wtal_core.schema.losses import LossParams
from wtal_core.schema.thresholds import ThresholdParams
from wtal_core.schema.training import StepParams, WarmUpParams
from wtal_core.schema.video import FlowParams, VideoParams


@dataclass(frozen=True)
class Settings:
    """Facts of the data set, then numbers of the run."""

    video: VideoParams
    snippet: SnippetParams
    flow: FlowParams
    encoders: EncoderParams
    i3d: I3dParams
    clip: ClipParams
    evaluation: EvaluationParams
    run: RunParams
    warm_up: StepParams
    b_step: StepParams
    f_step: StepParams
    vlp: VlpParams
    loss: LossParams
    localize: LocalizeParams
    thresholds: ThresholdParams
    summary: SummaryParams


def read_settings(params: Path, facts: Path) -> Settings:
    """From params.yaml and a dataset.yaml. Raises ParamsError as any stage would."""
    return Settings(
        video=read_facts(facts, "video", VideoParams),
        snippet=read_facts(facts, "snippet", SnippetParams),
        flow=read_facts(facts, "flow", FlowParams),
        encoders=read_facts(facts, "encoders", EncoderParams, optional=True),
        i3d=read_facts(facts, "i3d", I3dParams),
        clip=read_facts(facts, "clip", ClipParams),
        evaluation=read_facts(facts, "evaluation", EvaluationParams),
        run=read_run(params),
        warm_up=read_params(params, facts, "warm_up", WarmUpParams).step(),
        b_step=read_params(params, facts, "b_step", StepParams),
        f_step=read_params(params, facts, "f_step", StepParams),
        vlp=read_params(params, facts, "vlp", VlpParams),
        loss=read_params(params, facts, "loss", LossParams),
        localize=read_params(params, facts, "localize", LocalizeParams),
        thresholds=read_params(params, facts, "thresholds", ThresholdParams),
        summary=read_params(params, facts, "summary", SummaryParams),
    )
