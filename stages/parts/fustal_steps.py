"""FuSTAL's stages as steps of a study."""

from pathlib import Path

from stages import (
    fustal_filter,
    fustal_generate,
    fustal_infer,
    fustal_propose,
    fustal_rounds,
    fustal_student,
)
from stages.parts.study_steps import run_round
from wtal_core.study.plan import Step

BY_DATA = {
    "fustal_generate": fustal_generate.main,
    "fustal_propose": fustal_propose.main,
    "fustal_student": fustal_student.main,
    "fustal_infer": fustal_infer.main,
}
BY_SOURCE = {"fustal_rounds": fustal_rounds.main, "fustal_filter": fustal_filter.main}


def run_any(step: Step, place: Path, params: Path) -> None:
    """The stages of both systems."""
    if step.stage in BY_DATA:
        BY_DATA[step.stage](place, params)
    elif step.stage in BY_SOURCE:
        BY_SOURCE[step.stage](place, step.round, params)
    else:
        run_round(step, place, params)
