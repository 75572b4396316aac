"""The plan of a run: what each stage costs, what is there already, and whether there is room."""

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from wtal_core.encoders.i3d import InceptionI3d
from wtal_core.planning.estimate import Cost, Estimator, Run
from wtal_core.planning.measure import (
    BranchMaker,
    Say,
    measure_machine_rates,
    measure_method_rates,
    measure_videos,
)
from wtal_core.planning.rates import Rates
from wtal_core.planning.room import (
    Places,
    Shortage,
    count_copies,
    find_shortages,
    needed_bytes,
)
from wtal_core.planning.settings import Settings
from wtal_core.planning.survey import Import, Survey, survey
from wtal_core.planning.workload import MethodWork, count_training

BUSY = 0.6  # processes at work, per core, from which on the measurement says so


@dataclass(frozen=True)
class Plan:
    """Stages in the order in which they run."""

    costs: tuple[Cost, ...]
    there: frozenset[str]  # stages whose results exist; they count nothing
    needed: dict[str, float]  # bytes in each place
    shortages: tuple[Shortage, ...]
    places: Places
    workers: int
    notes: tuple[str, ...]
    rates: Rates

    @property
    def due(self) -> list[Cost]:
        """What is still to do."""
        return [cost for cost in self.costs if cost.stage not in self.there]

    @property
    def seconds(self) -> float:
        """Of all that is still to do."""
        return sum(cost.seconds for cost in self.due)

    def to_dict(self) -> dict[str, Any]:
        """As JSON values: hours, bytes."""
        return {
            "hours": self.seconds / 3600,
            "workers": self.workers,
            "stages": [
                {
                    "stage": cost.stage,
                    "there": cost.stage in self.there,
                    "hours": cost.seconds / 3600,
                    **self.bytes_of(cost),
                    "memory_bytes": cost.memory,
                    "note": cost.note,
                }
                for cost in self.costs
            ],
            "needed_bytes": self.needed,
            "shortages": [
                {
                    "disk_of": one.place.as_posix(),
                    "needed_bytes": one.needed,
                    "free_bytes": one.free,
                }
                for one in self.shortages
            ],
            "dvc_cache_type": self.places.linked,
            "notes": list(self.notes),
            "rates": asdict(self.rates),
        }

    def bytes_of(self, cost: Cost) -> dict[str, float]:
        """Of one stage: bytes in each place."""
        copies = count_copies(self.places)
        return {
            "data_bytes": copies["data"] * cost.out_bytes,
            "dvc_cache_bytes": copies["dvc_cache"] * cost.out_bytes,
            "item_bytes": copies["items"] * cost.item_bytes,
        }


def make_plan(
    data: Path,
    results: Path,
    settings: Settings,
    maker: BranchMaker,
    places: Places,
    workers: int,
    budget_s: float,
    say: Say,
    afresh: bool = False,
) -> Plan:
    """Survey, measure, estimate. `afresh` counts stages whose results exist, too."""
    crowd = busy()
    found = survey(data, settings)
    say(f"{len(found.labels.all_videos)} videos in labels.json, {_describe(found)}")
    rounds = settings.run.rounds
    there = frozenset() if afresh else stages_there(data, results, tuple(rounds))
    machine = measure_machine_rates(data, say)
    video = encoders = None
    if found.videos and not {"frames", "flow", "features_i3d", "features_clip"} <= there:
        video, encoders = measure_videos(found, settings, workers, budget_s, say)
    else:
        budget_s *= 2  # the videos' half goes to the training
    columns = found.i3d.columns if found.i3d else 2 * InceptionI3d(2, found.width).dim
    method, work = measure_method_rates(found, settings, maker, columns, budget_s, say)
    run = Run(
        workers,
        rounds,
        count_training(work.train, settings.warm_up),
        count_training(work.train, settings.b_step),
        count_training(work.train, settings.f_step),
        settings.localize.max_per_video,
        settings.summary.pictures,
        maker.needs_clip,
        sum(count_copies(places)[name] for name in ("data", "dvc_cache")) + 1,
    )
    rates = Rates(machine, method, video, encoders)
    costs = tuple(estimate(found, work, Estimator(rates, run), there))
    due = [cost for cost in costs if cost.stage not in there]
    needed = needed_bytes(due, places)
    return Plan(
        costs,
        there,
        needed,
        tuple(find_shortages(needed, places)),
        places,
        workers,
        (*found.notes, *crowd),
        rates,
    )


def busy() -> tuple[str, ...]:
    """A note where others use much of this machine."""
    load, cores = os.getloadavg()[0], len(os.sched_getaffinity(0))
    if load < BUSY * cores:
        return ()
    return (
        f"others keep {load:.1f} processes at work on {cores} cores: decoding, flow and encoders "
        "are timed beside them, training by its fastest steps; plan again when they are done",
    )


def estimate(
    found: Survey, work: MethodWork, estimator: Estimator, there: frozenset[str]
) -> list[Cost]:
    """The costs of every stage; of the first four none where nothing was measured."""
    start_s = estimator.rates.machine.start_s
    costs: dict[str, Cost] = {}
    if estimator.rates.video is not None:
        costs["frames"] = estimator.frames(found.videos)
        if found.i3d is None:
            costs["flow"] = estimator.flow(found.videos)
            costs["features_i3d"] = estimator.features_i3d(found.videos, work.i3d_columns)
        if found.clip is None:
            costs["features_clip"] = estimator.features_clip(found.videos, work.clip_columns)
    imports: tuple[tuple[str, Import | None], ...] = (
        ("features_i3d", found.i3d), ("features_clip", found.clip),
    )  # fmt: skip
    for stage, one in imports:
        if one is not None:
            costs[stage] = estimator.passed_on(stage, one.rows, one.columns)
    order = ("frames", "flow", "features_i3d", "features_clip")
    first = [
        costs.get(stage, Cost(stage, 0.0 if stage in there else start_s, note=_why(stage, found)))
        for stage in order
    ]
    return [*first, *estimator.method(work)]


def stages_there(data: Path, results: Path, rounds: Sequence[str]) -> frozenset[str]:
    """The stages whose results exist; whether they are up to date is DVC's to say."""
    outs = stage_outs(data, results, rounds)
    return frozenset(stage for stage, paths in outs.items() if all(p.exists() for p in paths))


def stage_outs(data: Path, results: Path, rounds: Sequence[str]) -> dict[str, list[Path]]:
    """The results of every stage, as dvc.yaml names them."""
    outs = {
        "frames": [data / "frames"],
        "flow": [data / "flow"],
        "features_i3d": [data / "i3d"],
        "features_clip": [data / "clip"],
        "warm_up": [data / "r0" / "cbp", data / "r0" / "vlp"],
    }
    for name in rounds:
        outs[f"b_step@{name}"] = [data / name / "pseudo_cbp.zarr", data / name / "vlp"]
        outs[f"f_step@{name}"] = [data / name / "pseudo_vlp.zarr", data / name / "cbp"]
    own = results / data.name
    for name in ("r0", *rounds):
        tail = "_r0" if name == "r0" else f"@{name}"
        outs[f"infer{tail}"] = [data / "scores" / f"{name}.zarr", data / name / "predictions.json"]
        measured = own / "rounds" / name
        outs[f"evaluate{tail}"] = [measured / "metrics.json", measured / "per_class.csv"]
    outs["summary"] = [own / "rounds.csv", own / "by_tiou.csv", own / "pictures"]
    return outs


def _why(stage: str, found: Survey) -> str:
    both = found.i3d is not None and found.clip is not None
    if (stage == "frames" and both) or (stage == "flow" and found.i3d is not None):
        return "imported"
    return ""


def _describe(found: Survey) -> str:
    if not found.videos:
        return "features are imported"
    hours = sum(video.duration_s for video in found.videos) / 3600
    frames = sum(video.frames for video in found.videos)
    return f"{hours:.2f} hours, {frames} frames at the set rate"
