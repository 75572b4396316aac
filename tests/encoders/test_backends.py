"""Which backend runs: what `auto` stands for, and what is refused."""

from itertools import product
from pathlib import Path
from typing import Any

import pytest

from wtal_core.encoders.backends import Backend, Machine, processor_has_bf16, require, resolve
from wtal_core.errors import WtalError
from wtal_core.schema.encoders import EncoderParams

AUTO = EncoderParams("auto", "auto")


@pytest.mark.parametrize(
    ("machine", "expected"),
    [
        (Machine(bf16=True, openvino=True), "openvino bf16"),
        (Machine(bf16=False, openvino=True), "openvino fp32"),
        (Machine(bf16=True, openvino=False), "torch bf16"),
        (Machine(bf16=False, openvino=False), "torch fp32"),
        (Machine(bf16=True, openvino=True, cuda=True), "torch bf16"),
    ],
)
def test_auto(machine: Machine, expected: str) -> None:
    assert str(resolve(AUTO, machine)) == expected


def test_what_is_named_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    for name, precision in product(("torch", "compile", "openvino"), ("fp32", "bf16")):
        for bf16 in (True, False):
            params = EncoderParams(name, precision)  # type: ignore[arg-type]
            found = resolve(params, Machine(bf16=bf16, openvino=True))
            assert str(found) == f"{name} {precision}"
    half = resolve(EncoderParams("torch", "auto"), Machine(bf16=True, openvino=True))
    assert half == Backend("torch", "bf16")


def test_the_default_is_the_reference() -> None:
    assert resolve(EncoderParams(), Machine(bf16=True, openvino=True)) == Backend("torch", "fp32")


def test_what_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    bare = Machine(bf16=True, openvino=False)
    with pytest.raises(WtalError, match=r"openvino bf16 .*pip install 'wtal\[openvino\]'.*backend"):
        require(Backend("openvino", "bf16"), bare)
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(WtalError, match=r"'no-such-compiler' is not there.*CXX"):
        require(Backend("compile", "fp32"), bare)
    require(Backend("compile", "fp32"), Machine(bf16=True, openvino=False, cuda=True))
    require(Backend("torch", "bf16"), Machine(bf16=False, openvino=False))


@pytest.mark.parametrize("wrong", [{"backend": "onnx"}, {"precision": "fp16"}])
def test_unknown_words_are_refused(wrong: dict[str, Any]) -> None:
    (name,) = wrong
    with pytest.raises(ValueError, match=f"encoders.{name} is one of auto"):
        EncoderParams(**wrong)


def test_records() -> None:
    made = Backend("openvino", "bf16")
    assert made.record == {"backend": "openvino", "precision": "bf16"}
    assert Backend.of_record({"encoder": "i3d", **made.record}) == made
    assert Backend.of_record({"encoder": "i3d"}) == Backend("torch", "fp32")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("processor\t: 0\nflags\t\t: fpu avx512f avx512_bf16 \n", True),
        ("flags\t\t: fpu amx_tile amx_bf16\n", True),
        ("Features\t: fp asimd bf16\n", True),
        ("flags\t\t: fpu avx2 avx512f\nbugs\t\t: amx_bf16\n", False),
        ("model name : bf16\n", False),
    ],
)
def test_processors(tmp_path: Path, text: str, expected: bool) -> None:
    file = tmp_path / "cpuinfo"
    file.write_text(text)
    assert processor_has_bf16(file) is expected


def test_a_system_that_does_not_tell(tmp_path: Path) -> None:
    assert processor_has_bf16(tmp_path / "none") is False
