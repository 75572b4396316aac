"""Facts of a data set (`dataset.yaml`) and the run-wide keys of `params.yaml`."""

import re
from dataclasses import dataclass, field

# Packages of features of one data set differ by so many snippets at the end of a video, by how
# their makers rounded; imported features are cut to the shorter.
CUT_SNIPPETS = 2
_ROUND = re.compile(r"r(0|[1-9][0-9]*)")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


@dataclass(frozen=True)
class DatasetParams:
    """What a data set is called and whether it shows the real world."""

    name: str
    synthetic: bool = False  # rendered by a program; reports say so

    def __post_init__(self) -> None:
        if not self.name.strip():
            raise ValueError("name must not be empty")


@dataclass(frozen=True)
class SnippetParams:
    """One time step: `frames` consecutive frames, a new one every `stride` frames."""

    frames: int = 16
    stride: int = 16

    def __post_init__(self) -> None:
        if self.frames < 1 or self.stride < 1:
            raise ValueError(f"frames and stride must be at least 1, got {self}")
        if self.stride > self.frames:
            raise ValueError(f"stride {self.stride} > frames {self.frames} would skip frames")


@dataclass(frozen=True)
class RunParams:
    """The top-level keys of `params.yaml` that are no section of their own.

    dataset           the folder under data/ that every stage works on
    seed              of weights, batches and sampling
    max_bad_fraction  share of unreadable videos above which a run stops
    rounds            round -> the round that it starts from; r0 is the warm-up
    """

    dataset: str = "demo"
    seed: int = 0
    max_bad_fraction: float = 0.05
    rounds: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.dataset):
            raise ValueError(f"dataset {self.dataset!r} must be a plain folder name under data/")
        if self.seed < 0:
            raise ValueError(f"seed {self.seed} must not be negative")
        if not 0 <= self.max_bad_fraction <= 1:
            raise ValueError(f"max_bad_fraction {self.max_bad_fraction} must lie in 0..1")
        check_rounds(self.rounds)


def check_rounds(rounds: dict[str, str]) -> None:
    """Raise ValueError unless `rounds` is one chain from r0: {r1: r0, r2: r1, ...}."""
    started: dict[str, str] = {}
    for name, start in rounds.items():
        for word in (name, start):
            if not _ROUND.fullmatch(word):
                raise ValueError(
                    f"rounds: {word!r} is no name of a round; names are r0, r1, r2, ..."
                )
        if int(name[1:]) <= int(start[1:]):
            raise ValueError(f"rounds.{name} = {start}: a round starts from an earlier one")
        if start != "r0" and start not in rounds:
            raise ValueError(f"rounds.{name} = {start}, but there is no round {start}")
        if start in started:
            raise ValueError(f"rounds.{name} and rounds.{started[start]} both start from {start}")
        started[start] = name
