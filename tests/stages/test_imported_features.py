"""The pipeline from imported features: without videos, to the results that the same rows give."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from stages import (
    b_step,
    check,
    evaluate,
    f_step,
    features_clip,
    features_i3d,
    flow,
    frames,
    infer,
    warm_up,
)
from stages.parts.features import read_features
from tests.stages.tiny_method import CLASSES, GRID, make_data
from wtal_core.annotations import read_json
from wtal_core.errors import ParamsError, WtalError
from wtal_core.grid import SnippetGrid
from wtal_core.importing.features import Imported, import_features
from wtal_core.importing.features_facts import name_import
from wtal_core.importing.features_layout import find_package
from wtal_core.importing.features_rows import Claims
from wtal_core.params import load_yaml
from wtal_core.store import read_sequences, write_sequences

LENGTHS = {f"v{n}": 20 + n for n in range(9)}
SUBSETS = {name: "train" if n < 6 else "test" for n, name in enumerate(LENGTHS)}


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set whose features our own stages extracted, as far as anyone can tell."""
    data = make_data(tmp_path_factory.mktemp("original"))
    path = data / "dataset.yaml"  # as text a user would write; the import keeps to it
    facts = load_yaml(path)
    path.write_text(yaml.safe_dump(facts, sort_keys=False))
    database = {
        name: {
            "subset": SUBSETS[name],
            "duration": float(GRID.end_s(length - 1)),
            "annotations": [{"segment": [5.12, 7.04], "label": CLASSES[n % 3]}],
        }
        for n, (name, length) in enumerate(LENGTHS.items())
    }
    (data / "ground_truth.json").write_text(json.dumps({"database": database}))
    return data


@pytest.fixture
def data(original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy without frames and features; these lie beside, as packages."""
    monkeypatch.setenv("WTAL_ITEM_CACHE", str(tmp_path / "cache"))
    shutil.copytree(original.parent, tmp_path / "copy")
    data = tmp_path / "copy" / "tiny"
    for kind in ("i3d", "clip"):
        (tmp_path / kind).mkdir()
        for subset in ("train", "test"):
            store = read_sequences(data / kind / f"{subset}.zarr")
            for name in store.names:
                np.save(tmp_path / kind / f"{name}.npy", store.of(name)["feat"])
        shutil.rmtree(data / kind)
    shutil.rmtree(data / "frames")
    return data


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def take(data: Path, kind: Any, most: float = 0.0, grid: SnippetGrid = GRID) -> Imported:
    package = find_package(data.parents[1] / kind)
    found = import_features(package, data, kind, Claims(grid), most, {})
    name_import(data / "dataset.yaml", kind, f"imported/{kind}", found.sha256)
    return found


def run_features(data: Path) -> None:
    params = data.parent / "params.yaml"
    check.main(data, params)
    frames.main(data, params)
    flow.main(data)
    features_i3d.main(data)
    features_clip.main(data)


def run_method(data: Path, results: Path) -> dict[str, Any]:
    params = data.parent / "params.yaml"
    warm_up.main(data, params)
    b_step.main(data, "r1", "r0", params)
    f_step.main(data, "r1", "r0", params)
    infer.main(data, "r1", params)
    evaluate.main(data, "r1", results, params)
    metrics: dict[str, Any] = read_json(results / data.name / "rounds" / "r1" / "metrics.json")
    return metrics


def test_from_imported_features_to_metrics(original: Path, data: Path, tmp_path: Path) -> None:
    """Without one video, and to the same numbers as with features of our own."""
    take(data, "i3d")
    take(data, "clip")
    assert not (data / "videos").exists()
    run_features(data)
    for kind in ("i3d", "clip"):
        for subset in ("train", "test"):
            ours, theirs = (
                read_sequences(folder / kind / f"{subset}.zarr") for folder in (original, data)
            )
            assert theirs.names == ours.names
            np.testing.assert_array_equal(theirs.arrays["feat"], ours.arrays["feat"])
    metrics = run_method(data, tmp_path / "results")
    assert metrics == run_method(original, tmp_path / "expected")
    first, second = ((d / "r1" / "predictions.json").read_bytes() for d in (original, data))
    assert first == second


def test_the_stages_without_videos_say_why(data: Path) -> None:
    take(data, "i3d")
    take(data, "clip")
    run_features(data)
    record = read_json(data / "frames" / "record.json")
    assert record["empty"] == "both kinds of features are imported; nothing to decode"
    assert record["videos"]["v3"] == {"duration_s": pytest.approx(23 * 16 / 25)}
    assert [p.name for p in (data / "frames").iterdir()] == ["record.json"]
    record = read_json(data / "flow" / "record.json")
    assert record["empty"] == "I3D features are imported; nothing to decode"
    assert record["videos"] == {}


def test_one_kind_imported_the_other_extracted(original: Path, data: Path) -> None:
    """Imported features may lack a video, and end a little early."""
    last = data.parents[1] / "i3d" / "v2.npy"
    np.save(last, np.load(last)[:-2])
    (data.parents[1] / "i3d" / "v4.npy").unlink()
    take(data, "i3d", most=0.2)
    with pytest.raises(WtalError, match=r"labels\.json names 9 files that do not exist"):
        frames.main(data, data.parent / "params.yaml")  # CLIP needs the videos
    flow.main(data)
    features_i3d.main(data)
    shutil.copytree(original / "clip", data / "clip")
    found = read_features(data, "train")
    assert found.names == ("v0", "v1", "v2", "v3", "v5")
    assert [len(x) for x in found.i3d] == [len(x) for x in found.clip] == [20, 21, 20, 23, 25]
    clip = read_sequences(original / "clip" / "train.zarr")
    np.testing.assert_array_equal(found.clip[2], clip.of("v2")["feat"][:20])


def test_imports_that_end_more_than_two_snippets_apart(original: Path, data: Path) -> None:
    last = data.parents[1] / "i3d" / "v2.npy"
    (data / "ground_truth.json").unlink()  # or the import would notice
    np.save(last, np.load(last)[:-3])
    take(data, "i3d")
    features_i3d.main(data)
    shutil.copytree(original / "clip", data / "clip")
    with pytest.raises(WtalError, match="v2 has 19 and 22 snippets"):
        read_features(data, "train")


def test_our_own_features_are_not_cut(original: Path, data: Path) -> None:
    """A missing snippet there is a fault, not a habit of packages."""
    for kind in ("i3d", "clip"):
        shutil.copytree(original / kind, data / kind)
    store = read_sequences(data / "clip" / "train.zarr")
    rows = [(v, {"feat": store.of(v)["feat"][: 24 if v == "v5" else None]}) for v in store.names]
    write_sequences(data / "clip" / "train.zarr", rows, {"feat": ("T", "E")}, store.attrs)
    with pytest.raises(WtalError, match="v5 has 25 and 24 snippets; rerun the stages"):
        read_features(data, "train")
    write_sequences(data / "clip" / "train.zarr", rows[:-1], {"feat": ("T", "E")}, store.attrs)
    with pytest.raises(WtalError, match="v5 has 25 and 0 snippets; rerun the stages"):
        read_features(data, "train")


def test_two_grids(original: Path, data: Path) -> None:
    (data / "ground_truth.json").unlink()
    take(data, "i3d", grid=SnippetGrid(30, 16, 4))
    features_i3d.main(data)
    shutil.copytree(original / "clip", data / "clip")
    with pytest.raises(WtalError, match=r"i3d features are imported: .*--resample-to"):
        read_features(data, "train")


def test_image_features_of_another_model(data: Path) -> None:
    for name in LENGTHS:
        path = data.parents[1] / "clip" / f"{name}.npy"
        np.save(path, np.load(path)[:, :5])
    take(data, "clip")
    with pytest.raises(WtalError, match=r"5 columns, but the text tower of .*clip embeds in 6"):
        features_clip.main(data)


def test_other_content_than_dataset_yaml_names(data: Path) -> None:
    take(data, "i3d")
    features_i3d.main(data)
    first = {p.name: p.stat().st_ino for p in (data / "i3d").iterdir()}
    feat = data / "imported" / "i3d" / "test.zarr" / "feat"
    chunk = next(p for p in feat.rglob("0") if p.is_file())
    chunk.write_bytes(b"\x01" + chunk.read_bytes()[1:])
    with pytest.raises(WtalError, match="changed, or cut short; run `wtal import features`"):
        features_i3d.main(data)
    assert {p.name: p.stat().st_ino for p in (data / "i3d").iterdir()} == first


@pytest.mark.parametrize(
    ("values", "cause"),
    [
        ({"imported": "imported/i3d"}, "imported and sha256 stand together"),
        ({"imported": "../x", "sha256": "0" * 64}, "must lie in the data set's folder"),
        ({"imported": "/x", "sha256": "0" * 64}, "must lie in the data set's folder"),
        ({"imported": "x", "sha256": "0" * 63 + "g"}, "64 hexadecimal digits"),
    ],
)
@pytest.mark.parametrize("section", ["i3d", "clip"])
def test_keys_of_dataset_yaml(data: Path, section: str, values: dict[str, str], cause: str) -> None:
    facts = load_yaml(data / "dataset.yaml")
    facts[section] |= values
    (data / "dataset.yaml").write_text(yaml.safe_dump(facts))
    with pytest.raises(ParamsError, match=cause):
        check.main(data, data.parent / "params.yaml")
