"""The zarr store: what goes in comes out, equal input gives equal bytes, and damage is named."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from wtal_core import store
from wtal_core.errors import WtalError
from wtal_core.store import read_sequences, stream_sequences, write_sequences

RNG = np.random.default_rng(2)
DIMS = {"feat": ("T", "D"), "mask": ("T",)}
LENGTHS = {"b": 3, "a": 1, "ü c": 7}
ITEMS: list[tuple[str, dict[str, np.ndarray]]] = [
    (name, {"feat": RNG.normal(size=(n, 5)).astype(np.float16), "mask": np.zeros(n, bool)})
    for name, n in LENGTHS.items()
]


def written(path: Path) -> Path:
    write_sequences(path, ITEMS, DIMS, {"grid": {"fps": 25.0}, "encoder": "i3d"})
    return path


def test_round_trip(tmp_path: Path) -> None:
    found = read_sequences(written(tmp_path / "a.zarr"))
    assert found.names == ("b", "a", "ü c")
    assert found.offsets.tolist() == [0, 3, 4, 11]
    assert found.lengths.tolist() == [3, 1, 7]
    assert found.attrs == {"grid": {"fps": 25.0}, "encoder": "i3d"}
    assert found.arrays["feat"].shape == (11, 5)
    for name, arrays in ITEMS:
        for key, array in arrays.items():
            assert found.of(name)[key].dtype == array.dtype
            np.testing.assert_array_equal(found.of(name)[key], array)
    with pytest.raises(KeyError, match="no video 'x'"):
        found.of("x")


def test_readable_with_one_line_of_zarr(tmp_path: Path) -> None:
    group: Any = zarr.open_group(written(tmp_path / "a.zarr"), mode="r")
    np.testing.assert_array_equal(group["feat"][3:4], ITEMS[1][1]["feat"])
    assert group["feat"].metadata.dimension_names == ("T", "D")
    assert group["offsets"][:].tolist() == [0, 3, 4, 11]
    assert group.attrs["names"] == ["b", "a", "ü c"]
    assert group.attrs["encoder"] == "i3d"


def content(folder: Path) -> dict[str, bytes]:
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in files}


def test_equal_input_equal_bytes_and_nothing_else_beside(tmp_path: Path) -> None:
    first = content(written(tmp_path / "a.zarr"))
    assert first == content(written(tmp_path / "b.zarr"))
    written(tmp_path / "a.zarr")  # over the old one
    assert first == content(tmp_path / "a.zarr")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.zarr", "b.zarr"]
    assert str(tmp_path) not in "".join(map(str, first.values()))


@pytest.mark.parametrize("many", [10**9, 3], ids=["plain", "sharded"])
def test_several_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, many: int) -> None:
    monkeypatch.setattr(store, "_CHUNK_ROWS", 2)
    monkeypatch.setattr(store, "_MANY_ROWS", many)
    found = read_sequences(written(tmp_path / "a.zarr"))
    for name, arrays in ITEMS:
        np.testing.assert_array_equal(found.of(name)["feat"], arrays["feat"])
    files = [p for p in content(tmp_path / "a.zarr") if p.startswith("feat/c/")]
    assert len(files) == (6 if many > 11 else 1)


@pytest.mark.parametrize("many", [10**9, 3], ids=["plain", "sharded"])
@pytest.mark.parametrize("rows", [2, 3, 1024])
def test_a_stream_gives_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, many: int, rows: int
) -> None:
    """Against one array that zarr is given as a whole."""
    monkeypatch.setattr(store, "_CHUNK_ROWS", rows)
    monkeypatch.setattr(store, "_SHARD_CHUNKS", 2)
    monkeypatch.setattr(store, "_MANY_ROWS", many)
    attrs: dict[str, Any] = {"grid": {"fps": 25.0}}

    def one_by_one() -> Iterator[tuple[str, dict[str, np.ndarray]]]:
        yield from ITEMS
        attrs["encoder"] = "i3d"  # known at the end only

    stream_sequences(tmp_path / "s.zarr", LENGTHS, one_by_one(), DIMS, attrs)
    assert content(tmp_path / "s.zarr") == content(written(tmp_path / "w.zarr"))
    for key in DIMS:
        flat = np.concatenate([arrays[key] for _, arrays in ITEMS])
        group = zarr.open_group(tmp_path / "s.zarr", mode="r")
        whole = zarr.create_array(
            tmp_path / f"{key}.zarr", shape=flat.shape, dtype=flat.dtype, compressors=None,
            chunks=(min(rows, len(flat)), *flat.shape[1:]), dimension_names=DIMS[key],
            shards=None if many > 11 else (2 * min(rows, len(flat)), *flat.shape[1:]),
            config={"write_empty_chunks": True},
        )  # fmt: skip
        whole[...] = flat
        assert content(tmp_path / f"{key}.zarr") == content(tmp_path / "s.zarr" / key)
        np.testing.assert_array_equal(np.asarray(group[key]), flat)


def test_a_stream_holds_one_video(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And what does not fill a chunk yet: two rows of five columns."""
    monkeypatch.setattr(store, "_CHUNK_ROWS", 3)
    held = []
    append = store._Column.append

    def watched(self: Any, name: str, rows: np.ndarray) -> None:
        append(self, name, rows)
        held.append(sum(map(len, self.held)))

    monkeypatch.setattr(store._Column, "append", watched)
    written(tmp_path / "a.zarr")
    assert held == [0, 0, 1, 1, 2, 2]  # after 3, 4 and 11 rows, of both arrays


@pytest.mark.parametrize(
    ("lengths", "cause"),
    [
        ({"b": 3, "a": 2, "ü c": 7}, r"a: comes where \('a', 2\)"),
        ({"a": 1, "b": 3, "ü c": 7}, r"b: comes where \('a', 1\)"),
        ({"b": 3, "a": 1}, r"ü c: comes where None"),
        ({**LENGTHS, "d": 4}, "d: was announced and did not come"),
        ({}, "no videos"),
    ],
)
def test_a_stream_keeps_to_what_was_announced(
    tmp_path: Path, lengths: dict[str, int], cause: str
) -> None:
    with pytest.raises(ValueError, match=cause):
        stream_sequences(tmp_path / "a.zarr", lengths, ITEMS, DIMS, {})
    assert not list(tmp_path.iterdir())


def test_a_deleted_chunk_is_not_zeros(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "_CHUNK_ROWS", 2)
    path = written(tmp_path / "a.zarr")
    (path / "feat/c/1/0").unlink()  # rows 2 and 3: the end of b, all of a
    group: Any = zarr.open_group(path, mode="r")
    assert not group["feat"][2:4].any(), "zarr itself would have noticed"
    with pytest.raises(WtalError, match=r"feat/c/1/0: this chunk is missing.* of b, a;.*dvc"):
        read_sequences(path)


def test_a_lost_chunk_of_zeros_is_noticed_too(tmp_path: Path) -> None:
    path = written(tmp_path / "a.zarr")
    (path / "mask/c/0").unlink()
    with pytest.raises(WtalError, match="mask/c/0"):
        read_sequences(path)


def flip_a_bit(path: Path) -> None:
    chunk = path / "feat/c/0/0"
    changed = bytearray(chunk.read_bytes())
    changed[3 * 5 * 2 + 4] ^= 1  # in the row of video "a"
    chunk.write_bytes(changed)


def cut_a_chunk(path: Path) -> None:
    chunk = path / "feat/c/0/0"
    chunk.write_bytes(chunk.read_bytes()[:-20])


def forget_an_array(path: Path) -> None:
    (path / "mask/zarr.json").unlink()


def change_the_shape(path: Path) -> None:
    header = json.loads((path / "feat/zarr.json").read_text())
    header["shape"] = [10, 5]
    (path / "feat/zarr.json").write_text(json.dumps(header))


def forget_the_record(path: Path) -> None:
    header = json.loads((path / "zarr.json").read_text())
    del header["attributes"]["record"]
    (path / "zarr.json").write_text(json.dumps(header))


def cut_the_header(path: Path) -> None:
    (path / "zarr.json").write_bytes((path / "zarr.json").read_bytes()[:40])


def forget_the_header(path: Path) -> None:
    (path / "zarr.json").unlink()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (flip_a_bit, "'feat' of the video 'a' has changed"),
        (cut_a_chunk, "'feat' cannot be read"),
        (forget_an_array, "'mask' is missing"),
        (change_the_shape, r"'feat' is not \[11, 5\]"),
        (forget_the_record, "no completeness record"),
        (cut_the_header, "no complete store"),
        (forget_the_header, "no complete store"),
    ],
)
def test_damage_is_named(tmp_path: Path, damage: Callable[[Path], None], message: str) -> None:
    path = written(tmp_path / "a.zarr")
    damage(path)
    with pytest.raises(WtalError, match=rf"a\.zarr.*{message}.*delete the store"):
        read_sequences(path)


def test_no_store_at_all(tmp_path: Path) -> None:
    with pytest.raises(WtalError, match="no complete store"):
        read_sequences(tmp_path / "a.zarr")


def row(**arrays: np.ndarray) -> dict[str, np.ndarray]:
    return {"feat": np.zeros((2, 5)), "mask": np.zeros(2, bool)} | arrays


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ([], "no videos"),
        ([("a", row()), ("a", row())], "'a' comes twice"),
        ([("a", row(other=np.zeros(2)))], r"a: has \['feat', 'mask', 'other'\]"),
        ([("a", row(mask=np.zeros(3, bool)))], "a: its arrays have different lengths"),
        ([("a", row(feat=np.zeros((2, 5, 1))))], r"a\.feat: shape \(2, 5, 1\)"),
        ([("a", row(feat=np.zeros((0, 5)), mask=np.zeros(0)))], r"a\.feat: shape \(0, 5\)"),
        ([("a", row(feat=np.array([["x"] * 5] * 2)))], r"a\.feat: type <U1"),
        ([("a", row(feat=np.full((2, 5), np.nan)))], r"a\.feat: holds NaN"),
        ([("a", row()), ("b", row(feat=np.zeros((2, 6))))], r"b\.feat: .* differs"),
        ([("a", row()), ("b", row(mask=np.zeros(2)))], r"b\.mask: .* differs"),
    ],
)
def test_what_does_not_fit_is_refused(
    tmp_path: Path, items: list[tuple[str, dict[str, np.ndarray]]], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        write_sequences(tmp_path / "a.zarr", items, DIMS, {})
    assert list(tmp_path.iterdir()) == []


def test_reserved_attributes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="record"):
        write_sequences(tmp_path / "a.zarr", ITEMS, DIMS, {"record": 1})


def test_an_error_half_way_leaves_the_old_store(tmp_path: Path) -> None:
    path = written(tmp_path / "a.zarr")
    before = content(path)
    with pytest.raises(TypeError):
        write_sequences(path, ITEMS, DIMS, {"bad": object()})
    assert content(path) == before
    assert [p.name for p in tmp_path.iterdir()] == ["a.zarr"]
