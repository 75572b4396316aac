"""`dvc repro` on imported features: what runs without videos, and what runs again for new ones."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.stages.tiny_method import TEST, TRAIN, make_data
from tests.tiny_run import Clone
from wtal_core.store import read_sequences

pytestmark = pytest.mark.slow
KINDS = ("i3d", "clip")


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    """A repository with the data set `tiny`, without videos; packages of features lie beside."""
    clone = Clone.make(tmp_path / "clone", workers=1)
    made, data = make_data(tmp_path / "made"), clone.root / "data" / "tiny"
    shutil.copytree(made / "encoders", data / "encoders")
    for name in ("labels.json", "dataset.yaml"):
        shutil.copy(made / name, data)
    for kind in KINDS:
        (tmp_path / kind).mkdir()
        for subset in ("train", "test"):
            store = read_sequences(made / kind / f"{subset}.zarr")
            for video in store.names:
                np.save(tmp_path / kind / f"{video}.npy", store.of(video)["feat"])
    path = clone.root / "params.yaml"
    path.write_text(path.read_text().replace("dataset: demo", "dataset: tiny"))
    return clone


def take(clone: Clone, kind: str) -> str:
    source = clone.root.parent / kind
    where = ["--data", "data/tiny", "--kind", kind]
    return clone.run("-m", "wtal_cli.main", "import", "features", str(source), *where)


def test_a_data_set_without_videos(clone: Clone) -> None:
    for kind in KINDS:
        assert f"data/tiny/imported/{kind}: 9 videos" in take(clone, kind)
    first = ["check", "frames", "flow", "features_i3d", "features_clip", "warm_up", "infer_r0"]
    assert sorted(clone.repro("infer_r0")) == sorted(first)
    data = clone.root / "data" / "tiny"
    assert [p.name for p in (data / "videos").iterdir()] == ["README.md"]
    assert len(read_sequences(data / "scores" / "r0.zarr").names) == TEST
    assert clone.repro("infer_r0") == []

    # Other rows of a test video: the hash in dataset.yaml tells DVC, and nothing is trained again.
    file = clone.root.parent / "i3d" / f"v{TRAIN}.npy"
    np.save(file, np.load(file) + 1)
    take(clone, "i3d")
    again = ["check", "frames", "flow", "features_i3d", "infer_r0"]
    assert sorted(clone.repro("infer_r0")) == sorted(again)
