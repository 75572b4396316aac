"""The CBP branch of docs/adding-a-branch.md, taken from the Markdown as it stands there, works."""

import importlib
import importlib.util
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
import yaml

import wtal_core.branches
import wtal_core.losses
import wtal_core.schema
from stages import b_step, f_step, infer, warm_up
from stages.parts import cbp_branches
from tests.closure import ROOT
from tests.stages.tiny_method import make_data
from wtal_core.checkpoint import load_checkpoint
from wtal_core.schema import branch

ROOMS = (wtal_core.schema, wtal_core.branches, wtal_core.losses)
PAGE = ROOT / "docs" / "adding-a-branch.md"


def blocks() -> dict[str, str]:
    """What stands in each fenced block that begins with the name of its place."""
    text = PAGE.read_text(encoding="utf-8")
    found = re.findall(r"^```(?:python|yaml)\n# (\S+)[^\n]*\n(.*?)^```$", text, re.S | re.M)
    return dict(found)


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The example's files, as if they lay in their rooms; its lines, as if they stood there."""
    before = set(sys.modules)
    for place, text in blocks().items():
        path = tmp_path / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    for room in ROOMS:
        folder = tmp_path / room.__name__.replace(".", "/")
        monkeypatch.setattr(room, "__path__", [*room.__path__, str(folder)])
    known = {
        name: getattr(importlib.import_module(f"wtal_core.{module}.linear"), name)
        for module, name in (
            ("schema", "LinearParams"), ("branches", "Linear"), ("losses", "linear_loss"),
        )
    }  # fmt: skip
    for table, place in (
        (branch.NETWORKS, "wtal_core/schema/branch.py:"),
        (cbp_branches.KINDS, "stages/parts/cbp_branches.py:"),
    ):
        line = eval("{" + blocks()[place] + "}", known | {"Kind": cbp_branches.Kind})
        for name, value in line.items():
            monkeypatch.setitem(table, name, value)
    yield tmp_path
    for name in set(sys.modules) - before:
        if name.endswith(".linear"):
            del sys.modules[name]


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("worked_example", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_it_keeps_the_contract(written: Path) -> None:
    contract = load(written / "tests/branches/test_linear.py").TestContract
    checks = [name for name in dir(contract) if name.startswith("test_")]
    assert len(checks) > 7
    for name in checks:
        getattr(contract(), name)()


def test_the_section_spells_out_the_defaults(written: Path) -> None:
    section = yaml.safe_load((written / "params.yaml").read_text())["linear"]
    assert section == vars(sys.modules["wtal_core.schema.linear"].LinearParams())


def test_it_is_trained_and_localizes(written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WTAL_ITEM_CACHE", str(written / "cache"))
    torch.set_num_threads(1)
    data = make_data(written / "made")
    params = data.parent / "params.yaml"
    text = params.read_text().replace("cbp: pyramid", "cbp: linear")
    params.write_text(text + (written / "params.yaml").read_text())
    warm_up.main(data, params)
    b_step.main(data, "r1", "r0", params)
    f_step.main(data, "r1", "r0", params)
    infer.main(data, "r1", params)
    tensors: dict[str, Any] = load_checkpoint(data / "r1" / "cbp")[0]
    assert set(tensors) == {"embed.weight", "embed.bias", "last.weight", "last.bias"}
    assert (data / "r1" / "predictions.json").is_file()
