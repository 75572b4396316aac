"""Stages demo_i3d and demo_clip: killed and run again, they write what they would have written."""

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from stages import demo_clip, demo_i3d
from stages.parts.pretraining import pretrain_and_save
from tests.closure import ROOT
from tests.keys import world
from tests.keys.case import Scene
from wtal_core.checkpoint import Resume, load_checkpoint
from wtal_core.encoders import clip, i3d
from wtal_core.items import cache_root
from wtal_core.schema.encoders import I3dPretrainParams
from wtal_core.synthetic.pretrain_epochs import Watch

SETTINGS = {
    "pretrain_i3d.width": 0.07, "pretrain_i3d.epochs": 3, "pretrain_i3d.batch": 6,
    "pretrain_clip.epochs": 3, "pretrain_clip.text_width": 32,
}  # fmt: skip
# Dies when the second epoch is over and not yet kept.
DIES = """
import os, signal, sys
from pathlib import Path
import torch
from stages import demo_i3d
from wtal_core.checkpoint import Resume
save = Resume.save
def save_or_die(self, epoch, *state):
    if epoch == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    save(self, epoch, *state)
Resume.save = save_or_die
torch.set_num_threads(1)
demo_i3d.main(Path(sys.argv[1]), "rgb", Path(sys.argv[2]))
"""


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """A data set with things to learn from, and short training."""
    monkeypatch.setenv("WTAL_ITEM_CACHE", str(tmp_path / "cache"))
    torch.set_num_threads(1)
    folder = tmp_path / "tiny"
    folder.mkdir()
    world.prepare(folder)
    return Scene(folder, folder, SETTINGS)


def written(scene: Scene) -> dict[str, bytes]:
    """Each file of the checkpoints, taken away."""
    encoders = scene.folder / "encoders"
    found = {str(p.relative_to(encoders)): p.read_bytes() for p in encoders.rglob("*.*")}
    shutil.rmtree(encoders)
    return found


def unfinished() -> list[str]:
    """Epochs that are kept of runs that did not end."""
    return sorted(p.name for p in (cache_root() / "work").glob("*/*/*"))


def test_a_killed_i3d_goes_on(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    demo_i3d.main(scene.folder, "rgb", scene.params)
    undisturbed = written(scene)
    assert unfinished() == []
    ran = subprocess.run(
        [sys.executable, "-c", DIES, str(scene.folder), str(scene.params)],
        cwd=ROOT, check=False, env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert ran.returncode == -9
    assert unfinished() == ["epoch-000001"]
    assert not (scene.folder / "encoders").exists()
    with caplog.at_level("INFO"):
        demo_i3d.main(scene.folder, "rgb", scene.params)
    assert "i3d@rgb: goes on after epoch 1" in caplog.messages
    assert written(scene) == undisturbed
    assert unfinished() == []


def test_a_stopped_clip_goes_on(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    save = Resume.save

    def save_and_stop(self: Resume, epoch: int, *state: Any) -> None:
        save(self, epoch, *state)
        if epoch == 2:
            raise KeyboardInterrupt

    demo_clip.main(scene.folder, scene.params)
    undisturbed = written(scene)
    with monkeypatch.context() as patch:
        patch.setattr(Resume, "save", save_and_stop)
        with pytest.raises(KeyboardInterrupt):
            demo_clip.main(scene.folder, scene.params)
    assert unfinished() == ["epoch-000001", "epoch-000002"]
    with caplog.at_level("INFO"):
        demo_clip.main(scene.folder, scene.params)
    assert "clip: goes on after epoch 2" in caplog.messages
    assert written(scene) == undisturbed
    assert unfinished() == []


class Made:
    """Pre-training of a folder by `pretrain_and_save`, one thing of it changed at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.source = folder / "clips.npy"
        self.source.write_bytes(b"clips")
        self.params = I3dPretrainParams(epochs=25)
        self.seed = 4
        self.modules: tuple[ModuleType, ...] = (i3d,)
        self.packages = ("torch",)
        self.checkpoint = folder / "i3d"
        self.meta = {"stream": "rgb"}

    def run(self, epochs: int) -> int:
        """Train up to `epochs` of them, which is the end or a stop; the epoch it went on after."""
        began: list[int] = []

        def pretrain(watch: Watch) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
            began.append(watch.resume[1]["epoch"] if watch.resume else 0)
            for epoch in range(began[0] + 1, epochs + 1):
                assert watch.on_epoch is not None
                watch.on_epoch(epoch, {"weight": torch.full((2, 3), float(epoch))}, {})
            if epochs < self.params.epochs:
                raise KeyboardInterrupt
            return {"weight": torch.full((2, 3), float(epochs))}, {"loss": [0.5]}

        arguments = (pretrain, [self.source], self.params, self.seed)
        try:
            pretrain_and_save(
                *arguments, modules=self.modules, packages=self.packages, title="i3d@rgb",
                checkpoint=self.checkpoint, meta=self.meta,
            )  # fmt: skip
        except KeyboardInterrupt:
            assert epochs < self.params.epochs
        return began[0]


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Made:
    monkeypatch.setenv("WTAL_ITEM_CACHE", str(tmp_path / "cache"))
    return Made(tmp_path)


def test_a_stop_costs_a_tenth_of_the_epochs_at_most(made: Made) -> None:
    assert made.run(7) == 0
    assert unfinished() == ["epoch-000004", "epoch-000006"]
    assert not made.checkpoint.exists()
    assert made.run(25) == 6
    assert unfinished() == []
    tensors, meta = load_checkpoint(made.checkpoint)
    assert tensors["weight"].tolist() == [[25.0] * 3] * 2
    assert meta == {"stream": "rgb", "loss": [0.5]}
    assert made.run(25) == 0


@pytest.mark.parametrize(
    "change", ["source", "params", "seed", "modules", "packages", "checkpoint", "meta"]
)
def test_a_changed_run_begins_anew(made: Made, change: str) -> None:
    made.run(5)
    others: dict[str, Any] = {
        "params": replace(made.params, lr=0.5), "seed": 5, "modules": (clip,),
        "packages": ("numpy",), "checkpoint": made.folder / "other", "meta": {"stream": "flow"},
    }  # fmt: skip
    if change == "source":
        made.source.write_bytes(b"other clips")
    else:
        setattr(made, change, others[change])
    assert made.run(6) == 0
