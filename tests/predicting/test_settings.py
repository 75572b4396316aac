"""What is missing or does not fit is named before anything is computed."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.closure import ROOT
from tests.predicting.tiny_trained import FACTS, make_trained, write_stores
from wtal_core.errors import WtalError
from wtal_core.predicting import settings
from wtal_core.predicting.settings import RunSettings, read_settings


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WTAL_ITEM_CACHE", str(tmp_path / "cache"))
    return make_trained(tmp_path)


def _read(data: Path, round_: str = "r1") -> RunSettings:
    return read_settings(data, round_, data.parents[1] / "params.yaml")


def _change(data: Path, **sections: Any) -> None:
    (data / "dataset.yaml").write_text(yaml.safe_dump(FACTS | sections))


def test_a_whole_run(data: Path) -> None:
    found = _read(data)
    assert found.grid.to_dict() == {"fps": 20.0, "window": 10, "stride": 6, "offset": 0}
    assert found.weights["i3d_flow"] == data / "encoders" / "i3d_flow"
    assert found.store("clip") == data / "clip" / "test.zarr"
    assert found.localize.class_floor == 0  # from dataset.yaml
    shutil.rmtree(data / "i3d")
    assert _read(data).store("i3d") is None  # nothing to compare with


@pytest.mark.parametrize(
    ("lost", "said"),
    [
        ("r1/cbp/model.safetensors", r"r1/cbp: no trained branch\. `dvc checkout` .*=toy"),
        ("r1/vlp/meta.json", "r1/vlp: no trained branch"),
        ("encoders/i3d_flow/meta.json", "wtal weights fetch i3d_flow --into .*toy/encoders"),
        ("encoders/clip/model.safetensors", "wtal weights fetch clip"),
        ("labels.json", "labels.json: no such file"),
        ("dataset.yaml", "dataset.yaml: no such file"),
    ],
)
def test_what_is_missing_is_named_with_the_command_that_makes_it(
    data: Path, lost: str, said: str
) -> None:
    (data / lost).unlink()
    with pytest.raises(WtalError, match=said):
        _read(data)


def test_other_classes_than_those_trained_for(data: Path) -> None:
    tree = json.loads((data / "labels.json").read_text())
    (data / "labels.json").write_text(json.dumps(tree | {"classes": ["run", "HopScotch", "swim"]}))
    with pytest.raises(WtalError, match="r1/cbp: trained for other classes"):
        _read(data)


@pytest.mark.parametrize(
    ("section", "value", "said"),
    [
        ("snippet", {"frames": 10, "stride": 5}, r"i3d/test\.zarr: .* another grid"),
        ("video", {"fps": 20.0, "short_side": 34, "crop": 30}, r"another crop \(32\) .* \(30\)"),
        ("i3d", {"flow": "encoders/i3d_rgb"}, "another weights_sha256"),
    ],
)
def test_settings_that_are_no_more_those_of_the_run(
    data: Path, section: str, value: Any, said: str
) -> None:
    _change(data, **{section: value})
    with pytest.raises(WtalError, match=said):
        _read(data)


def test_a_backend_that_is_not_installed(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_stores(data, backend="openvino", precision="fp32")
    monkeypatch.setattr(settings, "has_openvino", lambda: True)
    assert _read(data).round == "r1"
    monkeypatch.setattr(settings, "has_openvino", lambda: False)
    with pytest.raises(WtalError, match=r"openvino fp32 .*not installed; install it \(pip install"):
        _read(data)


IMPORTED = {"imported": "imported/i3d", "sha256": "a" * 64}


def test_imported_features_need_encoders_and_a_fitting_grid(
    data: Path, caplog: pytest.LogCaptureFixture
) -> None:
    _change(data, i3d=IMPORTED)
    write_stores(data, streams={}, imported={"format": "wtalc"})
    assert _read(data).i3d.imported
    assert "trained on imported features" in caplog.text
    _change(data, i3d=IMPORTED, snippet={"frames": 16, "stride": 16})
    with pytest.raises(WtalError, match=r"another grid .*set video\.fps, snippet\.frames"):
        _read(data)
    shutil.rmtree(data / "encoders" / "i3d_rgb")
    with pytest.raises(WtalError, match=r"(?s)nothing here ever encoded a video.*fetch i3d_rgb"):
        _read(data)


def test_imported_features_that_are_not_there(data: Path) -> None:
    _change(data, i3d=IMPORTED)
    shutil.rmtree(data / "i3d")
    with pytest.raises(WtalError, match="the features that the run was trained on are not there"):
        _read(data)


def test_nothing_heavy_is_loaded(data: Path) -> None:
    code = (
        "import sys\nfrom pathlib import Path\n"
        "from wtal_core.predicting.settings import read_settings\n"
        f"data = Path({str(data)!r})\n"
        "read_settings(data, 'r1', data.parents[1] / 'params.yaml')\n"
        "print({'torch', 'cv2', 'open_clip', 'zarr', 'av'} & sys.modules.keys())"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == "set()"
