"""A short measurement of this machine, on the data set's own videos and at its own sizes.

What the stages spread over workers is measured in as many processes at once, since cores share
memory and caches; what trains is measured alone with all cores, as it will run.
"""

import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from wtal_core.branches.vlp import VLP
from wtal_core.encoders.clip import PromptedText, build_clip
from wtal_core.errors import BadVideo, WtalError
from wtal_core.grid import SnippetGrid
from wtal_core.planning import measure_machine, measure_method, measure_results
from wtal_core.planning.measure_encoders import EncodeJob, EncodeMeasured, measure_encoder
from wtal_core.planning.measure_method import Trial
from wtal_core.planning.measure_video import VideoJob, VideoMeasured, Work, measure_video
from wtal_core.planning.memory import Growth
from wtal_core.planning.rates import (
    EncoderRates,
    MachineRates,
    MethodRates,
    StepCost,
    VideoRates,
)
from wtal_core.planning.settings import Settings
from wtal_core.planning.survey import Survey
from wtal_core.planning.workload import MethodWork, count_training
from wtal_core.pool import Died, run_pool
from wtal_core.schema.training import StepParams
from wtal_core.training.loop import OwnLoss

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
MOST_WORKERS = 8  # at once; a machine with more has room for them, and the rest is scaled
LOOKS = 6  # videos that a worker looks into
# Of the budget; what is left goes into starting processes and building networks.
SHARES = {"frames": 0.06, "flow": 0.16, "encoder": 0.08, "step": 0.15, "score": 0.03}
Say = Callable[[str], None]


@dataclass(frozen=True)
class BranchMaker:
    """The CBP branch that the parameters ask for."""

    build: Callable[[int, int, int], nn.Module]  # columns of I3D and of CLIP, classes
    own: OwnLoss | None
    needs_clip: bool


def measure_machine_rates(folder: Path, say: Say) -> MachineRates:
    """Starting, hashing, writing to the disk of `folder`."""
    start_s, start_bytes = measure_machine.measure_start("stages.flow")
    start_evaluate_s, _ = measure_machine.measure_start("stages.evaluate")
    start_torch_s, start_torch_bytes = measure_machine.measure_start("stages.parts.encoding_clip")
    rates = MachineRates(
        start_s,
        start_torch_s,
        start_evaluate_s,
        start_bytes,
        start_torch_bytes,
        sha256_s_byte=measure_machine.measure_hashing("sha256"),
        md5_s_byte=measure_machine.measure_hashing("md5"),
        write_s_byte=measure_machine.measure_writing(folder),
        picture_s=measure_results.measure_picture(100),
    )
    say(f"start of a stage {rates.start_s:.1f} s, with torch {rates.start_torch_s:.1f} s")
    say(f"writing {1e-6 / rates.write_s_byte:.0f} MB/s, hashing {1e-6 / rates.md5_s_byte:.0f} MB/s")
    return rates


def measure_videos(
    found: Survey, settings: Settings, workers: int, budget_s: float, say: Say
) -> tuple[VideoRates, EncoderRates]:
    """Frames, flow and features, as far as they are not imported."""
    workers = min(workers, MOST_WORKERS)
    with tempfile.TemporaryDirectory() as folder:
        jobs = [
            VideoJob(
                looks,
                settings.video,
                None if found.i3d else settings.flow,
                _made(Path(folder) / str(number)),
                SHARES["frames"] * budget_s,
                SHARES["flow"] * budget_s,
            )
            for number, looks in enumerate(choose_looks(found, workers))
        ]
        seen: list[VideoMeasured] = _run(measure_video, jobs, workers)
        video = read_rates(seen, with_flow=found.i3d is None)
        source, stored = (
            float(np.mean([getattr(v, name) for v in found.videos])) for name in ("source_px", "px")
        )
        say(f"decoding {1 / (video.decode_s_px * source):.0f} frames/s in each worker")
        if found.i3d is None:
            say(f"flow {1 / (video.flow_s_px * stored):.2f} pairs/s in each worker")
        return video, _measure_encoders(found, settings, seen, workers, budget_s, say)


def read_rates(seen: Sequence[VideoMeasured], with_flow: bool) -> VideoRates:
    """Means over all workers. Raises WtalError where flow is wanted and no video has two frames."""
    decode, store, flow = (
        sum((getattr(one, name) for one in seen), Work()) for name in ("decode", "store", "flow")
    )
    if with_flow and not flow.units:
        raise WtalError("no flow could be measured: every video that was looked at has one frame")
    fields = flow.units or 1.0
    return VideoRates(
        decode.seconds / decode.units,
        store.seconds / store.units,
        store.bytes / store.units,
        flow.seconds / fields,
        flow.bytes / fields,
        _most([one.memory for one in seen]),
    )


def choose_looks(found: Survey, workers: int) -> list[tuple[tuple[Path, float], ...]]:
    """Videos at equal distances in the order of their lengths, dealt out to the workers."""
    by_length = sorted(found.videos, key=lambda video: (video.duration_s, video.id))
    count = min(len(by_length), LOOKS * workers)
    places = np.linspace(0, len(by_length) - 1, count).round().astype(int).tolist()
    # The middle first: a budget that is spent early has seen what is usual.
    places.sort(key=lambda place: abs(place - (len(by_length) - 1) / 2))
    looks = [(found.files[by_length[i].id], by_length[i].duration_s) for i in places]
    return [tuple(looks[w::workers] or looks[:1]) for w in range(workers)]


def measure_method_rates(
    found: Survey,
    settings: Settings,
    maker: BranchMaker,
    columns: int,
    budget_s: float,
    say: Say,
) -> tuple[MethodRates, MethodWork]:
    """Training, scoring and localization; `columns` are I3D's. Also the work, with CLIP's."""
    classes, base = found.labels.classes, Growth().base
    held: list[PromptedText] = []
    text_s = measure_method.timed(
        lambda: held.append(PromptedText(build_clip(found.clip_model), classes))
    )
    text = held[0]
    work = MethodWork(
        found.lengths("train"), found.lengths("test"), len(classes), columns, text.dim
    )
    if not work.train or not work.test:
        raise WtalError("labels.json: a run needs videos of both subsets, train and test")
    cbp = maker.build(columns, text.dim if maker.needs_clip else 0, len(classes)).to(DEVICE)
    vlp = VLP(text, text.dim, len(classes), settings.vlp).to(DEVICE)
    seen = columns + (text.dim if maker.needs_clip else 0)
    costs = _measure_steps(settings, maker, cbp, vlp, (seen, text.dim), work, base, budget_s, say)
    typical = measure_method.mean_length(work.train)
    score = [
        measure_method.measure_scoring(model, wide, typical, SHARES["score"] * budget_s)
        for model, wide in ((cbp, seen), (vlp, text.dim))
    ]
    localize_s, segments = measure_results.measure_localizing(
        measure_method.mean_length(work.test), len(classes), settings.localize, settings.thresholds
    )
    evaluate_s = measure_results.measure_evaluating(segments, len(work.test), settings.evaluation)
    say(f"localizing {1e3 * localize_s:.0f} ms a video, evaluating {1e3 * evaluate_s:.0f} ms")
    return MethodRates(
        costs["warm_up"],
        costs["b_step"],
        costs["f_step"],
        score[0],
        score[1],
        text_s,
        localize_s,
        evaluate_s,
        measure_method.count_bytes(cbp),
        measure_method.count_bytes(vlp),
    ), work


def _measure_steps(
    settings: Settings,
    maker: BranchMaker,
    cbp: nn.Module,
    vlp: nn.Module,
    columns: tuple[int, int],
    work: MethodWork,
    base: int | None,
    budget_s: float,
    say: Say,
) -> dict[str, StepCost]:
    """Of each training stage; `columns` are what CBP and VLP see.

    Where the warm-up and the F step differ in nothing but the loss, one measurement, twice as
    long and with all terms, serves both: the network is what takes the time.
    """
    loss, share = settings.loss, SHARES["step"] * budget_s
    plain = {"cls": 1.0, "kd": 0.0, "fb": 0.0}
    later = {"kd": loss.kd_weight, "fb": loss.fb_weight}
    together = maker.own is None and _alike(settings.warm_up, settings.f_step)
    costs: dict[str, StepCost] = {}
    for name, model, wide, step, weights in (
        ("warm_up", cbp, columns[0], settings.warm_up, plain | later if together else plain),
        ("b_step", vlp, columns[1], settings.b_step, later),
        ("f_step", cbp, columns[0], settings.f_step, later),
    ):
        amount = count_training(work.train, step)
        if name == "f_step" and together:
            costs[name] = costs["warm_up"]
        else:
            weights = {"cls": step.cls_weight} | weights
            own = maker.own if model is cbp else None
            trial = Trial(model, wide, work.classes, step, loss, weights, own, base)
            time_s = 2 * share if together and name == "warm_up" else share
            costs[name] = measure_method.measure_step(trial, amount, time_s)
        say(f"{name} {costs[name].seconds(amount.mean):.2f} s a step, {amount.steps} steps")
    return costs


def _alike(one: StepParams, other: StepParams) -> bool:
    """Do two stages take the same batches in the same precision?"""
    return all(getattr(one, key) == getattr(other, key) for key in ("batch", "crop", "precision"))


def _measure_encoders(
    found: Survey,
    settings: Settings,
    seen: Sequence[VideoMeasured],
    workers: int,
    budget_s: float,
    say: Say,
) -> EncoderRates:
    cut = settings.snippet
    grid = SnippetGrid(settings.video.fps, cut.frames, cut.stride)
    stored = [path for one in seen for path in one.stored]
    fields = [path for one in seen for path in one.fields]
    kinds: list[tuple[str, Sequence[Path], Any, int]] = []
    if found.i3d is None:
        kinds += [
            ("rgb", stored, found.width, settings.i3d.batch),
            ("flow", fields, found.width, settings.i3d.batch),
        ]
    if found.clip is None:
        kinds.append(("clip", stored, found.clip_model, settings.clip.batch))
    share = SHARES["encoder"] * budget_s
    jobs = [
        EncodeJob(
            kind, files[w % len(files)], model, grid, settings.video.crop, batch,
            settings.encoders, share,
        )
        for kind, files, model, batch in kinds
        for w in range(workers)
    ]  # fmt: skip
    done: list[EncodeMeasured] = _run(measure_encoder, jobs, workers)
    second, memory = {}, {}
    for kind, *_ in kinds:
        own = [one for one in done if one.encoder == kind]
        work = sum((one.work for one in own), Work())
        second[kind] = work.seconds / work.units
        memory[kind] = _most([one.memory for one in own])
        say(f"{kind} encoder {1e3 * second[kind]:.0f} ms a snippet in each worker")
    return EncoderRates(
        second.get("rgb", 0.0),
        second.get("flow", 0.0),
        second.get("clip", 0.0),
        _most([memory.get("rgb"), memory.get("flow")]),
        memory.get("clip"),
    )


def _run(work: Callable[[Any], Any], jobs: Sequence[Any], workers: int) -> list[Any]:
    """The results; a video that cannot be used costs its worker's measurement, not the plan."""
    found: list[Any] = []
    trouble: list[str] = []
    for index, result in run_pool(work, jobs, workers):
        if isinstance(result, Died | BadVideo):
            how = result.how if isinstance(result, Died) else str(result)
            trouble.append(f"{jobs[index]}: {how}")
        elif isinstance(result, WtalError):
            raise result
        else:
            found.append(result)
    if not found:
        raise WtalError("nothing could be measured: " + "; ".join(trouble))
    return found


def _most(values: Iterable[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return max(known) if known else None


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
