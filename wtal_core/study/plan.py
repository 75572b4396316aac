"""Which steps a study consists of; steps that rows have in common are there once.

A step is one run of a stage (warm_up, b_step, f_step, infer). Its name is a hash of all that
decides its result, so equal steps of two rows are one, and a finished one is found again.
"""

import copy
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wtal_core.schema.strict import check_keys
from wtal_core.schema.study import Row, StudyParams


@dataclass(frozen=True)
class Documents:
    """params.yaml and dataset.yaml of one row and seed."""

    params: dict[str, Any]
    dataset: dict[str, Any]

    def of_row(self, row: Row, seed: int) -> "Documents":
        """What the row sets holds in any case, the data set's own wish or not."""
        params, dataset = copy.deepcopy(self.params), copy.deepcopy(self.dataset)
        params["seed"] = seed
        for dotted, value in row.set.items():
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
    """One run of a stage; `inputs` are the steps that made what it reads, with their rounds."""

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
    """All steps, and which of them gives the segments of a row, seed and round."""

    steps: dict[str, Step]
    results: tuple[tuple[str, int, str, str], ...]  # row, seed, round, name of the infer step

    def in_order(self) -> list[Step]:
        """All steps, each behind those that it needs."""
        return sorted(self.steps.values(), key=lambda step: (step.depth, step.name))


def plan_study(
    study: StudyParams, base: Documents, tracked: Mapping[str, Tracked], data: str
) -> Plan:
    """Every row with every seed: a warm-up, then B and F steps, then segments of each round.

    `data` is a hash of the features and labels. Raises ParamsError for a key that a row sets and
    params.yaml has not.
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

    for row_name, row in study.rows.items():
        for seed in study.seeds:
            docs = base.of_row(row, seed)
            cbp = vlp = add("warm_up", "r0", None, docs)
            for number in range(row.rounds + 1):
                round_, init = f"r{number}", f"r{number - 1}"
                if number:
                    vlp = add("b_step", round_, init, docs, cbp, vlp)
                    cbp = add("f_step", round_, init, docs, cbp, vlp)
                found = add("infer", round_, None, docs, cbp, vlp)
                results.append((row_name, seed, round_, found.name))
    return Plan(steps, tuple(results))


def _look_up(document: Mapping[str, Any], dotted: str) -> Any:
    value: Any = document
    for key in dotted.split("."):
        value = value[key]
    return value
