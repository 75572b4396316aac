"""Stages study_evaluate and study_report refuse what does not belong to study.yaml."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stages import study_evaluate
from tests.stages.tiny_study import STUDY, contents, make_data, measure, report
from wtal_core.errors import ParamsError, WtalError


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    in_this_process = lambda work, items, _: map(work, items)  # noqa: E731
    monkeypatch.setattr(study_evaluate, "map_items", in_this_process)
    return make_data(tmp_path)


@pytest.fixture
def measured(data: Path) -> Path:
    measure(data)
    return data


def change(data: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    """Ask for something else than was asked before."""
    asked = json.loads(json.dumps(STUDY))
    edit(asked)
    (data / "study.yaml").write_text(json.dumps(asked))


@pytest.mark.parametrize(
    ("edit", "missing"),
    [
        (lambda asked: asked["rows"]["twin"].update(rounds=2), "twin, seed 0, r2"),
        (lambda asked: asked["rows"].update(other={"rounds": 0}), "other, seed 0, r0"),
        (lambda asked: asked.update(seeds=[3, 6]), "good, seed 6, r0"),
    ],
    ids=["round", "row", "seed"],
)
def test_a_missing_run_is_named(measured: Path, edit: Callable[[Any], None], missing: str) -> None:
    change(measured, edit)
    with pytest.raises(WtalError, match=rf"metrics.csv: .*{missing}; run `make study`"):
        report(measured)
    with pytest.raises(WtalError, match=rf"runs: .*{missing}; run `make study`"):
        measure(measured)


def test_a_unit_that_was_deleted_is_missing(data: Path) -> None:
    shutil.rmtree(data / "runs" / "poor-3")
    with pytest.raises(WtalError, match="2 of 8 runs are missing, the first good, seed 3, r0"):
        measure(data)


@pytest.mark.parametrize(
    "edit",
    [
        lambda claims: claims.reverse(),
        lambda claims: claims.pop(),
        lambda claims: claims[1].update(says="stays"),
        lambda claims: claims[1].update(metric="fg_miou"),
        lambda claims: claims[1].update(worse="twin"),
    ],
    ids=["order", "fewer", "words", "metric", "line"],
)
def test_claims_of_another_study_are_refused(measured: Path, edit: Callable[[Any], None]) -> None:
    change(measured, lambda asked: edit(asked["tables"][0]["claims"]))
    with pytest.raises(WtalError, match=r"differences\.csv: not the claims of study.yaml; run"):
        report(measured)


def test_tables_that_are_missing_or_no_tables_of_ours_are_named(data: Path) -> None:
    with pytest.raises(WtalError, match=r"metrics\.csv is missing; run `make study`"):
        report(data)
    path = measure(data) / "metrics.csv"
    text = path.read_text()
    path.write_text(text.replace("row,seed", "seed,row", 1))
    with pytest.raises(WtalError, match="first line is not row,seed,round,metric,value; run"):
        report(data)
    path.write_text(text.replace("good,0,", "good,zero,", 1))
    with pytest.raises(WtalError, match=r"'seed': 'zero'.*is no result"):
        report(data)


def test_a_metric_that_nothing_measures_stops_before_any_work(data: Path) -> None:
    shutil.rmtree(data / "runs")
    change(data, lambda asked: asked["tables"][0].update(metrics=["map@0.42"]))
    with pytest.raises(ParamsError, match=r"study.yaml.*'map@0.42'.*map@0.5"):
        measure(data)


def test_a_refused_report_leaves_the_old_page(measured: Path) -> None:
    before = contents(report(measured))
    assert "tiny.md" in before
    change(measured, lambda asked: asked.update(seeds=[3, 6]))
    with pytest.raises(WtalError):
        report(measured)
    assert contents(measured.parents[1] / "docs") == before
