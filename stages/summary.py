"""Stage summary: all rounds side by side, and pictures of some test videos (Figure 3).

In: every round's metrics.json; the scores of the warm-up and of the last round; and
ground_truth.json. Out: results/<data set>/metrics.json, rounds.csv, by_tiou.csv and pictures/.
"""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from stages.launch import launch
from wtal_core.annotations import read_json
from wtal_core.atomic import fresh_folder
from wtal_core.evaluation.report import round_table, summarise_rounds, tiou_table
from wtal_core.grid import SnippetGrid
from wtal_core.ground_truth import GroundTruth, read_ground_truth
from wtal_core.localize.nms import suppress
from wtal_core.localize.proposals import propose
from wtal_core.params import read_facts, read_params, read_run
from wtal_core.pictures import Row, draw_timeline
from wtal_core.schema.dataset import DatasetParams
from wtal_core.schema.evaluation import SummaryParams
from wtal_core.schema.localize import LocalizeParams
from wtal_core.schema.thresholds import ThresholdParams
from wtal_core.segments import Floats, Segments
from wtal_core.store import Sequences, read_sequences
from wtal_core.tables import write_csv, write_json


def main(
    data: Annotated[Path, typer.Argument(help="folder of the data set, e.g. data/demo")],
    results: Annotated[Path, typer.Option(help="folder that holds <data set>/rounds")] = Path(
        "results"
    ),
    params: Annotated[Path, typer.Option(help="the parameters")] = Path("params.yaml"),
) -> None:
    """Sum up all rounds of one data set."""
    dataset_yaml, out = data / "dataset.yaml", results / data.name
    rounds = ["r0", *sorted(read_run(params).rounds, key=lambda name: int(name[1:]))]
    facts = read_facts(dataset_yaml, "dataset", DatasetParams)
    wanted = read_params(params, dataset_yaml, "summary", SummaryParams)
    localize = read_params(params, dataset_yaml, "localize", LocalizeParams)
    thresholds = read_params(params, dataset_yaml, "thresholds", ThresholdParams)
    metrics = {name: read_json(out / "rounds" / name / "metrics.json") for name in rounds}
    truth = read_ground_truth(data / "ground_truth.json", "test")
    first = read_sequences(data / "scores" / "r0.zarr")
    last = read_sequences(data / "scores" / f"{rounds[-1]}.zarr")

    write_json(out / "metrics.json", summarise_rounds(metrics))
    write_csv(out / "rounds.csv", *round_table(metrics))
    write_csv(out / "by_tiou.csv", *tiou_table(metrics))
    with fresh_folder(out / "pictures") as fresh:
        for video in choose_videos([v for v in last.names if len(truth.of(v))], wanted.pictures):
            sources = {
                "CBP alone\n(warm-up)": first.of(video)["cbp"],
                "VLP alone\n(vanilla CLIP)": first.of(video)["vlp"],
                f"final\n(round {rounds[-1]})": last.of(video)["final"],
            }
            picture = draw(video, sources, last, truth, localize, thresholds, facts)
            (fresh / f"{video}.png").write_bytes(picture)


def choose_videos(names: list[str], count: int) -> list[str]:
    """`count` of the names, equally spaced in alphabetical order: nobody picked the best ones."""
    places = np.linspace(0, len(names) - 1, min(count, len(names))).round().astype(int)
    return [sorted(names)[place] for place in places]


def draw(
    video: str,
    sources: dict[str, Floats],
    scores: Sequences,
    truth: GroundTruth,
    localize: LocalizeParams,
    thresholds: ThresholdParams,
    facts: DatasetParams,
) -> bytes:
    """The picture of one video: its own classes' scores, and the segments read off them."""
    classes, own = tuple(scores.attrs["classes"]), truth.of(video)
    grid = SnippetGrid.from_dict(scores.attrs["grid"])
    shown = np.flatnonzero(truth.video_labels([video], classes)[0])
    names = [classes[c] for c in shown]
    rows = [
        Row(
            title,
            score_TC[:, shown],
            locate(video, score_TC[:, shown], names, grid, truth, localize, thresholds),
        )
        for title, score_TC in sources.items()
    ]
    heading = f"{video}: {', '.join(names)}" + (" (synthetic world)" if facts.synthetic else "")
    levels = [("δ$_h$", thresholds.delta_h), ("δ$_l$", thresholds.delta_l)]
    return draw_timeline(heading, truth.durations[video], grid, names, own, rows, levels)


def locate(
    video: str,
    score_TS: Floats,
    names: list[str],
    grid: SnippetGrid,
    truth: GroundTruth,
    localize: LocalizeParams,
    thresholds: ThresholdParams,
) -> Segments:
    """Segments of the video's own classes: a picture of localization, not of class selection."""
    proposals = propose(
        score_TS,
        np.ones(len(names)),
        localize,
        grid,
        video=video,
        duration_s=truth.durations[video],
        classes=names,
        theta_cls=thresholds.theta_cls,
        theta_loc=thresholds.theta_loc,
    )
    return suppress(proposals, localize.nms_sigma, localize.min_score, localize.max_per_video)


if __name__ == "__main__":
    launch(main)
