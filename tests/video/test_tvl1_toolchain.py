"""Which code runs where: with and without a compiler, on old processors, with a wrong build."""

import logging
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.video.tvl1_paths import COMPILER
from wtal_core.build_folder import build_folder
from wtal_core.errors import WtalError
from wtal_core.video.tvl1 import engine, toolchain

needs_compiler = pytest.mark.skipif(not COMPILER, reason="no C++ compiler")


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for builds, and nothing loaded yet."""
    monkeypatch.setenv("WTAL_KERNELS", str(tmp_path / "kernels"))
    engine._load_once.cache_clear()
    yield tmp_path / "kernels"
    engine._load_once.cache_clear()


@pytest.fixture
def no_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toolchain, "find_compiler", lambda: None)


def fake_compiler(folder: Path, script: str) -> str:
    path = folder / "fake++"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


@needs_compiler
def test_a_library_is_built_once(empty: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    first = toolchain.build("baseline")
    assert first.parent == empty
    assert [path.name for path in empty.iterdir()] == [first.name]  # nothing unfinished is left
    assert "baseline" in caplog.text
    made, caplog_before = first.stat().st_mtime_ns, caplog.text
    assert toolchain.build("baseline") == first
    assert first.stat().st_mtime_ns == made
    assert caplog.text == caplog_before


@needs_compiler
@pytest.mark.usefixtures("empty")
def test_the_path_that_runs_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    kernels = engine.load_kernels("auto")
    assert kernels.name == f"C++ ({toolchain.supported_isas()[0]})"
    assert f"TV-L1 runs in {kernels.name}" in caplog.text


@pytest.mark.usefixtures("empty", "no_compiler")
def test_without_a_compiler_auto_is_numba(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with pytest.raises(WtalError, match=r"no C\+\+ compiler.*apt install g\+\+.*numba"):
        engine.load_kernels("compiled")
    assert engine.load_kernels("auto").name == "numba"
    assert "no C++ compiler" in caplog.text
    assert "TV-L1 runs in numba" in caplog.text


def test_a_compiler_that_fails_is_quoted(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiler = fake_compiler(empty.parent, "echo unknown option: -std >&2; exit 1")
    monkeypatch.setattr(toolchain, "find_compiler", lambda: compiler)
    with pytest.raises(WtalError, match="unknown option: -std"):
        engine.load_kernels("compiled")
    assert not list(empty.iterdir())


def test_a_compiler_that_is_no_program_is_named(
    empty: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (empty.parent / "no++").write_bytes(b"\0\0\0\0")
    (empty.parent / "no++").chmod(0o755)
    monkeypatch.setenv("CXX", str(empty.parent / "no++"))
    with pytest.raises(WtalError, match=r"(?s)no\+\+ does not compile.*Exec format error"):
        engine.load_kernels("compiled")
    assert engine.load_kernels("auto").name == "numba"
    assert "Exec format error" in caplog.text


@needs_compiler
def test_a_library_is_on_the_disk_before_it_has_its_name(
    empty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, bool]] = []

    def noted(path: Path) -> None:
        seen.append((path.name, (empty / path.name).exists()))

    monkeypatch.setattr(toolchain, "_sync", noted)
    library = toolchain.build("baseline")
    assert seen == [(library.name, False)]


def test_a_user_names_the_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = fake_compiler(tmp_path, "exit 0")
    monkeypatch.setenv("CXX", mine)
    assert toolchain.find_compiler() == mine
    monkeypatch.setenv("CXX", str(tmp_path / "none"))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert toolchain.find_compiler() is None


def test_names_of_libraries_tell_builds_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    names = {toolchain.library_path(isa).name for isa in toolchain.ISAS}
    assert len(names) == 3
    monkeypatch.setattr(toolchain, "_FLAGS", (*toolchain._FLAGS, "-g"))
    assert not names & {toolchain.library_path(isa).name for isa in toolchain.ISAS}


@pytest.mark.parametrize(
    ("machine", "flags", "expected"),
    [
        ("x86_64", "fpu sse sse2", ("baseline",)),
        (
            "x86_64",
            "sse2 avx avx2 bmi1 bmi2 f16c fma abm movbe xsave avx512f",
            ("avx2", "baseline"),
        ),
        (
            "AMD64",
            "sse2 avx avx2 bmi1 bmi2 f16c fma abm movbe xsave avx512f avx512bw avx512cd avx512dq "
            "avx512vl",
            ("avx512", "avx2", "baseline"),
        ),
        ("aarch64", "fp asimd", ("baseline",)),
    ],
)
def test_instruction_sets_by_the_processors_flags(
    machine: str, flags: str, expected: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform.machine", lambda: machine)
    told = f"processor : 0\nmodel name : avx512f\nflags\t\t: {flags}\n"
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: told)
    assert toolchain.supported_isas.__wrapped__() == expected


def test_without_cpuinfo_the_processor_is_a_plain_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object, **__: object) -> str:
        raise FileNotFoundError

    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    monkeypatch.setattr(Path, "read_text", missing)
    assert toolchain.supported_isas.__wrapped__() == ("baseline",)


def test_kernels_that_round_otherwise_are_refused() -> None:
    """As a build with fused products would."""
    kernels = engine.load_kernels("numba")

    def off_by_one_digit(*given: object) -> None:
        kernels.warp(*given)
        given[8][3, 3] = np.nextafter(given[8][3, 3], np.float32(9))  # type: ignore[index]

    engine._check(kernels)
    with pytest.raises(WtalError, match="rounds otherwise"):
        engine._check(replace(kernels, name="made wrong", warp=off_by_one_digit))


@pytest.mark.usefixtures("empty")
def test_a_library_that_does_not_load_is_named() -> None:
    path = toolchain.library_path("baseline")
    path.write_bytes(b"cut short")
    with pytest.raises(WtalError, match=f"{path.name}.*remove it"):
        engine.load_isa("baseline")


def test_a_folder_that_cannot_be_made_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("WTAL_KERNELS", str(tmp_path / "file" / "kernels"))
    with pytest.raises(WtalError, match=r"file/kernels: Not a directory; .*WTAL_KERNELS"):
        build_folder()


def test_a_folder_that_cannot_be_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its rights as the system tells them: who runs tests as root may write everywhere."""
    monkeypatch.setenv("WTAL_KERNELS", str(tmp_path))
    monkeypatch.setattr("os.access", lambda path, mode: path != tmp_path)
    with pytest.raises(WtalError, match=f"{tmp_path}: cannot be written to; .*WTAL_KERNELS"):
        build_folder()


def test_builds_lie_in_a_folder_that_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WTAL_KERNELS", raising=False)
    assert build_folder() == Path(__file__).parents[2] / ".cache" / "kernels"
    checkout = Path(__file__).parents[2]
    monkeypatch.setattr("os.access", lambda path, _: path != checkout)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert build_folder() == tmp_path / "wtal" / "kernels"
    monkeypatch.setenv("WTAL_KERNELS", str(tmp_path / "mine"))
    assert build_folder() == tmp_path / "mine"
