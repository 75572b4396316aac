"""Both study.yaml themselves: each row can be run, differs from the others, and is shown."""

import json
from pathlib import Path
from typing import Any

import pytest

from stages.check import PARAMS
from stages.parts.study_file import read_study
from stages.parts.study_runs import OF_STUDENTS
from stages.parts.study_steps import read_tracked
from tests.closure import PIPELINES, ROOT
from wtal_core.evaluation.claims import check_metrics
from wtal_core.evaluation.report import metric_names
from wtal_core.params import load_yaml, read_facts, read_params
from wtal_core.schema.evaluation import EvaluationParams
from wtal_core.schema.study import StudyParams
from wtal_core.study.plan import Documents, Plan, plan_study

FACTS = ROOT / "data" / "study" / "dataset.yaml"
# The second one goes with FuSTAL.
STUDIES = {
    path.parent.parent.name: read_study(path)
    for path in (ROOT / "data" / "study" / "study.yaml", ROOT / "fustal" / "study" / "study.yaml")
    if path.is_file()
}
ROWS = [(name, row) for name, study in STUDIES.items() for row in study.rows]
BASE = Documents(load_yaml(ROOT / "params.yaml"), load_yaml(FACTS))


@pytest.fixture(scope="module", params=list(STUDIES.values()), ids=list(STUDIES))
def study(request: pytest.FixtureRequest) -> StudyParams:
    found: StudyParams = request.param
    return found


@pytest.fixture(scope="module")
def plan(study: StudyParams) -> Plan:
    """By what each dvc.yaml says of the stages, on features that need not be there."""
    return plan_study(study, BASE, read_tracked(PIPELINES), "features")


def read(folder: Path, documents: Documents, section: str) -> Any:
    """A section as a stage would read it."""
    params, dataset = folder / "params.yaml", folder / "dataset.yaml"
    params.write_text(json.dumps({section: documents.params[section]}))
    overrides = documents.dataset["method"].get(section, {})
    dataset.write_text(json.dumps({"method": {section: overrides}}))
    return read_params(params, dataset, section, PARAMS[section])


@pytest.mark.parametrize(("study_name", "name"), ROWS)
def test_what_a_row_sets_is_what_a_stage_reads(tmp_path: Path, study_name: str, name: str) -> None:
    """Of its type and in range, and something else than the default of the data set."""
    row = STUDIES[study_name].rows[name]
    documents = BASE.of_row(row, seed=1)
    for dotted, value in row.set.items():
        section, key = dotted.split(".")
        assert getattr(read(tmp_path, documents, section), key) == value
        assert getattr(read(tmp_path, BASE, section), key) != value, f"{dotted} changes nothing"


def test_every_run_has_a_step_and_no_two_rows_are_one(study: StudyParams, plan: Plan) -> None:
    assert [(row, seed, result) for row, seed, result, _ in plan.results] == study.runs()
    last = {(row, seed, result): unit for row, seed, result, unit in plan.results}
    units = [
        last[name, seed, row.results[-1]]
        for name, row in study.rows.items()
        for seed in study.seeds
    ]
    assert len(set(units)) == len(units)


def test_every_row_is_shown(study: StudyParams) -> None:
    shown = {entry.row for table in study.tables for entry in table.entries}
    assert shown == set(study.rows)


def test_every_metric_is_measured(study: StudyParams) -> None:
    tious = read_facts(FACTS, "evaluation", EvaluationParams).tious
    check_metrics(study, [*metric_names(tious), *OF_STUDENTS], "study.yaml")


def test_there_are_seeds_enough_for_a_deviation(study: StudyParams) -> None:
    assert len(study.seeds) >= 3


def test_both_have_the_same_seeds() -> None:
    assert len({study.seeds for study in STUDIES.values()}) == 1
