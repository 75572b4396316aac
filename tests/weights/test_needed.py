"""Without weights: the recipe at once, before torch and before any work."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cpu_time import ended_children_s
from wtal_core.errors import WtalError
from wtal_core.schema.encoders import ClipParams, I3dParams
from wtal_core.weights.needed import needed_weights, require_weights
from wtal_core.weights.registry import find_entry

ROOT = Path(__file__).parents[2]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data set as `wtal import` leaves it: no weights, and no pipeline that makes any."""
    data = tmp_path / "data" / "films"
    (data / "encoders").mkdir(parents=True)
    text = (ROOT / "data/demo/dataset.yaml").read_text(encoding="utf-8")
    (data / "dataset.yaml").write_text(text, encoding="utf-8")
    return data


def put(folder: Path) -> None:
    folder.mkdir(parents=True)
    for name in ("meta.json", "model.safetensors"):
        (folder / name).touch()


def test_what_a_data_set_needs(tmp_path: Path) -> None:
    videos = needed_weights(tmp_path, I3dParams(), ClipParams(weights="encoders/vit"))
    assert videos == {
        "i3d_rgb": tmp_path / "encoders/i3d_rgb",
        "i3d_flow": tmp_path / "encoders/i3d_flow",
        "clip": tmp_path / "encoders/vit",
    }
    imported = I3dParams(imported="imported/i3d", sha256="0" * 64)
    features = needed_weights(
        tmp_path, imported, ClipParams(imported="imported/clip", sha256="1" * 64)
    )
    assert list(features) == ["clip"]  # its text tower


def test_the_recipe_names_only_what_is_missing(data: Path) -> None:
    folders = needed_weights(data, I3dParams(), ClipParams())
    put(folders["i3d_flow"])
    put(folders["clip"])
    (folders["clip"] / "model.safetensors").unlink()
    with pytest.raises(WtalError) as caught:
        require_weights(folders)
    message = str(caught.value)
    assert f"wtal weights fetch i3d_rgb clip --into {data / 'encoders'}" in message
    for name in ("i3d_rgb", "clip"):
        file = find_entry(name).files[0]
        assert file.url in message
        assert str(file.sha256) in message
        assert f"--from FILE --into {data / 'encoders'}" in message
        assert f"which writes {data / 'encoders' / name}" in message
    assert "flow" not in message
    put(folders["i3d_rgb"])
    (folders["clip"] / "model.safetensors").touch()
    require_weights(folders)


def test_another_folder_than_fetch_writes(data: Path) -> None:
    with pytest.raises(WtalError) as caught:
        require_weights({"clip": data / "encoders" / "vit"})
    assert f"which writes {data / 'encoders' / 'clip'}\n" in str(caught.value)
    assert f"dataset.yaml names {data / 'encoders' / 'vit'}" in str(caught.value)


def test_weights_that_a_pipeline_makes(data: Path) -> None:
    folders = needed_weights(data, I3dParams(), ClipParams())
    (data / "dvc.yaml").touch()
    with pytest.raises(WtalError, match=r"no weights; `dvc repro .*films/dvc\.yaml` makes them"):
        require_weights(folders)
    require_weights(folders, made_too=False)
    # A data set may take those of another.
    other = data.with_name("other")
    borrowed = I3dParams(rgb="../films/encoders/i3d_rgb", flow="../films/encoders/i3d_flow")
    other.mkdir()
    require_weights(needed_weights(other, borrowed, ClipParams(weights="../films/e/c")), False)
    with pytest.raises(WtalError, match="weights fetch clip --into"):
        require_weights(needed_weights(other, borrowed, ClipParams()), made_too=False)


@pytest.mark.parametrize("stage", ["check", "features_i3d", "features_clip"])
def test_stages_fail_within_a_second(stage: str, data: Path) -> None:
    """Of CPU time, the best of three: not what else the machine does."""
    params = [] if stage != "check" else ["--params", str(ROOT / "params.yaml")]
    times = []
    for _ in range(3):
        before_s = ended_children_s()
        done = subprocess.run(
            [sys.executable, "-m", f"stages.{stage}", str(data), *params],
            cwd=ROOT, capture_output=True, text=True, check=False,
        )  # fmt: skip
        times.append(ended_children_s() - before_s)
        assert done.returncode == 2
        assert "wtal weights fetch" in done.stderr
        assert "Traceback" not in done.stderr
    assert min(times) < 1
    assert not (data / "params.ok").exists()
    assert sorted(p.name for p in data.iterdir()) == ["dataset.yaml", "encoders"]


@pytest.mark.parametrize("stage", ["check", "features_i3d", "features_clip"])
def test_torch_is_not_loaded_for_it(stage: str) -> None:
    code = f"import sys, stages.{stage}; print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"
