"""What the fast paths of extraction change: mAP of trained rounds, given features of either way.

python -m benchmarks.fast_paths [--data data/demo] [--rounds r0 r1 r2] [--test data/study] [--smoke]
writes benchmarks/results/fast_paths.json, .md and .svg, in some minutes. It needs a finished run
and the test videos; it trains nothing and writes nothing below data/. Each test video is encoded in
three ways: with OpenCV's TV-L1 and torch in fp32 (the reference), with our own TV-L1 alone, and
with our own TV-L1 and the fastest encoders of this machine (`backend: auto`). The same branches of
each round localize in all of them, and the data set's protocol measures the segments.
`--test` takes the test videos of another data set with the same classes, and writes
fast_paths_<its name>.json and so on; `--data` gives the branches, the encoders and all settings.
data/study has more test videos than the demo, which never saw them:
`dvc repro data/study/dvc.yaml:frames` makes them.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.fast_rows import FAST, OUR_FLOW, REFERENCE, RESAMPLES, describe, judge
from benchmarks.harness import RESULTS, three, write
from benchmarks.toy_run import make_toy_run
from stages.parts.trained import load_localizer
from wtal_cli.run_ import finished_rounds
from wtal_core.annotations import read_json, read_labels
from wtal_core.errors import WtalError
from wtal_core.evaluation.bootstrap import draw_videos, resample_map
from wtal_core.evaluation.detection import evaluate_detections
from wtal_core.ground_truth import GroundTruth, read_ground_truth
from wtal_core.params import load_yaml, read_facts
from wtal_core.pool import worker_count
from wtal_core.predicting.encoding import Encoded, Encoders, backend_of
from wtal_core.predicting.localizing import Localizer
from wtal_core.predicting.settings import RunSettings, read_settings
from wtal_core.schema.evaluation import EvaluationParams
from wtal_core.segments import Segments
from wtal_core.sources import find_sources
from wtal_core.video.flow import identify

ROOT = Path(__file__).parents[1]
TIOUS = tuple(round(0.1 * k, 1) for k in range(1, 8))
_EXACT = {"backend": "torch", "precision": "fp32"}
# What dataset.yaml says of flow.backend, and of the encoders.
WAYS: dict[str, tuple[str, dict[str, str]]] = {
    REFERENCE: ("opencv", _EXACT),
    OUR_FLOW: ("auto", _EXACT),
    FAST: ("auto", {"backend": "auto", "precision": "auto"}),
}


@dataclass
class Way:
    """One way of making features, and what came of it so far."""

    encoders: Encoders
    cpu_s: float = 0.0
    segments: dict[str, list[Segments]] = field(default_factory=dict)  # of each round, by video
    cosines: dict[str, list[np.ndarray]] = field(default_factory=dict)  # i3d, clip: a row's

    @property
    def told(self) -> dict[str, str]:
        """Who computed flow and features."""
        run = self.encoders.run
        return {
            "flow": identify(run.flow).get("engine", "opencv"),
            "encoders": str(backend_of(run, "i3d")),
        }


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, and write the results."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=ROOT / "data" / "demo", help="finished run")
    parser.add_argument("--rounds", nargs="+", help="rounds to apply, e.g. r0 r2 [all]")
    parser.add_argument("--test", type=Path, help="whose test videos and ground truth [DATA]")
    parser.add_argument("--params", type=Path, default=ROOT / "params.yaml")
    parser.add_argument("--smoke", action="store_true", help="does it run? seconds, no figures")
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args(argv)
    with TemporaryDirectory() as folder:
        ways = dict(WAYS)
        if given.smoke:
            given.data, given.test, given.rounds = make_toy_run(Path(folder)), None, None
            ways[FAST] = ("auto", {**_EXACT, "precision": "bf16"})
        rounds = choose_rounds(given.data, given.rounds)
        found = run_all(
            given.data, given.test or given.data, rounds, given.params, ways, Path(folder)
        )
    here = found["test"] == found["data"]
    name = "fast_paths" if here else f"fast_paths_{found['test']}"
    write(given.out, name, found, [judge(found)], describe(found))


def choose_rounds(data: Path, wanted: Sequence[str] | None) -> list[str]:
    """The rounds asked for, or all. Raises WtalError where the run has not finished them."""
    there = finished_rounds(data)
    if missing := [name for name in wanted or there or ("r0",) if name not in there]:
        raise WtalError(
            f"{data}: no finished run of {', '.join(missing)}; run `dvc repro` first (another data "
            f"set than the demo: `dvc exp run -S dataset={data.resolve().name}`), or `dvc checkout`"
        )
    return list(wanted or there)


def run_all(
    data: Path,
    test: Path,
    rounds: Sequence[str],
    params: Path,
    kinds: Mapping[str, tuple[str, dict[str, str]]],
    folder: Path,
) -> dict[str, Any]:
    """Every test video in every way, through every round; mAP of each, in points."""
    runs = [read_settings(data, name, params) for name in rounds]
    check_videos(runs[0], test)
    sources = test_videos(test)
    rules = read_facts(data / "dataset.yaml", "evaluation", EvaluationParams)
    measure = Measure(read_ground_truth(test / "ground_truth.json", "test"), rules)
    localizers = {run.round: load_localizer(run) for run in runs}
    ways = {
        name: Way(Encoders(lay_out(runs, folder / name.replace(" ", "_"), *kind), worker_count()))
        for name, kind in kinds.items()
    }
    tell = teller(len(sources))
    for number, (name, source) in enumerate(sources.items(), start=1):
        encoded = {key: encode(way, source) for key, way in ways.items()}
        for key, way in ways.items():
            for kind, cosines in compare(encoded[key], encoded[REFERENCE]).items():
                way.cosines.setdefault(kind, []).append(cosines)
            localize(way, localizers, encoded[key], name)
        tell(number, name)
    reference = ways[REFERENCE].segments
    return {
        "data": data.name, "test": test.name, "videos": len(sources), "rounds": list(rounds),
        "instances": len(measure.truth.segments), "protocol": rules.protocol,
        "ways": {
            key: way.told
            | {
                "cpu_s": three(way.cpu_s),
                "cosine": summarise(way.cosines),
                "map": {r: measure.points(some) for r, some in way.segments.items()},
                "interval": {
                    r: measure.interval(some, reference[r]) for r, some in way.segments.items()
                },
            }
            for key, way in ways.items()
        },
    }  # fmt: skip


def check_videos(run: RunSettings, test: Path) -> None:
    """Raise WtalError where the run cannot encode the test videos, or speaks of other classes."""
    if run.i3d.imported or run.clip.imported:
        raise WtalError(
            f"{run.data / 'dataset.yaml'}: the run's features are imported, so there is no way of "
            "making them to compare; name a run with videos of its own (--data)"
        )
    classes = read_labels(test / "labels.json").classes
    if classes != run.classes:
        raise WtalError(
            f"{test / 'labels.json'}: other classes than {run.data} learnt; name a data set with "
            "the same classes (--test)"
        )


def test_videos(test: Path) -> dict[str, Path]:
    """Name -> file of the test videos that stage frames could read."""
    good = read_json(test / "frames" / "record.json")["videos"]
    labels = read_labels(test / "labels.json")
    sources = find_sources(test, labels.all_videos)
    found = {video.id: sources[video.id] for video in labels.videos("test") if video.id in good}
    if not found:
        raise WtalError(f"{test / 'labels.json'}: no test video that can be read; add some")
    return found


def lay_out(
    runs: Sequence[RunSettings], place: Path, flow: str, encoders: Mapping[str, str]
) -> RunSettings:
    """A folder with links to the run's files and a dataset.yaml that asks for another way.

    It has no feature stores: the run's own were made in one way, and would forbid the others.
    """
    run = runs[0]
    place.mkdir()
    facts = load_yaml(run.data / "dataset.yaml")
    facts["flow"] = {**facts["flow"], "backend": flow}
    facts["encoders"] = dict(encoders)
    for section, key, name in (
        ("i3d", "rgb", "i3d_rgb"), ("i3d", "flow", "i3d_flow"), ("clip", "weights", "clip")
    ):  # fmt: skip
        facts[section] = {**(facts[section] or {}), key: str(run.weights[name].resolve())}
    (place / "dataset.yaml").write_text(json.dumps(facts), encoding="utf-8")  # JSON is YAML
    for name in ("labels.json", *(one.round for one in runs)):
        (place / name).symlink_to((run.data / name).resolve())
    return read_settings(place, run.round, run.params)


def encode(way: Way, source: Path) -> Encoded:
    """A video's features; the seconds that all cores worked are added up."""
    begin = time.process_time()
    encoded = way.encoders.encode(source)
    way.cpu_s += time.process_time() - begin
    return encoded


def compare(one: Encoded, other: Encoded) -> dict[str, np.ndarray]:
    """Cosine of each snippet's features in two ways, (T,) of I3D and of CLIP."""
    return {
        kind: cosine(first.astype(np.float64), second.astype(np.float64))
        for kind, first, second in (
            ("i3d", one.i3d_TD, other.i3d_TD), ("clip", one.clip_TE, other.clip_TE)
        )
    }  # fmt: skip


def cosine(a_TD: np.ndarray, b_TD: np.ndarray) -> np.ndarray:
    """(T,) of rows; 0 beside a row of zeros."""
    length_T = np.linalg.norm(a_TD, axis=1) * np.linalg.norm(b_TD, axis=1)
    product_T: np.ndarray = (a_TD * b_TD).sum(axis=1)
    return np.divide(product_T, length_T, out=np.zeros_like(product_T), where=length_T > 0)


def summarise(cosines: Mapping[str, Sequence[np.ndarray]]) -> dict[str, dict[str, float]]:
    """Mean and least over all snippets."""
    joined = {kind: np.concatenate(some) for kind, some in cosines.items()}
    return {
        kind: {"mean": round(float(all_T.mean()), 7), "least": round(float(all_T.min()), 7)}
        for kind, all_T in joined.items()
    }


def localize(way: Way, localizers: Mapping[str, Localizer], encoded: Encoded, name: str) -> None:
    """The segments that each round finds in a video."""
    for round_, localizer in localizers.items():
        found = localizer.localize_video(encoded, name).segments
        way.segments.setdefault(round_, []).append(found)


@dataclass(frozen=True)
class Measure:
    """mAP in points, by the rules of a data set."""

    truth: GroundTruth
    rules: EvaluationParams

    def points(self, some: Sequence[Segments]) -> dict[str, float]:
        """At each tIoU, and the mean over them."""
        rules, truth = self.rules, self.truth
        result = evaluate_detections(
            Segments.join(some), truth.segments, TIOUS, rules.protocol, truth.ambiguous, rules.ties
        )
        at = {f"{tiou:g}": 100 * value for tiou, value in result.map().items()}
        points = at | {"mean": 100 * result.average(TIOUS[0], TIOUS[-1], 0.1)}
        return {key: round(value, 4) for key, value in points.items()}

    def interval(self, some: Sequence[Segments], others: Sequence[Segments]) -> list[float]:
        """What holds 95 % of the differences of the mean, each on resampled test videos."""
        rules, truth = self.rules, self.truth
        videos = sorted(truth.durations)
        times_RV = draw_videos(len(videos), RESAMPLES, seed=0)
        one_R, other_R = (
            resample_map(
                Segments.join(found), truth.segments, TIOUS, videos, times_RV, rules.protocol,
                truth.ambiguous, rules.ties,
            ).mean(axis=1)
            for found in (some, others)
        )  # fmt: skip
        ends = np.nanpercentile(100 * (one_R - other_R), (2.5, 97.5))
        return [round(float(end), 4) for end in ends]


def teller(total: int) -> Callable[[int, str], None]:
    """Says after each video how far the work is, and how long the rest takes at that pace."""
    begin = time.monotonic()

    def tell(done: int, name: str) -> None:
        took = time.monotonic() - begin
        left = took / done * (total - done)
        line = f"{done} of {total}, {name}: {took:.0f} s, about {left:.0f} s left"
        print(f"fast_paths: {line}", file=sys.stderr, flush=True)

    return tell


if __name__ == "__main__":
    try:
        main()
    except WtalError as problem:
        sys.exit(f"error: {problem}")
