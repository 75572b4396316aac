"""Which steps a study consists of; steps that rows have in common are there once.

A step is one run of a stage (warm_up, b_step, f_step, infer, and those of FuSTAL). Its name is a
hash of all that decides its result, so equal steps of two rows are one, and a finished one is found
again.
"""

import copy
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wtal_core.errors import ParamsError
from wtal_core.schema.strict import check_keys
from wtal_core.schema.study import GENERATOR, OWN, STUDENT, Row, StudyParams


@dataclass(frozen=True)
class Documents:
    """params.yaml and dataset.yaml of one row and seed."""

    params: dict[str, Any]
    dataset: dict[str, Any]

    def of_row(self, row: Row, seed: int) -> "Documents":
        """What the row sets holds in any case, the data set's own wish or not."""
        params, dataset = copy.deepcopy(self.params), copy.deepcopy(self.dataset)
        params["seed"] = seed
        asked = row.set | ({"student.proposals": row.student} if row.student else {})
        for dotted, value in asked.items():
            section, key = dotted.split(".")
            check_keys({section: value}, params, f"the study sets {dotted}")
            check_keys({key: value}, params[section], f"the study sets {dotted}")
            params[section][key] = value
            dataset.get("method", {}).get(section, {}).pop(key, None)
        return Documents(params, dataset)

    def pick(self, tracked: "Tracked") -> dict[str, Any]:
        """The values that a stage reads."""
        return {
            "params": {key: _look_up(self.params, key) for key in tracked.params},
            "dataset": {key: _look_up(self.dataset, key) for key in tracked.dataset},
        }


@dataclass(frozen=True)
class Tracked:
    """What dvc.yaml says that decides a stage's result, beside the artifacts that it reads."""

    params: tuple[str, ...]  # dotted keys of params.yaml
    dataset: tuple[str, ...]  # dotted keys of dataset.yaml
    code: str  # hash of its code


@dataclass(frozen=True)
class Step:
    """One run of a stage; `inputs` are the steps that made what it reads, with their rounds.

    `round` of FuSTAL's steps is whose proposals they make or use.
    """

    name: str
    stage: str
    round: str
    init: str | None
    documents: Documents
    inputs: tuple["Step", ...]

    @property
    def depth(self) -> int:
        """Steps of equal depth do not need each other."""
        return 1 + max((step.depth for step in self.inputs), default=-1)


@dataclass(frozen=True)
class Plan:
    """All steps, and which of them gives the segments of a row, seed and result."""

    steps: dict[str, Step]
    results: tuple[tuple[str, int, str, str], ...]  # row, seed, result, name of the step

    def in_order(self) -> list[Step]:
        """All steps, each behind those that it needs."""
        return sorted(self.steps.values(), key=lambda step: (step.depth, step.name))


def plan_study(
    study: StudyParams, base: Documents, tracked: Mapping[str, Tracked], data: str
) -> Plan:
    """Every row with every seed: a warm-up, B and F steps, segments of each round, the student.

    `data` is a hash of the features and labels. Raises ParamsError for a key that a row sets and
    params.yaml has not, and for a row with a student where `tracked` has no stages of FuSTAL.
    """
    steps: dict[str, Step] = {}
    results = []

    def add(stage: str, round_: str, init: str | None, docs: Documents, *inputs: Step) -> Step:
        decisive = [
            stage, round_, init, docs.pick(tracked[stage]), tracked[stage].code, data,
            [step.name for step in inputs],
        ]  # fmt: skip
        text = json.dumps(decisive, sort_keys=True)
        name = f"{stage}-{round_}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"
        return steps.setdefault(name, Step(name, stage, round_, init, docs, inputs))

    def add_student(
        source: str, docs: Documents, branches: Mapping[str, tuple[Step, Step]]
    ) -> dict[str, Step]:
        found = {}
        if source == OWN:
            made = add("fustal_generate", source, None, docs)
            found[GENERATOR] = made = add("fustal_propose", source, None, docs, made)
        else:
            made = add("fustal_rounds", source, None, docs, *branches[source])
        kept = add("fustal_filter", source, None, docs, made)
        student = add("fustal_student", source, None, docs, kept)
        # The segments that it learnt from are measured with it.
        found[STUDENT] = add("fustal_infer", source, None, docs, student, kept)
        return found

    for row_name, row in study.rows.items():
        if row.student and "fustal_student" not in tracked:
            raise ParamsError(
                f"the row {row_name} has a student, which study_train does not know; run the stage "
                "fustal_study"
            )
        for seed in study.seeds:
            docs = base.of_row(row, seed)
            branches: dict[str, tuple[Step, Step]] = {}
            cbp = vlp = add("warm_up", "r0", None, docs)
            for number in range(row.rounds + 1):
                round_, init = f"r{number}", f"r{number - 1}"
                if number:
                    vlp = add("b_step", round_, init, docs, cbp, vlp)
                    cbp = add("f_step", round_, init, docs, cbp, vlp)
                found = add("infer", round_, None, docs, cbp, vlp)
                results.append((row_name, seed, round_, found.name))
                branches[round_] = (cbp, vlp)
            if row.student:
                for result, found in add_student(row.student, docs, branches).items():
                    results.append((row_name, seed, result, found.name))
    return Plan(steps, tuple(results))


def _look_up(document: Mapping[str, Any], dotted: str) -> Any:
    value: Any = document
    for key in dotted.split("."):
        value = value[key]
    return value
