"""FuSTAL as a user runs it: by its target, killed, and run again elsewhere."""

import json
import os
import shutil
import signal
import time
from pathlib import Path

import pytest
import yaml

from tests.tiny_run import Clone

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("tiny_run")]
TARGET = "fustal/dvc.yaml"


@pytest.fixture
def clone(tiny_run: Clone, tmp_path: Path) -> Clone:
    """The tiny run with its features, to go on in."""
    shutil.copytree(tiny_run.root, tmp_path / "copy", symlinks=True)
    copy = Clone(tmp_path / "copy", workers=1)
    # Weights that have seen so little give proposals of low scores, scattered over the video.
    copy.set_params("fustal_filter", min_score=0.0, rule="score")
    copy.set_params("student", epochs=4, ema_from=2)
    return copy


def lock(clone: Clone) -> object:
    text = (clone.root / "fustal" / "dvc.lock").read_text(encoding="utf-8")
    return yaml.safe_load(text)["stages"]


def test_a_killed_run_ends_in_the_same_bytes(clone: Clone) -> None:
    clone.set_params("fustal_generate", epochs=40)
    process = clone.start("-m", "dvc", "repro", TARGET)
    while not clone.epochs("fustal_generate")[-1:] >= [3]:
        assert process.poll() is None, f"over too early: {process.communicate()[0]}"
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    reached = clone.epochs("fustal_generate")[-1]
    assert reached < 40
    output = clone.run("-m", "dvc", "repro", TARGET)
    assert f"fustal_generate: goes on after epoch {reached}\n" in output
    first = lock(clone)
    metrics = clone.root / "results" / "demo" / "fustal" / "generator" / "metrics.json"
    assert 0 <= json.loads(metrics.read_text())["map@0.5"] <= 1

    clone.run("-m", "dvc", "repro", "--force", "--single-item", TARGET)
    assert lock(clone) == first


def test_a_rounds_proposals_are_made_only_where_they_are_asked_for(clone: Clone) -> None:
    clone.run("-m", "dvc", "repro", f"{TARGET}:fustal_filter")
    rounds = clone.root / "data" / "demo" / "fustal" / "proposals" / "r1"
    assert not rounds.exists()
    clone.set_params("student", proposals="r1")
    clone.run("-m", "dvc", "repro", f"{TARGET}:fustal_filter")
    assert (rounds / "train.json").is_file()
    made = clone.root / "data" / "demo" / "fustal" / "pseudo_segments.json"
    assert json.loads(made.read_text())["filter"]["proposals"] == "r1"
