"""Reads a finished run into what the pages of `wtal report` show."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from stages.check import PARAMS
from wtal_cli.diagnose import measure
from wtal_cli.report_corrections import count_behind, given_labels
from wtal_cli.run_ import Run, finished_rounds
from wtal_cli.stats import collect
from wtal_core.annotations import Video, read_json, read_labels, read_predictions
from wtal_core.diagnosis.diagnose import Diagnosis
from wtal_core.diagnosis.plots import draw_all
from wtal_core.errors import WtalError
from wtal_core.grid import SnippetGrid
from wtal_core.ground_truth import GroundTruth, read_ground_truth
from wtal_core.params import load_yaml, read_facts, read_overrides, read_params
from wtal_core.reporting.material import Curve, RunMaterial, RunVideo, Strip, VideoFacts
from wtal_core.reporting.rule import raw_levels, rule_labels
from wtal_core.schema.dataset import DatasetParams
from wtal_core.schema.evaluation import EvaluationParams
from wtal_core.schema.pseudo_labels import PseudoLabelParams
from wtal_core.schema.strict import build
from wtal_core.schema.thresholds import ThresholdParams
from wtal_core.segments import Segments
from wtal_core.store import Sequences, read_sequences

BRANCHES = ("cbp", "vlp")
TITLES = {"cbp": "CBP", "vlp": "VLP", "final": "final"}
TIOU = 0.5  # of the diagnosis and of the classes' AP
RESAMPLES = 1000
# params.yaml's sections that make the demo's world, not the run
NOT_THE_RUNS = ("dataset", "world", "pretrain_i3d", "pretrain_clip", "summary")


def read_material(run: Run, name: str, params: Path, results: Path) -> RunMaterial:
    """Everything of one run. Raises WtalError for a file that is there and cannot be read.

    params: its params.yaml; results: its folder results/<data set>, which may be missing.
    """
    labels, durations = read_labels(run.labels), read_durations(run)
    thresholds = read_params(params, run.dataset_yaml, "thresholds", ThresholdParams)
    labelling = read_params(params, run.dataset_yaml, "pseudo_labels", PseudoLabelParams)
    truths = {subset: read_truth(run, subset) for subset in ("train", "test")}
    known = [video for video in labels.all_videos if video.id in durations]
    videos = read_test(run, thresholds, labelling)
    stores = read_pseudo_labels(run)
    videos |= read_train(run, [video.id for video in labels.videos("train")], stores)
    diagnosis = None
    if truths["test"] is not None:
        diagnosis = measure(run, [TIOU], "quantiles", RESAMPLES, 0)
    return RunMaterial(
        name=name,
        round=run.round,
        classes=labels.classes,
        synthetic=read_facts(run.dataset_yaml, "dataset", DatasetParams).synthetic,
        protocol=read_facts(run.dataset_yaml, "evaluation", EvaluationParams).protocol,
        videos={video.id: videos[video.id] for video in known if video.id in videos},
        facts={
            video.id: describe(video, durations[video.id], truths[video.subset]) for video in known
        },
        rounds=read_rounds(run, results),
        diagnosis=diagnosis.to_dict() if diagnosis else None,
        stats=None if diagnosis else collect(run, params),
        pictures=draw(diagnosis, name) if diagnosis else {},
        params=flatten_params(params, run.dataset_yaml),
        corrected=count_behind(run, stores),
    )


def draw(diagnosis: Diagnosis, name: str) -> dict[str, bytes]:
    """The diagnosis as pictures, but for the classes: the page has a table of them."""
    return {file: png for file, png in draw_all(diagnosis, name).items() if file != "classes.png"}


def read_durations(run: Run) -> dict[str, float]:
    """Seconds of every video of both splits that could be read."""
    record = run.data / "frames" / "record.json"
    tree = read_json(record)
    known = tree.get("videos") if isinstance(tree, dict) else None
    if not isinstance(known, dict):
        raise WtalError(f"{record}: it needs 'videos'. Rerun `dvc repro`, or `dvc checkout`.")
    return {
        video: float(entry["duration_s"])
        for video, entry in known.items() if "duration_s" in entry
    }  # fmt: skip


def read_truth(run: Run, subset: str) -> GroundTruth | None:
    """The instances of a split; None where nobody has annotated it."""
    if not run.ground_truth.is_file():
        return None
    tree = read_json(run.ground_truth)
    entries = tree.get("database", {}).values() if isinstance(tree, dict) else ()
    annotated = any(one.get("subset") == subset and one.get("annotations") for one in entries)
    return read_ground_truth(run.ground_truth, subset) if annotated else None


def describe(video: Video, duration_s: float, truth: GroundTruth | None) -> VideoFacts:
    """One video without any run. A video that the ground truth does not name has none."""
    if truth is None or video.id not in truth.durations:
        return VideoFacts(video.id, video.subset, duration_s, video.labels)
    ambiguous = truth.ambiguous.take(truth.ambiguous.video == video.id)
    return VideoFacts(
        video.id, video.subset, duration_s, video.labels, truth.of(video.id), ambiguous
    )


def read_test(
    run: Run, thresholds: ThresholdParams, labelling: PseudoLabelParams
) -> dict[str, RunVideo]:
    """The test split: predictions, this round's scores, and what the rule makes of each round's."""
    scores, predictions = read_sequences(run.scores), read_predictions(run.predictions)
    strips: dict[str, list[Strip]] = {name: [] for name in scores.names}
    for name in finished_rounds(run.data):
        path = Run(run.data, name).scores
        seen = scores if path == run.scores else read_sequences(path)
        for branch in BRANCHES:
            for video in strips.keys() & set(seen.names):
                label_TC = rule_labels(
                    seen.of(video)[branch], thresholds, labelling,
                    distilled=bool(seen.attrs["distilled"][branch]),
                )  # fmt: skip
                strips[video].append(Strip(branch, f"{name} {TITLES[branch]}", label_TC))
    grid = SnippetGrid.from_dict(scores.attrs["grid"])
    levels = {
        branch: raw_levels(thresholds, labelling, distilled=bool(learnt))
        for branch, learnt in scores.attrs["distilled"].items()
    }
    found = {}
    for video in scores.names:
        seen_TC = scores.of(video)
        curves = tuple(
            Curve(key, title, seen_TC[key], levels.get(key)) for key, title in TITLES.items()
        )
        own = predictions.take(predictions.video == video)
        found[video] = RunVideo(grid, own, curves, tuple(strips[video]))
    return found


def read_pseudo_labels(run: Run) -> dict[tuple[str, str], Sequences]:
    """Every round's pseudo-labels of both branches, as far as they are there."""
    stores: dict[tuple[str, str], Sequences] = {}
    for name in finished_rounds(run.data):
        for branch in BRANCHES:
            path = Run(run.data, name).pseudo_labels(branch)
            if path.is_dir():
                stores[name, branch] = read_sequences(path)
    return stores


def read_train(
    run: Run, videos: Iterable[str], stores: Mapping[tuple[str, str], Sequences]
) -> dict[str, RunVideo]:
    """The training split: every round's pseudo-labels, and the scores behind this round's.

    The warm-up makes no pseudo-labels; its scores are those that the first round labelled.
    """
    if not stores:
        return {}
    given = given_labels(run, stores)
    rounds = [name for name, _ in stores]
    wanted = run.round if run.round in rounds else rounds[0]
    found = {}
    for video in videos:
        seen = {key: store for key, store in stores.items() if video in store.names}
        if not seen:
            continue
        curves = tuple(
            Curve(
                branch, f"{TITLES[branch]} ({store.attrs['teacher']})", store.of(video)["score"],
                (store.attrs["thresholds"]["delta_h"], store.attrs["thresholds"]["delta_l"]),
            )
            for (name, branch), store in seen.items() if name == wanted
        )  # fmt: skip
        strips = tuple(
            Strip(
                branch, f"{name} {TITLES[branch]}", store.of(video)["label"],
                given.get((name, branch), {}).get(video),
            )
            for (name, branch), store in seen.items()
        )  # fmt: skip
        grid = SnippetGrid.from_dict(next(iter(seen.values())).attrs["grid"])
        found[video] = RunVideo(grid, Segments.empty(), curves, strips)
    return found


def read_rounds(run: Run, results: Path) -> dict[str, dict[str, float]]:
    """Metrics of every evaluated round that exists, the warm-up first."""
    files = {name: results / "rounds" / name / "metrics.json" for name in finished_rounds(run.data)}
    return {name: read_json(path) for name, path in files.items() if path.is_file()}


def flatten_params(params: Path, dataset_yaml: Path) -> dict[str, tuple[str, str]]:
    """Dotted key: the value that holds, and the file that it comes from."""
    document, overrides = load_yaml(params), read_overrides(dataset_yaml)
    found: dict[str, tuple[str, str]] = {}
    for section, values in document.items():
        if section in NOT_THE_RUNS:
            continue
        if not isinstance(values, dict) or section not in PARAMS:
            found[section] = (word(values), "params.yaml")
            continue
        asked = holding = asdict(build(PARAMS[section], values, f"{params}: {section}"))
        if overrides.get(section):
            holding = asdict(read_params(params, dataset_yaml, section, PARAMS[section]))
        for key, value in holding.items():
            origin = "params.yaml" if value == asked[key] else "dataset.yaml"
            found[f"{section}.{key}"] = (word(value), origin)
    return found


def word(value: Any) -> str:
    """As YAML has it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return ", ".join(f"{key}: {word(one)}" for key, one in value.items())
    return ", ".join(map(word, value)) if isinstance(value, list | tuple) else str(value)
