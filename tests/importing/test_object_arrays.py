"""Object arrays are read whole, and nothing in them runs."""

import contextlib
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wtal_core.errors import WtalError
from wtal_core.importing.object_arrays import is_object_array, read_npy, read_object_array


class Call:
    """Pickles as a call of `function`."""

    def __init__(self, function: Any, *args: Any, state: Any = None) -> None:
        self.parts = (function, args) if state is None else (function, args, state)

    def __reduce__(self) -> tuple[Any, ...]:
        return self.parts


def objects(*items: Any) -> np.ndarray:
    array = np.empty(len(items), object)
    for i, item in enumerate(items):
        array[i] = item
    return array


def save(path: Path, *items: Any, protocol: int = 4) -> Path:
    """An object array of `items` as np.save writes it, with any pickle protocol."""
    return save_bytes(path, pickle.dumps(objects(*items), protocol=protocol), len(items))


def save_bytes(path: Path, content: bytes, length: int = 1) -> Path:
    """A header for `length` objects, then `content` as it stands."""
    header = {"descr": "|O", "fortran_order": False, "shape": (length,)}
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        file.write(content)
    return path


@pytest.mark.parametrize("protocol", [0, 2, 3, 4])
def test_arrays_lists_and_texts_come_back(tmp_path: Path, protocol: int) -> None:
    rng = np.random.default_rng(3)
    features = [rng.normal(size=(n, 5)).astype(np.float32) for n in (4, 1, 7)]
    rows = [*features, [[1.5, 2.25], [3.0, 4.0]], ["Ünal", b"raw"], [np.float64(0.5)], None, []]
    back = read_object_array(save(tmp_path / "a.npy", *rows, protocol=protocol))
    assert back.shape == (8,)
    for one, other in zip(features, back, strict=False):
        assert other.dtype == np.float32
        np.testing.assert_array_equal(one, other)
    assert list(back[3:]) == rows[3:]


def test_numpy_saves_and_we_read(tmp_path: Path) -> None:
    inner = np.asfortranarray(np.arange(6, dtype=">i4").reshape(2, 3))
    np.save(tmp_path / "a.npy", objects(inner, objects([7], np.array([b"ab", b"c"]))))
    back = read_object_array(tmp_path / "a.npy")
    np.testing.assert_array_equal(back[0], inner)
    assert back[0].flags.f_contiguous
    assert back[1][0] == [7]
    assert list(back[1][1]) == [b"ab", b"c"]


def test_text_of_python_2_stays_bytes(tmp_path: Path) -> None:
    python_2 = (
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
        b"(K\x01K\x01\x85cnumpy\ndtype\nU\x02O8K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ"
        b"\xff\xff\xff\xffK?tb\x89](](U\x06DivingU\x01\xe9eetb."
    )
    assert list(read_object_array(save_bytes(tmp_path / "a.npy", python_2))) == [
        [b"Diving", b"\xe9"]
    ]


def test_a_planted_command_does_not_run(tmp_path: Path) -> None:
    planted = tmp_path / "planted"
    for name, call in {
        "open": Call(open, str(planted), "w"),
        "mkdir": Call(os.mkdir, str(planted)),
        "eval": Call(eval, f"open({str(planted)!r}, 'w')"),
        "getattr": Call(getattr, planted, "touch"),
        "tofile": Call(np.memmap, str(planted), "u1", "w+", 0, (3,)),
        "load": Call(np.load, str(planted)),
    }.items():
        path = save(tmp_path / f"{name}.npy", call)
        with pytest.raises(WtalError, match="could run code; nothing of it was run"):
            read_object_array(path)
        assert not planted.exists(), name
    np.load(tmp_path / "mkdir.npy", allow_pickle=True)
    assert planted.exists()  # that file would have done it


@pytest.mark.parametrize(
    "item",
    [
        Call(np.ndarray, (3,), "O"),
        Call(np.dtype, [("a", "O")]),
        Call(np.dtype, "O", state=(3, "|", None, ("a",), {"a": (np.dtype("O"), 0)}, 8, 1, 0)),
        Call(np.dtype, "M8[s]"),
    ],
)
def test_types_that_could_hold_memory_addresses_are_refused(tmp_path: Path, item: Any) -> None:
    with pytest.raises(WtalError, match=r"refused|could run code"):
        read_object_array(save(tmp_path / "a.npy", item))


@pytest.mark.parametrize("content", [b"12345678", [], ["a", "b"], None])
def test_an_array_holds_what_its_shape_says(tmp_path: Path, content: Any) -> None:
    """Raw bytes for objects would be addresses; too few values would be read past their end."""
    made = Call(
        np._core.multiarray._reconstruct,  # type: ignore[attr-defined]
        np.ndarray, (0,), b"b", state=(1, (1,), np.dtype("O"), False, content),
    )  # fmt: skip
    with pytest.raises(WtalError, match="without them"):
        read_object_array(save(tmp_path / "a.npy", made))


def test_a_changed_function_is_refused(tmp_path: Path) -> None:
    content = b"\x80\x02c_codecs\nencode\n}U\x08__name__U\x01xsb."
    with pytest.raises(WtalError, match="change a function"):
        read_object_array(save_bytes(tmp_path / "a.npy", content))


def test_lists_that_unfold_without_end_are_refused(tmp_path: Path) -> None:
    shared: list[Any] = []
    for _ in range(14):
        shared = [shared] * 9
    with pytest.raises(WtalError, match="without end"):
        read_object_array(save(tmp_path / "a.npy", shared))
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(WtalError, match="without end"):
        read_object_array(save(tmp_path / "b.npy", endless))


def test_a_claimed_size_reserves_no_memory(tmp_path: Path) -> None:
    huge = b"\x80\x04\x8e" + (1 << 50).to_bytes(8, "little") + b"ab"
    for content in (huge, b"\x80\x04\x95" + (1 << 50).to_bytes(8, "little") + b"N."):
        with pytest.raises(WtalError, match="cut short"):
            read_object_array(save_bytes(tmp_path / "a.npy", content))


@pytest.mark.parametrize("content", [b"", b"\x80\x04", b"N.", b"<html>", b"\x80\x04]\x94."])
def test_damage_is_named(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(WtalError, match=r"a\.npy"):
        read_object_array(save_bytes(tmp_path / "a.npy", content))


def test_every_cut_and_many_flips_end_in_an_error_or_an_array(tmp_path: Path) -> None:
    whole = save(tmp_path / "a.npy", np.arange(3.0), [["x", 2]], protocol=2).read_bytes()
    bad, rng = tmp_path / "b.npy", np.random.default_rng(0)
    for size in range(len(whole)):
        bad.write_bytes(whole[:size])
        with pytest.raises(WtalError):
            read_object_array(bad)
    for _ in range(600):
        flipped = bytearray(whole)
        flipped[rng.integers(len(whole))] = rng.integers(256)
        bad.write_bytes(flipped)
        with contextlib.suppress(WtalError):
            assert isinstance(read_object_array(bad), np.ndarray)


def test_plain_arrays_pass_and_absent_files_are_named(tmp_path: Path) -> None:
    np.save(tmp_path / "plain.npy", np.arange(4))
    assert not is_object_array(tmp_path / "plain.npy")
    assert list(read_npy(tmp_path / "plain.npy")) == [0, 1, 2, 3]
    with pytest.raises(WtalError, match="not objects"):
        read_object_array(tmp_path / "plain.npy")
    with pytest.raises(WtalError, match="no such file"):
        read_npy(tmp_path / "none.npy")
    (tmp_path / "page.npy").write_text("<html>")
    with pytest.raises(WtalError, match="damaged"):
        read_npy(tmp_path / "page.npy")
