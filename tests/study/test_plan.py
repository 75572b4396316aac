"""Steps of a study: shared where rows agree, apart where they do not."""

from typing import Any

import pytest

from wtal_core.errors import ParamsError
from wtal_core.schema.study import Row, StudyParams
from wtal_core.study.plan import Documents, Plan, Tracked, plan_study

BASE = Documents(
    {
        "seed": 0,
        "cbp": {"width": 8},
        "b_step": {"epochs": 3},
        "f_step": {"epochs": 5, "lr": 0.1},
        "localize": {"branch": "cbp"},
    },
    {"method": {"f_step": {"epochs": 7}}},
)
TRACKED = {
    "warm_up": Tracked(("seed", "cbp"), (), "w"),
    "b_step": Tracked(("seed", "cbp", "b_step"), (), "b"),
    "f_step": Tracked(("seed", "cbp", "f_step"), ("method.f_step",), "f"),
    "infer": Tracked(("localize", "cbp"), (), "i"),
}


def plan(rows: dict[str, Row], seeds: tuple[int, ...] = (0,), data: str = "d") -> Plan:
    return plan_study(StudyParams(seeds, rows, ()), BASE, TRACKED, data)


def count(found: Plan) -> dict[str, int]:
    stages = [step.stage for step in found.steps.values()]
    return {stage: stages.count(stage) for stage in TRACKED}


def test_a_row_is_a_chain() -> None:
    found = plan({"one": Row(rounds=2)})
    assert count(found) == {"warm_up": 1, "b_step": 2, "f_step": 2, "infer": 3}
    assert [r[:3] for r in found.results] == [("one", 0, "r0"), ("one", 0, "r1"), ("one", 0, "r2")]
    by_stage = {(s.stage, s.round): s for s in found.steps.values()}
    second = by_stage["f_step", "r2"]
    assert second.init == "r1"
    # CBP goes on from the round before, VLP's labels come from this one.
    assert [(s.stage, s.round) for s in second.inputs] == [("f_step", "r1"), ("b_step", "r2")]
    order = [step.name for step in found.in_order()]
    for step in found.steps.values():
        assert all(order.index(i.name) < order.index(step.name) for i in step.inputs)


def test_what_rows_share_is_there_once() -> None:
    found = plan(
        {
            "one": Row(rounds=2),
            "fewer": Row(rounds=1),
            "other_f": Row({"f_step.lr": 0.5}, rounds=1),
            "other_branch": Row({"localize.branch": "vlp"}, rounds=1),
        }
    )
    # other_f adds an F step and its segments, other_branch two times segments.
    assert count(found) == {"warm_up": 1, "b_step": 2, "f_step": 3, "infer": 3 + 1 + 2}
    units = {(row, round_): unit for row, _, round_, unit in found.results}
    assert units["fewer", "r1"] == units["one", "r1"]
    assert units["other_f", "r0"] == units["one", "r0"]
    assert units["other_f", "r1"] != units["one", "r1"]


def test_seeds_share_nothing() -> None:
    one, three = (plan({"one": Row(rounds=1)}, seeds) for seeds in ((4,), (4, 5, 6)))
    # But for segments of one and the same checkpoint, there is none.
    assert len(three.steps) == 3 * len(one.steps)
    assert set(one.steps) <= set(three.steps)


@pytest.mark.parametrize("what", ["data", "code", "params"])
def test_all_that_decides_a_result_is_in_its_name(what: str) -> None:
    before = plan({"one": Row(rounds=1)})
    tracked = dict(TRACKED)
    base, data = BASE, "d"
    if what == "data":
        data = "e"
    elif what == "code":
        tracked["f_step"] = Tracked(TRACKED["f_step"].params, TRACKED["f_step"].dataset, "g")
    else:
        base = Documents(BASE.params | {"f_step": {"epochs": 6, "lr": 0.1}}, BASE.dataset)
    after = plan_study(StudyParams((0,), {"one": Row(rounds=1)}, ()), base, tracked, data)
    changed = {after.steps[n].stage for n in set(after.steps) - set(before.steps)}
    assert changed == ({"warm_up", "b_step", "f_step", "infer"} if what == "data"
                       else {"f_step", "infer"})  # fmt: skip


def test_a_row_beats_the_data_set() -> None:
    """Even where it sets what params.yaml says already, which `-S` cannot."""

    def f_step(row: Row) -> dict[str, Any]:
        docs = BASE.of_row(row, 9)
        return docs.params["f_step"] | docs.dataset["method"]["f_step"]

    assert f_step(Row())["epochs"] == 7
    assert f_step(Row({"f_step.epochs": 5}))["epochs"] == 5
    assert BASE.params["seed"] == 0
    assert BASE.of_row(Row(), 9).params["seed"] == 9


def test_an_unknown_key_is_refused() -> None:
    with pytest.raises(ParamsError, match=r"did you mean 'epochs'"):
        plan({"one": Row({"f_step.epoch": 5})})
    with pytest.raises(ParamsError, match=r"did you mean 'f_step'"):
        plan({"one": Row({"f_stop.epochs": 5})})


FUSTAL = TRACKED | {
    "fustal_generate": Tracked(("seed", "fustal_generate"), (), "g"),
    "fustal_propose": Tracked((), (), "p"),
    "fustal_rounds": Tracked(("localize", "cbp"), (), "r"),
    "fustal_filter": Tracked(("student.proposals",), (), "k"),
    "fustal_student": Tracked(("seed", "student"), (), "s"),
    "fustal_infer": Tracked(("student",), (), "d"),
}
MORE = BASE.params | {
    "fustal_generate": {"width": 4}, "student": {"proposals": "fustal", "head": "trident"},
}  # fmt: skip


def plan_with_students(rows: dict[str, Row]) -> Plan:
    return plan_study(StudyParams((0,), rows, ()), Documents(MORE, BASE.dataset), FUSTAL, "d")


def test_a_student_stands_on_the_generator() -> None:
    found = plan_with_students({"one": Row(rounds=0, student="fustal")})
    assert [r[2] for r in found.results] == ["r0", "generator", "student"]
    by_stage = {step.stage: step for step in found.steps.values()}
    assert [i.stage for i in by_stage["fustal_propose"].inputs] == ["fustal_generate"]
    assert [i.stage for i in by_stage["fustal_filter"].inputs] == ["fustal_propose"]
    assert [i.stage for i in by_stage["fustal_student"].inputs] == ["fustal_filter"]
    assert [i.stage for i in by_stage["fustal_infer"].inputs] == ["fustal_student", "fustal_filter"]
    assert not by_stage["fustal_generate"].inputs
    assert "fustal_rounds" not in by_stage


def test_a_student_stands_on_the_round_that_it_names() -> None:
    found = plan_with_students(
        {"one": Row(rounds=2, student="r1"), "two": Row(rounds=2, student="r2")}
    )
    assert [r[2] for r in found.results[:4]] == ["r0", "r1", "r2", "student"]
    made = {s.round: s for s in found.steps.values() if s.stage == "fustal_rounds"}
    assert set(made) == {"r1", "r2"}
    for round_, step in made.items():
        assert [(i.stage, i.round) for i in step.inputs] == [("f_step", round_), ("b_step", round_)]
        assert step.documents.params["student"]["proposals"] == round_
    assert count(found) == {"warm_up": 1, "b_step": 2, "f_step": 2, "infer": 3}


def test_students_that_differ_share_what_comes_before() -> None:
    rows = {
        "one": Row(rounds=0, student="fustal"),
        "head": Row({"student.head": "actionformer"}, rounds=0, student="fustal"),
        "wide": Row({"fustal_generate.width": 8}, rounds=0, student="fustal"),
    }
    stages = [step.stage for step in plan_with_students(rows).steps.values()]
    assert stages.count("fustal_generate") == stages.count("fustal_filter") == 2
    assert stages.count("fustal_student") == stages.count("fustal_infer") == 3
    assert stages.count("warm_up") == stages.count("infer") == 1


def test_a_student_without_its_stages_is_refused() -> None:
    with pytest.raises(ParamsError, match=r"one has a student.*run the stage fustal_study"):
        plan({"one": Row(rounds=0, student="fustal")})
