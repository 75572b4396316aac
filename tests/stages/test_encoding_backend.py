"""What makes a data set's features is settled once, and said."""

import json
import logging
from pathlib import Path

import pytest

from stages.parts import encoding_backend
from stages.parts.encoding_backend import choose_backend
from wtal_core.encoders.backends import Backend, Machine
from wtal_core.errors import WtalError

PLAIN = Machine(bf16=True, openvino=False)
RICH = Machine(bf16=True, openvino=True)
TORCH, OPENVINO = Backend("torch", "bf16"), Backend("openvino", "bf16")


class Scene:
    """A data set of nothing but its facts, on a machine of one's choice."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.data, self.monkeypatch = folder / "data" / "mine", monkeypatch
        self.data.mkdir(parents=True)
        monkeypatch.setenv("WTAL_ITEM_CACHE", str(folder / "cache"))
        self.ask("{backend: auto, precision: auto}")

    def ask(self, encoders: str) -> None:
        (self.data / "dataset.yaml").write_text(f"encoders: {encoders}\n")

    def choose(self, machine: Machine, kind: str = "i3d") -> Backend:
        self.monkeypatch.setattr(encoding_backend, "find_machine", lambda: machine)
        return choose_backend(self.data, kind)

    def store(self, subset: str, **attributes: object) -> None:
        folder = self.data / "i3d" / f"{subset}.zarr"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "zarr.json").write_text(json.dumps({"attributes": attributes}))


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    return Scene(tmp_path, monkeypatch)


def test_a_resumed_run_goes_on(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    assert [scene.choose(RICH), scene.choose(RICH)] == [OPENVINO, OPENVINO]
    line = "features_i3d: openvino bf16 (asked for: backend auto, precision auto)"
    assert [r.getMessage() for r in caplog.records] == [line, line]


def test_auto_that_stands_for_another_is_refused(scene: Scene) -> None:
    scene.choose(PLAIN)
    with pytest.raises(WtalError) as caught:
        scene.choose(RICH)
    message = str(caught.value)
    assert "made_with.json: these features were begun with torch bf16" in message
    assert f"`encoders` of {scene.data / 'dataset.yaml'} stands for openvino bf16" in message
    assert "`encoders: {backend: torch, precision: bf16}`" in message
    assert "`encoders: {backend: openvino, precision: bf16}`" in message
    assert "pip install" not in message
    # The other kind of features, and another data set, have not been begun.
    assert scene.choose(RICH, "clip") == OPENVINO
    scene.data = scene.data.rename(scene.data.with_name("other"))
    assert scene.choose(RICH) == OPENVINO


def test_both_remedies_work(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    scene.choose(RICH)
    with pytest.raises(WtalError, match=r"precision: bf16}` there \(pip install 'wtal\[openvino"):
        scene.choose(PLAIN)
    scene.ask("{backend: openvino, precision: bf16}")
    assert scene.choose(RICH) == OPENVINO
    scene.ask("{backend: torch, precision: bf16}")
    caplog.set_level(logging.INFO)
    assert scene.choose(PLAIN) == TORCH
    assert "made with openvino bf16; all features are made anew with torch bf16" in caplog.text
    scene.ask("{backend: auto, precision: auto}")
    assert scene.choose(PLAIN) == TORCH


@pytest.mark.parametrize("subset", ["train", "test"])
def test_a_store_from_another_machine_counts(scene: Scene, subset: str) -> None:
    scene.store(subset, encoder="i3d", backend="openvino", precision="bf16")
    with pytest.raises(WtalError, match=rf"{subset}.zarr.*begun with openvino bf16"):
        scene.choose(PLAIN)
    assert scene.choose(RICH) == OPENVINO


def test_a_store_that_says_nothing_is_of_the_reference(scene: Scene) -> None:
    scene.store("train", encoder="i3d")
    with pytest.raises(WtalError, match=r"begun with torch fp32"):
        scene.choose(PLAIN)
    assert scene.choose(Machine(bf16=False, openvino=False)) == Backend("torch", "fp32")


def test_imported_features_were_made_by_none_of_these(scene: Scene) -> None:
    scene.store("train", encoder="i3d", imported={"files": 3})
    assert scene.choose(RICH) == OPENVINO


def test_without_the_section_it_is_the_reference(scene: Scene) -> None:
    (scene.data / "dataset.yaml").write_text("video: {}\n")
    assert scene.choose(RICH) == Backend("torch", "fp32")
