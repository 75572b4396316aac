"""What a study compares and what it found, read."""

import csv
from pathlib import Path

from wtal_core.errors import WtalError
from wtal_core.params import load_yaml
from wtal_core.schema.strict import build
from wtal_core.schema.study import StudyParams
from wtal_core.study.report import Results


def read_study(path: Path) -> StudyParams:
    """study.yaml; raises ParamsError naming the key that is wrong."""
    return build(StudyParams, load_yaml(path), str(path))


def read_results(folder: Path, study: StudyParams) -> Results:
    """metrics.csv and differences.csv; WtalError where they are not those of this study."""
    values: dict[tuple[str, int, str], dict[str, float]] = {}
    for line in _lines(folder / "metrics.csv"):
        run = (line["row"], int(line["seed"]), line["round"])
        values.setdefault(run, {})[line["metric"]] = float(line["value"])
    claims = _lines(folder / "differences.csv")
    remedy = "rerun the stage study_evaluate"
    for name, row in study.rows.items():
        for seed in study.seeds:
            if missing := [r for r in range(row.rounds + 1) if (name, seed, f"r{r}") not in values]:
                raise WtalError(
                    f"{folder / 'metrics.csv'}: {name}, seed {seed}, r{missing[0]} is missing; "
                    f"{remedy}"
                )
    wanted = [(table.title, claim.says) for table in study.tables for claim in table.claims]
    if [(line["table"], line["says"]) for line in claims] != wanted:
        raise WtalError(f"{folder / 'differences.csv'}: not the claims of study.yaml; {remedy}")
    return Results(values, claims)


def _lines(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
