"""FuSTAL can be taken away: the first system neither imports it nor waits for it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.closure import ROOT, closure

OURS = [
    *(ROOT / "wtal_core").rglob("*.py"),
    *(ROOT / "wtal_cli").rglob("*.py"),
    *(ROOT / "stages").rglob("*.py"),
    *(ROOT / "benchmarks").rglob("*.py"),
]


def belongs(path: Path) -> bool:
    """Is it one of the files that go with FuSTAL? Its sections of params.yaml stay."""
    inside = path.relative_to(ROOT)
    return (
        inside.is_relative_to("wtal_core/fustal")
        or inside.is_relative_to("fustal")
        or (inside.parts[0] == "stages" and path.name.startswith("fustal_"))
        or (inside.parts[0] == "benchmarks" and path.name.startswith("student"))
    )


def test_there_is_something_to_take_away() -> None:
    gone = [path for path in OURS if belongs(path)]
    assert len(gone) > 10
    assert {path.relative_to(ROOT).parts[0] for path in gone} >= {"wtal_core", "stages"}


def test_nothing_else_imports_it() -> None:
    for path in (p for p in OURS if not belongs(p)):
        assert not {f for f in closure(path) if belongs(f)}, path


def test_no_other_pipeline_names_it() -> None:
    for name in ("dvc.yaml", "data/demo/dvc.yaml", "data/study/dvc.yaml"):
        stages = yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))["stages"]
        for stage, body in stages.items():
            body = body.get("do", body)
            named = [d for d in body.get("deps", []) if "fustal" in d]
            assert all(d.startswith("wtal_core/schema/") for d in named), stage
            assert stage == "check" or not named, stage
            assert "fustal" not in body["cmd"]


@pytest.mark.slow
def test_without_it_all_else_runs(tmp_path: Path) -> None:
    """A copy without it: parameters are checked, every stage and command can be imported."""
    names = []
    for path in OURS:
        if not belongs(path):
            inside = path.relative_to(ROOT)
            (tmp_path / inside).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, tmp_path / inside)
            if inside.parts[0] in ("stages", "wtal_cli"):
                names.append(".".join(inside.with_suffix("").parts))
    (tmp_path / "data" / "demo").mkdir(parents=True)
    for name in ("params.yaml", "data/demo/dataset.yaml", "data/demo/dvc.yaml"):
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copy(ROOT / "wtal_core/weights/registry.json", tmp_path / "wtal_core/weights")
    code = f"import importlib\nfor name in {names}: importlib.import_module(name)"
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    for words in (["-m", "stages.check", "data/demo"], ["-c", code]):
        done = subprocess.run(
            [sys.executable, *words],
            cwd=tmp_path, env=kept, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "data" / "demo" / "params.ok").is_file()
