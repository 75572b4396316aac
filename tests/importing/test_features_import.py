"""`wtal import features`, from a package to the stores and dataset.yaml."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from tests.importing.packages import (
    GRID,
    LENGTHS,
    WIDTH,
    YAML,
    dump,
    files,
    make_data,
    object_array,
    rows,
    save,
)
from wtal_cli.main import app
from wtal_core.annotations import SUBSETS
from wtal_core.errors import WtalError
from wtal_core.grid import SnippetGrid
from wtal_core.importing import features as importing
from wtal_core.importing.features import import_features
from wtal_core.importing.features_facts import name_import
from wtal_core.importing.features_layout import find_package
from wtal_core.importing.features_rows import Claims
from wtal_core.importing.features_store import (
    hash_store,
    imported_videos,
    pass_on,
    read_record,
)
from wtal_core.params import load_yaml, read_facts
from wtal_core.schema.encoders import ClipParams, I3dParams
from wtal_core.store import read_sequences


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return make_data(tmp_path)


def take(data: Path, source: Path, *words: str, code: int = 0) -> str:
    """Run the command; what it prints."""
    result = CliRunner().invoke(
        app, ["import", "features", str(source), "--data", str(data), *words]
    )
    assert result.exit_code == code, result.output
    return result.output


def content(folder: Path) -> dict[str, bytes]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes()
        for p in sorted(folder.rglob("*")) if p.is_file()
    }  # fmt: skip


def test_one_file_a_video(data: Path, tmp_path: Path) -> None:
    output = take(data, files(tmp_path / "pack"), "--kind", "i3d")
    assert "4 videos, 37 snippets, from 4 arrays (one file a video)" in output
    for subset, names in (("train", ("b", "d")), ("test", ("a", "c"))):
        store = read_sequences(data / "imported" / "i3d" / f"{subset}.zarr")
        assert store.names == names
        for name in names:
            expected = rows(name, 2 * WIDTH).astype(np.float16)
            np.testing.assert_array_equal(store.of(name)["feat"], expected)
        assert store.attrs["grid"] == GRID.to_dict()
        assert store.attrs["streams"] == {"rgb": {"columns": [0, 6]}, "flow": {"columns": [6, 12]}}


def test_every_layout_gives_the_same_rows(data: Path, tmp_path: Path) -> None:
    found = []
    for name in LENGTHS:
        joint = rows(name, 2 * WIDTH)
        save(tmp_path / "pairs" / "rgb" / f"{name}.npy", joint[:, :WIDTH])
        save(tmp_path / "pairs" / "flow" / f"{name}.npy", joint[:, WIDTH:])
        save(tmp_path / "turned" / f"{name}.npy", np.roll(joint, WIDTH, axis=1).T)
    for source, words in (
        (files(tmp_path / "files"), ()),
        (tmp_path / "pairs", ()),
        (object_array(tmp_path / "objects"), ()),
        (tmp_path / "turned", ("--transposed", "--streams", "flow,rgb")),
    ):
        take(data, source, "--kind", "i3d", *words)
        found.append(read_sequences(data / "imported" / "i3d" / "train.zarr").arrays["feat"])
    for other in found[1:]:
        np.testing.assert_array_equal(found[0], other)


def test_what_the_record_says(data: Path, tmp_path: Path) -> None:
    source = files(tmp_path / "pack")
    take(data, source, "--kind", "i3d", "--fps", "25")
    attrs = read_sequences(data / "imported" / "i3d" / "test.zarr").attrs
    facts = attrs["imported"]
    assert (facts["source"], facts["files"], facts["lengths_checked"]) == ("pack", 2, 2)
    assert facts["declared"]["fps"] == {"value": "25.0", "by": "commandline"}
    assert facts["declared"]["window"] == {"value": "16", "by": "default"}
    assert str(tmp_path) not in json.dumps(attrs)
    record = read_record(data / "imported" / "i3d")
    assert record["durations_s"] == {name: GRID.extent_s(n) for name, n in LENGTHS.items()}
    assert (record["imported"]["files"], record["imported"]["lengths_checked"]) == (4, 4)
    # the digest follows the files of its own subset, and only them
    first = {subset: content(data / "imported" / "i3d" / f"{subset}.zarr") for subset in SUBSETS}
    save(source / "c.npy", rows("c", 2 * WIDTH) + 1)
    take(data, source, "--kind", "i3d", "--fps", "25")
    again = {subset: content(data / "imported" / "i3d" / f"{subset}.zarr") for subset in SUBSETS}
    assert again["train"] == first["train"]
    store = read_sequences(data / "imported" / "i3d" / "test.zarr")
    assert store.attrs["imported"]["sha256"] != facts["sha256"]
    assert store.attrs["imported"] == facts | {"sha256": store.attrs["imported"]["sha256"]}


def test_equal_input_equal_bytes(data: Path, tmp_path: Path) -> None:
    source = files(tmp_path / "pack")
    take(data, source, "--kind", "clip")
    first = content(data)
    take(data, source, "--kind", "clip")
    assert content(data) == first


def test_dataset_yaml_names_the_import(data: Path, tmp_path: Path) -> None:
    before = load_yaml(data / "dataset.yaml")
    source = files(tmp_path / "pack")
    for kind in ("i3d", "clip", "i3d"):  # the last time over an older entry
        take(data, source, "--kind", kind)
    text = (data / "dataset.yaml").read_text()
    assert "# ours" in text
    assert "# one model" in text
    after = load_yaml(data / "dataset.yaml")
    for kind, cls in (("i3d", I3dParams), ("clip", ClipParams)):
        params: Any = read_facts(data / "dataset.yaml", kind, cls)
        assert params.imported == f"imported/{kind}"
        assert params.sha256 == hash_store(data / "imported" / kind)
        assert {k: v for k, v in after[kind].items() if k in before[kind]} == before[kind]
    assert {k: v for k, v in after.items() if k not in ("i3d", "clip")} == {
        k: v for k, v in before.items() if k not in ("i3d", "clip")
    }


@pytest.mark.parametrize("body", ["i3d: {}\n", "i3d:\n", "x: {}\ni3d:  # a\n\n  batch: 2\ny: {}\n"])
def test_sections_in_other_forms(tmp_path: Path, body: str) -> None:
    path = tmp_path / "dataset.yaml"
    path.write_text(body)
    name_import(path, "i3d", "imported/i3d", "1e5")
    found = load_yaml(path)
    assert found["i3d"]["imported"] == "imported/i3d"
    assert found["i3d"]["sha256"] == "1e5"
    assert found["i3d"].get("batch", 2) == 2
    assert [*found] == [*load_yaml(path)]


def test_a_section_that_cannot_be_changed_stays(tmp_path: Path) -> None:
    path = tmp_path / "dataset.yaml"
    text = "i3d: {rgb: a,\n  flow: b}\n"
    path.write_text(text)
    with pytest.raises(WtalError, match=r'add by hand:\ni3d:\n  imported: "f"'):
        name_import(path, "i3d", "f", "0")
    assert path.read_text() == text
    assert [p.name for p in tmp_path.iterdir()] == ["dataset.yaml"]


def test_folders_that_dvc_wants(data: Path, tmp_path: Path) -> None:
    (data / "videos").mkdir()
    (data / "videos" / "a.mp4").write_bytes(b"x")
    output = take(data, files(tmp_path / "pack"), "--kind", "clip")
    assert [p.name for p in (data / "videos").iterdir()] == ["a.mp4"]
    assert "text\ntower" in (data / "encoders" / "README.md").read_text()
    assert "encoders: made" in output


def test_missing_and_extra_videos_are_named(data: Path, tmp_path: Path) -> None:
    source = files(tmp_path / "pack")
    (source / "d.npy").rename(source / "z.npy")
    output = take(data, source, "--kind", "clip", code=2)
    assert "1 of 4 videos" in output
    assert "d: missing" in output
    assert not (data / "imported").exists()
    assert (data / "dataset.yaml").read_text() == YAML
    output = take(data, source, "--kind", "clip", "--max-bad-fraction", "0.25")
    assert "left out, 1 videos: d (missing)" in output
    assert "not in labels.json, not taken: 1 videos: z" in output
    assert read_sequences(data / "imported" / "clip" / "train.zarr").names == ("b",)
    assert "d" not in read_record(data / "imported" / "clip")["durations_s"]


def test_no_id_in_common(data: Path, tmp_path: Path) -> None:
    save(tmp_path / "pack" / "video7.npy", rows("a"))
    output = take(data, tmp_path / "pack", "--kind", "clip", code=2)
    assert "none of the 4 ids of labels.json (like 'b') is among its 1 (like 'video7')" in output


def test_bad_videos_are_left_out_with_their_cause(data: Path, tmp_path: Path) -> None:
    source = files(tmp_path / "pack")
    broken = rows("a", 2 * WIDTH).copy()
    broken[2, 3] = np.inf
    save(source / "a.npy", broken)
    save(source / "b.npy", rows("b", 2 * WIDTH)[:4])
    output = take(data, source, "--kind", "clip", "--max-bad-fraction", "0.5")
    assert "a.npy holds inf at snippet 2, column 3" in output
    assert "b (4 snippets, but 4.48 s make 7 (within 2))" in output
    facts = read_sequences(data / "imported" / "clip" / "test.zarr").attrs["imported"]
    assert list(facts["bad"]) == ["a"]
    assert facts["files"] == 1
    facts = read_record(data / "imported" / "clip")["imported"]
    assert list(facts["bad"]) == ["a", "b"]
    assert (facts["files"], facts["lengths_checked"]) == (2, 2)


def test_a_wrong_grid_says_which_would_fit(data: Path, tmp_path: Path) -> None:
    output = take(data, files(tmp_path / "pack"), "--kind", "clip", "--stride", "4", code=2)
    assert "--stride" in output
    assert "would fit" in output


def test_streams_of_different_length_are_cut_and_counted(data: Path, tmp_path: Path) -> None:
    for name in LENGTHS:
        save(tmp_path / "p" / "rgb" / f"{name}.npy", rows(name, 4))
        short = 2 if name == "d" else 0
        save(tmp_path / "p" / "flow" / f"{name}.npy", rows(name, 3)[: LENGTHS[name] - short])
    output = take(data, tmp_path / "p", "--kind", "i3d")
    assert "cut to the shorter of RGB and flow: 1 videos: d" in output
    store = read_sequences(data / "imported" / "i3d" / "train.zarr")
    assert store.lengths.tolist() == [7, 12]
    assert store.attrs["imported"]["cut"] == {"d": 2}


def test_a_stream_alone(data: Path, tmp_path: Path) -> None:
    take(data, files(tmp_path / "pack", 5), "--kind", "i3d", "--streams", "flow")
    attrs = read_sequences(data / "imported" / "i3d" / "train.zarr").attrs
    assert attrs["streams"] == {"flow": {"columns": [0, 5]}}


def test_resampling_at_the_import(data: Path, tmp_path: Path) -> None:
    """A stride of 4 to one of 16, on the frames that the durations are made of."""
    fine = SnippetGrid(25, 16, 4)
    lengths = {name: fine.count(16 * n) for name, n in LENGTHS.items()}
    for name in LENGTHS:
        save(tmp_path / "fine" / f"{name}.npy", rows(name, 3, lengths))
    take(data, tmp_path / "fine", "--kind", "clip", "--stride", "4", "--resample-to", "25,16,16")
    store = read_sequences(data / "imported" / "clip" / "train.zarr")
    assert store.attrs["grid"] == GRID.to_dict()
    assert store.attrs["imported"]["grid"] == fine.to_dict()
    assert store.lengths.tolist() == [LENGTHS["b"], LENGTHS["d"]]
    np.testing.assert_array_equal(
        store.of("d")["feat"], rows("d", 3, lengths)[::4].astype(np.float16)
    )


def test_without_durations_the_last_window_ends_the_video(data: Path, tmp_path: Path) -> None:
    (data / "ground_truth.json").unlink()
    output = take(data, files(tmp_path / "pack"), "--kind", "clip")
    assert "length not checked, no duration known: 4 videos" in output
    assert read_record(data / "imported" / "clip")["durations_s"]["b"] == 7 * 16 / 25


def test_durations_that_are_a_lower_bound(data: Path, tmp_path: Path) -> None:
    truth = json.loads((data / "ground_truth.json").read_text())
    truth["database"]["d"]["duration"] = 2.0
    dump(data / "ground_truth.json", truth)
    source = files(tmp_path / "pack")
    assert "d: 14 snippets, but 2 s make 3" in take(data, source, "--kind", "clip", code=2)
    truth["database"]["d"]["duration_from"] = "last segment"
    dump(data / "ground_truth.json", truth)
    take(data, source, "--kind", "clip")
    assert read_record(data / "imported" / "clip")["durations_s"]["d"] == 14 * 16 / 25


def test_each_video_is_read_when_its_turn_comes(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once to be looked at, once to be written: nothing holds the rows in between."""
    source, given = files(tmp_path / "pack"), []
    read = importing.read_rows

    def watched(*arguments: Any) -> np.ndarray:
        given.append(arguments[0][0].name)
        return read(*arguments)

    monkeypatch.setattr(importing, "read_rows", watched)
    package = find_package(source)
    import_features(package, data, "clip", Claims(GRID), 0.0, {})
    assert given == ["b.npy", "a.npy", "d.npy", "c.npy", "b.npy", "d.npy", "a.npy", "c.npy"]


def test_passing_on(data: Path, tmp_path: Path) -> None:
    take(data, files(tmp_path / "pack"), "--kind", "clip")
    folder = data / "imported" / "clip"
    sha256 = hash_store(folder)
    pass_on(folder, sha256, data / "clip")
    assert content(data / "clip") == content(folder)
    chunk = next(p for p in (data / "clip" / "train.zarr" / "feat").rglob("0") if p.is_file())
    assert chunk.stat().st_nlink == 2  # a second name, not a copy
    with pytest.raises(WtalError, match=r"dataset\.yaml names 000000000000\.\.\.: changed"):
        pass_on(folder, "0" * 64, data / "clip")
    shutil.rmtree(folder)
    with pytest.raises(WtalError, match=r"no imported features here; run `wtal import features`"):
        pass_on(folder, sha256, data / "clip")
    assert (data / "clip" / "train.zarr").is_dir()


def test_videos_of_two_imports(data: Path, tmp_path: Path) -> None:
    source = files(tmp_path / "pack")
    take(data, source, "--kind", "i3d")
    (source / "a.npy").unlink()
    take(data, source, "--kind", "clip", "--max-bad-fraction", "0.3")
    folders = [data / "imported" / kind for kind in ("clip", "i3d")]
    found = imported_videos(folders)
    assert [*found] == ["a", "b", "c", "d"]
    assert found["a"] == {"duration_s": 11 * 16 / 25}


@pytest.mark.parametrize(
    ("words", "cause"),
    [
        (["--fps", "0"], "positive frame rate"),
        (["--streams", "rgb,sound"], "--streams rgb,sound: it is"),
        (["--resample-to", "25"], "FPS,WINDOW,STRIDE"),
        (["--resample-to", "25,16,x"], "FPS,WINDOW,STRIDE"),
    ],
)
def test_wrong_words(data: Path, tmp_path: Path, words: list[str], cause: str) -> None:
    assert cause in take(data, files(tmp_path / "pack"), "--kind", "i3d", *words, code=2)
