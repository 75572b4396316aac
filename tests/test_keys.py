"""Every key of params.yaml does something: another value of it, and something else comes out.

The tables, one case a key, are in tests/keys/. A key without a case fails here.
"""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

from stages import summary
from stages.parts import pretraining, training
from tests.closure import ROOT
from tests.keys import method, run, world
from tests.keys.case import Case, Scene, Settings, fingerprint, read_defaults
from wtal_core import items, params
from wtal_core.encoders import clip
from wtal_core.errors import WtalError
from wtal_core.schema.fustal import FUSTAL

SECTIONS = {**method.SECTIONS, **world.SECTIONS}
PARTS: list[Any] = [method, world, run]
TRAINERS: list[Any] = [training, pretraining]
GONE = set(FUSTAL)  # sections without a case
# The second system may be deleted, and its cases with it.
if (ROOT / "stages" / "fustal_student.py").is_file():
    from tests.keys import fustal

    SECTIONS |= fustal.SECTIONS
    PARTS.append(fustal)
    TRAINERS += fustal.TRAINERS
    GONE = set()
CASES: dict[str, Case] = {
    **method.CASES,
    **run.CASES,
    **{f"{name}.{key}": case for name, keys in SECTIONS.items() for key, case in keys.items()},
}
OBSERVERS = {case.observe: name for name, case in CASES.items()}


class Theatre:
    """Looks at each scene once and remembers what was seen."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.seen: dict[tuple[str, str], str] = {}
        self.count = 0

    def look(self, case: Case, settings: Settings) -> str:
        key = case.observe.__name__, json.dumps(settings, sort_keys=True)
        if key not in self.seen:
            self.seen[key] = self.look_again(case, settings)
        return self.seen[key]

    def look_again(self, case: Case, settings: Settings) -> str:
        self.count += 1
        place = self.folder / "scenes" / str(self.count)
        place.mkdir(parents=True)
        settings = {**method.STRETCHED, **settings}
        return fingerprint(case.observe(Scene(place, self.folder, settings)))


def run_here(work: Callable[[Any], Any], each: Sequence[Any], _: int) -> Iterator[tuple[int, Any]]:
    """As `run_pool`, without processes."""
    for index, one in enumerate(each):
        try:
            yield index, work(one)
        except WtalError as err:
            yield index, err


@pytest.fixture(scope="module")
def theatre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Theatre]:
    """What is slow and not looked at is left out: YAML, hashes of code, fsync, processes, ink."""
    folder = tmp_path_factory.mktemp("keys")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WTAL_ITEM_CACHE", str(folder / "cache"))
        patch.setenv("DVC_NO_ANALYTICS", "1")
        patch.setattr(params, "load_yaml", lambda path: json.loads(path.read_text()))
        for trainer in TRAINERS:
            patch.setattr(trainer, "code_version", lambda *_, **__: "")
        patch.setattr(clip.open_clip, "SimpleTokenizer", cache(clip.open_clip.SimpleTokenizer))
        patch.setattr(os, "fsync", lambda _: None)
        patch.setattr(items, "run_pool", run_here)
        patch.setattr(summary, "draw", lambda *_: b"")
        torch.set_num_threads(1)
        for part in PARTS:
            part.prepare(folder)
        yield Theatre(folder)


def keys_of(document: dict[str, Any]) -> set[str]:
    """`section.key` of each key; `rounds` is a value as a whole."""
    found = set()
    for name, value in document.items():
        is_section = isinstance(value, dict) and name != "rounds"
        found |= {f"{name}.{key}" for key in value} if is_section else {name}
    return found


def test_every_key_has_a_case_and_every_case_a_key() -> None:
    there = {name: value for name, value in read_defaults().items() if name not in GONE}
    assert set(CASES) == keys_of(there)


@pytest.mark.parametrize("name", CASES)
def test_another_value_is_seen(name: str, theatre: Theatre) -> None:
    case, (section, _, key) = CASES[name], name.rpartition(".")
    default = (read_defaults()[section] if section else read_defaults())[key]
    assert case.other != default
    assert name not in case.base or case.base[name] == default
    assert theatre.look(case, case.base) != theatre.look(case, {**case.base, name: case.other})


@pytest.mark.parametrize("name", OBSERVERS.values())
def test_the_same_values_are_seen_as_the_same(name: str, theatre: Theatre) -> None:
    """Else noise would pass for an effect."""
    case = CASES[name]
    assert theatre.look(case, case.base) == theatre.look_again(case, case.base)
