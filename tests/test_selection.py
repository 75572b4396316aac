"""Nothing is selected by test ground truth: learning stages know neither it nor any metric.

What a training run keeps is its last epoch, and a weight chosen for the mixture of branches comes
from labels of training videos: tests/stages/test_switches.py.
"""

import pytest

from tests.closure import code_of_stage
from tests.test_pipeline import ALL, DATA, STUDIES, STUDY, Stage, touches, upstream

TRUTH = frozenset({f"{DATA}/ground_truth.json", f"{STUDY}/ground_truth.json"})
LEARNING = ("warm_up", "b_step", "f_step", "infer", *STUDIES)
LEARNERS = [name for name, stage in ALL.items() if stage.module in LEARNING]


def chain(name: str) -> list[Stage]:
    """The stage and all that it needs."""
    return [ALL[name], *(ALL[above] for above in upstream(ALL[name]))]


def test_the_stages_that_learn_are_there() -> None:
    assert {ALL[name].module for name in LEARNERS} >= {*LEARNING} - {"fustal_study"}
    assert len(LEARNERS) >= 9  # two rounds


@pytest.mark.parametrize("name", LEARNERS)
def test_nothing_before_it_reads_ground_truth_or_a_result(name: str) -> None:
    """No dep of the stage, or of a stage that it needs, holds segments or metrics."""
    measured = frozenset(out for stage in ALL.values() for out in stage.outs
                         if stage.module in ("evaluate", "summary", "study_evaluate"))  # fmt: skip
    for stage in chain(name):
        for dep in stage.data_deps:
            assert not touches(dep, TRUTH), f"{stage.name} reads {dep}"
            assert not touches(dep, measured), f"{stage.name} reads {dep}"
            assert not dep.startswith(("results", "docs")), f"{stage.name} reads {dep}"


@pytest.mark.parametrize("module", [m for m in LEARNING if m not in STUDIES])
def test_no_code_of_it_can_measure(module: str) -> None:
    """Without the metrics' code nothing can compare two checkpoints by them."""
    code = code_of_stage(module)
    assert "wtal_core/training/scoring.py" in code or module == "warm_up"
    assert not [f for f in code if f.startswith("wtal_core/evaluation/")]
    assert "wtal_core/ground_truth.py" not in code


@pytest.mark.parametrize("name", [n for n in LEARNERS if ALL[n].module in STUDIES])
def test_a_study_trains_by_the_same_code(name: str) -> None:
    code = code_of_stage(ALL[name].module)
    assert not [f for f in code if f.startswith("wtal_core/evaluation/") or "ground_truth" in f]


def test_the_test_split_trains_nothing() -> None:
    """Only `infer`, which localizes it, reads its features."""
    for stage in ALL.values():
        if stage.module in ("warm_up", "b_step", "f_step"):
            split = {dep for dep in stage.data_deps if "/i3d/" in dep or "/clip/" in dep}
            assert split == {f"{DATA}/i3d/train.zarr", f"{DATA}/clip/train.zarr"}
