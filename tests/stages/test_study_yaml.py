"""data/study/study.yaml itself: each row can be run, differs from the others, and is shown."""

import json
from pathlib import Path
from typing import Any

import pytest

from stages.check import PARAMS
from stages.parts.study_file import read_study
from stages.parts.study_steps import read_tracked
from tests.closure import ROOT
from wtal_core.evaluation.claims import check_metrics
from wtal_core.evaluation.report import metric_names
from wtal_core.params import load_yaml, read_facts, read_params
from wtal_core.schema.evaluation import EvaluationParams
from wtal_core.study.plan import Documents, Plan, plan_study

FACTS = ROOT / "data" / "study" / "dataset.yaml"
STUDY = read_study(ROOT / "data" / "study" / "study.yaml")
BASE = Documents(load_yaml(ROOT / "params.yaml"), load_yaml(FACTS))


@pytest.fixture(scope="module")
def plan() -> Plan:
    """By what dvc.yaml says of the stages, on features that need not be there."""
    return plan_study(STUDY, BASE, read_tracked(load_yaml(ROOT / "dvc.yaml"), ROOT), "features")


def read(folder: Path, documents: Documents, section: str) -> Any:
    """A section as a stage would read it."""
    params, dataset = folder / "params.yaml", folder / "dataset.yaml"
    params.write_text(json.dumps({section: documents.params[section]}))
    overrides = documents.dataset["method"].get(section, {})
    dataset.write_text(json.dumps({"method": {section: overrides}}))
    return read_params(params, dataset, section, PARAMS[section])


@pytest.mark.parametrize("name", STUDY.rows)
def test_what_a_row_sets_is_what_a_stage_reads(tmp_path: Path, name: str) -> None:
    """Of its type and in range, and something else than the default of the data set."""
    row = STUDY.rows[name]
    documents = BASE.of_row(row, seed=1)
    for dotted, value in row.set.items():
        section, key = dotted.split(".")
        assert getattr(read(tmp_path, documents, section), key) == value
        assert getattr(read(tmp_path, BASE, section), key) != value, f"{dotted} changes nothing"


def test_every_run_has_a_step_and_no_two_rows_are_one(plan: Plan) -> None:
    assert [(row, seed, round_) for row, seed, round_, _ in plan.results] == STUDY.runs()
    last = {(row, seed, round_): unit for row, seed, round_, unit in plan.results}
    units = [
        last[name, seed, f"r{row.rounds}"]
        for name, row in STUDY.rows.items()
        for seed in STUDY.seeds
    ]
    assert len(set(units)) == len(units)


def test_every_row_is_shown() -> None:
    shown = {entry.row for table in STUDY.tables for entry in table.entries}
    assert shown == set(STUDY.rows)


def test_every_metric_is_measured() -> None:
    tious = read_facts(FACTS, "evaluation", EvaluationParams).tious
    check_metrics(STUDY, metric_names(tious), "study.yaml")


def test_there_are_seeds_enough_for_a_deviation() -> None:
    assert len(STUDY.seeds) >= 3
