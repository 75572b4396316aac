"""What a study compares (data/<dataset>/study.yaml); torch-free."""

import re
from dataclasses import dataclass, field
from typing import Literal

Value = bool | int | float | str
OWN = "fustal"  # a row's `student` that learns from FuSTAL's own generator
GENERATOR, STUDENT = "generator", "student"  # results of FuSTAL, beside those of rounds


@dataclass(frozen=True)
class Row:
    """One way of running the method: what differs from params.yaml, for how many rounds."""

    set: dict[str, Value] = field(default_factory=dict)  # `section.key`: value
    rounds: int = 2  # 0: the warm-up alone
    # FuSTAL's student on top: whose proposals it learns from, `fustal` or a round that the row has
    student: str = ""

    @property
    def results(self) -> tuple[str, ...]:
        """What is measured: each round, and what FuSTAL adds."""
        added = (GENERATOR, STUDENT) if self.student == OWN else (STUDENT,) if self.student else ()
        return (*(f"r{number}" for number in range(self.rounds + 1)), *added)

    def __post_init__(self) -> None:
        if self.rounds < 0:
            raise ValueError(f"rounds must be at least 0, got {self.rounds}")
        sources = ("", OWN, *(f"r{number}" for number in range(self.rounds + 1)))
        if self.student not in sources:
            raise ValueError(f"student is one of {', '.join(sources[1:])}, got {self.student!r}")
        for key in self.set:
            if not re.fullmatch(r"[a-z_0-9]+\.[a-z_0-9]+", key):
                raise ValueError(f"set takes keys like `loss.fb_weight`, got {key!r}")


@dataclass(frozen=True)
class Entry:
    """A line of a table: a result of a row, over all seeds."""

    label: str
    row: str
    round: str  # r0 is the warm-up; generator, student
    branch: Literal["cbp", "vlp"] = "cbp"  # whose pseudo-labels the mIoU is of


@dataclass(frozen=True)
class Claim:
    """What the paper (or we) say of two lines of a table; the report says whether it holds."""

    says: str
    better: str  # label of a line
    worse: str  # label of a line
    metric: str
    at_least: float = 0.0  # smallest mean difference that bears the claim out, in points

    def __post_init__(self) -> None:
        if self.better == self.worse:
            raise ValueError(f"a claim compares two lines, got {self.better!r} twice")


@dataclass(frozen=True)
class Table:
    """Lines side by side, over the same videos and seeds."""

    title: str
    question: str  # shown above the table
    metrics: tuple[str, ...]  # e.g. map@0.5, map_avg_0.1-0.7, fg_miou, bg_miou, min_miou
    entries: tuple[Entry, ...]
    claims: tuple[Claim, ...] = ()
    note: str = ""  # shown below: what the numbers do not say themselves

    def __post_init__(self) -> None:
        labels = [entry.label for entry in self.entries]
        if len(set(labels)) != len(labels):
            raise ValueError(f"{self.title}: two lines have the same label")
        for claim in self.claims:
            for label in (claim.better, claim.worse):
                if label not in labels:
                    raise ValueError(f"{self.title}: a claim names {label!r}, which is no line")


@dataclass(frozen=True)
class StudyParams:
    """Rows are run once per seed; tables read them."""

    seeds: tuple[int, ...]
    rows: dict[str, Row]
    tables: tuple[Table, ...]
    resamples: int = 1000  # of the videos, for the confidence intervals

    def runs(self) -> list[tuple[str, int, str]]:
        """Row, seed and result of everything that is measured."""
        return [
            (name, seed, result)
            for name, row in self.rows.items()
            for seed in self.seeds
            for result in row.results
        ]

    def __post_init__(self) -> None:
        if self.resamples < 1:
            raise ValueError(f"resamples must be at least 1, got {self.resamples}")
        if len(set(self.seeds)) != len(self.seeds) or not self.seeds:
            raise ValueError(f"seeds must differ and be at least one, got {self.seeds}")
        for table in self.tables:
            for entry in table.entries:
                row = self.rows.get(entry.row)
                if not row or entry.round not in row.results:
                    raise ValueError(
                        f"{table.title}: {entry.label!r} shows {entry.row} {entry.round}, which "
                        "no row makes"
                    )
