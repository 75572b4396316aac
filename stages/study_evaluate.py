"""Stage study_evaluate: metrics of every run of a study, and how sure their differences are.

In: study.yaml, runs/, ground_truth.json. Out: results/<name>/metrics.csv (each metric of each row,
seed and round) and differences.csv (each claim, with an interval over seeds and videos).
"""

from pathlib import Path
from typing import Annotated

import typer

from stages.launch import launch
from stages.parts.study_file import read_study
from stages.parts.study_runs import OF_STUDENTS, Job, measure, read_runs
from wtal_core.evaluation.claims import HEADER, Values, check_metrics, compare
from wtal_core.evaluation.report import metric_names
from wtal_core.items import map_items
from wtal_core.params import read_facts, read_params
from wtal_core.schema.evaluation import EvaluationParams
from wtal_core.schema.pseudo_labels import PseudoLabelParams
from wtal_core.schema.thresholds import ThresholdParams
from wtal_core.tables import write_csv


def main(
    data: Annotated[Path, typer.Argument(help="folder of the data set, e.g. data/study")],
    study: Annotated[Path | None, typer.Option(help="what to compare [DATA/study.yaml]")] = None,
    results: Annotated[Path, typer.Option(help="folder that gets <name>/")] = Path("results"),
    params: Annotated[Path, typer.Option(help="the parameters")] = Path("params.yaml"),
    runs: Annotated[Path | None, typer.Option(help="what the rows ended in [DATA/runs]")] = None,
    name: Annotated[str, typer.Option(help="of the results [that of DATA]")] = "",
) -> None:
    """Measure what the rows ended in on the test split."""
    runs = runs or data / "runs"
    dataset_yaml = data / "dataset.yaml"
    asked = read_study(study or data / "study.yaml")
    facts = read_facts(dataset_yaml, "evaluation", EvaluationParams)
    thresholds = read_params(params, dataset_yaml, "thresholds", ThresholdParams)
    labelling = read_params(params, dataset_yaml, "pseudo_labels", PseudoLabelParams)
    known = (*metric_names(facts.tious), *OF_STUDENTS)
    check_metrics(asked, known, str(study or data / "study.yaml"))
    unit_of = read_runs(runs, asked)
    units = sorted(set(unit_of.values()))
    jobs = [Job(runs / unit, data, facts, thresholds, labelling, asked.resamples) for unit in units]
    found = dict(zip(units, map_items(measure, jobs, "study_evaluate"), strict=True))
    values: dict[tuple[str, int, str], Values] = {run: found[unit] for run, unit in unit_of.items()}
    out = results / (name or data.name)
    write_csv(
        out / "metrics.csv",
        ["row", "seed", "round", "metric", "value"],
        [
            [*run, metric, value]
            for run, one in values.items()
            for metric, value in one.exact.items()
        ],
    )
    write_csv(out / "differences.csv", HEADER, compare(asked, values))


if __name__ == "__main__":
    launch(main)
