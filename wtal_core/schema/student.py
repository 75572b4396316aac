"""Parameters of FuSTAL's student (section `student`); torch-free."""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class StudentParams:
    """What the student learns from."""

    # whose proposals the filter chooses from: FuSTAL's generator, or a round of the collaboration
    proposals: str = "fustal"

    def __post_init__(self) -> None:
        if not re.fullmatch(r"fustal|r\d+", self.proposals):
            raise ValueError(
                f"student.proposals is fustal or a round such as r2, got {self.proposals!r}"
            )
