"""What a study found, read from the tables that study_evaluate writes."""

import csv
from collections.abc import Sequence
from pathlib import Path

from wtal_core.errors import WtalError
from wtal_core.evaluation.claims import HEADER, check_metrics
from wtal_core.schema.study import StudyParams
from wtal_core.study.report import Results

METRICS = ("row", "seed", "round", "metric", "value")
REMEDY = "run `make study`, or the stage study_evaluate alone, with the same study.yaml"


def read_results(folder: Path, study: StudyParams) -> Results:
    """metrics.csv and differences.csv; WtalError where they are not those of this study."""
    path = folder / "metrics.csv"
    values: dict[tuple[str, int, str], dict[str, float]] = {}
    for line in _lines(path, METRICS):
        try:
            run = (line["row"], int(line["seed"]), line["round"])
            values.setdefault(run, {})[line["metric"]] = float(line["value"])
        except ValueError as err:
            raise WtalError(f"{path}: {line} is no result ({err}); {REMEDY}") from None
    if missing := [run for run in study.runs() if run not in values]:
        row, seed, round_ = missing[0]
        raise WtalError(
            f"{path}: {len(missing)} runs are missing, the first {row}, seed {seed}, {round_}; "
            f"{REMEDY}"
        )
    check_metrics(study, {name for found in values.values() for name in found}, str(path))

    path = folder / "differences.csv"
    claims = _lines(path, HEADER)
    asked = [
        (table.title, claim.says, claim.metric, claim.better, claim.worse)
        for table in study.tables
        for claim in table.claims
    ]
    if [tuple(line[key] for key in HEADER[:5]) for line in claims] != asked:
        raise WtalError(f"{path}: not the claims of study.yaml; {REMEDY}")
    return Results(values, claims)


def _lines(path: Path, header: Sequence[str]) -> list[dict[str, str]]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            table = csv.DictReader(file)
            if tuple(table.fieldnames or ()) == tuple(header):
                return list(table)
    except FileNotFoundError:
        raise WtalError(f"{path} is missing; {REMEDY}") from None
    raise WtalError(f"{path}: the first line is not {','.join(header)}; {REMEDY}")
