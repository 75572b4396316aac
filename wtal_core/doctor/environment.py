"""Python and its packages: are they the ones that the project asks for, and do they go together?"""

import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import PackageNotFoundError, distributions, requires, version
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version

from wtal_core.findings import Finding

INSTALL = "pip install -c constraints.txt -e '.[dev]' in the environment (or `make setup`)"
_OLDEST = (3, 11)
_NVIDIA = (Path("/proc/driver/nvidia/version"), Path("/dev/nvidia0"))
_SHOWN = 8


def look_at_environment(constraints: Path) -> Iterator[Finding]:
    """Everything that is known without loading a heavy package."""
    running = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] < _OLDEST:
        yield Finding(
            "error", "", "Python", f"{running} is too old", "use 3.11 or newer: make PY=python3.11"
        )
    elif sys.prefix == sys.base_prefix:
        yield Finding(
            "warning", "", "Python", f"{running}, outside a virtual environment",
            "`make setup`, then `. .venv/bin/activate`",
        )  # fmt: skip
    else:
        yield Finding("note", "", "Python", running)
    installed = {
        _name(d.metadata["Name"]): d.version for d in distributions() if d.metadata["Name"]
    }
    yield from check_packages(requires("wtal") or (), installed)
    yield from check_pair(installed, requires_or_none("torchvision"))
    yield from check_opencv(installed)
    yield from compare_tested(constraints, installed)
    yield from check_device(installed.get("torch", ""), any(path.exists() for path in _NVIDIA))


def check_packages(needs: Iterable[str], installed: Mapping[str, str]) -> Iterator[Finding]:
    """Each of `needs` (as in pyproject.toml, extras left out) against what is there."""
    for text in needs:
        need = Requirement(text)
        if need.marker is not None and not need.marker.evaluate({"extra": ""}):
            continue
        have = installed.get(_name(need.name))
        if have is None:
            yield Finding("error", "", need.name, "not installed", INSTALL)
        elif not need.specifier.contains(Version(have), prereleases=True):
            yield Finding(
                "error", "", need.name, f"{have}, but {need.specifier} is needed", INSTALL
            )


def check_pair(installed: Mapping[str, str], needs: Iterable[str]) -> Iterator[Finding]:
    """torchvision names the one version of torch that it was built for."""
    have = installed.get("torch")
    for need in map(Requirement, needs):
        if need.name != "torch" or have is None or need.specifier.contains(have, prereleases=True):
            continue
        yield Finding(
            "error", "", "torch, torchvision",
            f"torchvision {installed['torchvision']} needs torch{need.specifier}, "
            f"torch {have} is there",
            INSTALL,
        )  # fmt: skip


def check_opencv(installed: Mapping[str, str]) -> Iterator[Finding]:
    """Two packages with a module `cv2` overwrite each other's files."""
    there = sorted(name for name in installed if name.startswith("opencv-"))
    if len(there) > 1:
        yield Finding(
            "error", "", ", ".join(there), "several packages hold the one module cv2",
            f"pip uninstall {' '.join(there)}, then {INSTALL}",
        )  # fmt: skip


def compare_tested(constraints: Path, installed: Mapping[str, str]) -> Iterator[Finding]:
    """Versions other than those that were tested: allowed, but worth knowing of."""
    if not constraints.is_file():
        yield Finding(
            "note", "", str(constraints), "not there, so versions cannot be compared",
            "run from the top of the repository",
        )  # fmt: skip
        return
    tested = {
        match[1]: match[2]
        for line in constraints.read_text(encoding="utf-8").splitlines()
        if (match := re.match(r"([A-Za-z0-9._-]+)==([^\s;]+)", line))
    }
    other = [
        f"{name} {installed[_name(name)]} ({wanted})" for name, wanted in sorted(tested.items())
        if _name(name) in installed and Version(installed[_name(name)]) != Version(wanted)
    ]  # fmt: skip
    if other:
        more = f" and {len(other) - _SHOWN} more" if len(other) > _SHOWN else ""
        yield Finding(
            "note", "", f"{len(other)} packages",
            f"other versions than the tested ones: {', '.join(other[:_SHOWN])}{more}", INSTALL,
        )  # fmt: skip


def check_device(torch_version: str, gpu: bool) -> Iterator[Finding]:
    """By the files of a driver and the name of the build; `--deep` asks torch itself."""
    build = torch_version.partition("+")[2] or "as on PyPI"
    if gpu and build == "cpu":
        yield Finding(
            "warning", "", "torch", f"{torch_version} works on the CPU alone; a GPU is there",
            "install a CUDA build of torch (pytorch.org says how), with the same version number",
        )  # fmt: skip
    elif torch_version:
        where = "a GPU is there" if gpu else "no NVIDIA driver: work is done on the CPU"
        yield Finding("note", "", "torch", f"{torch_version} ({build}); {where}")


def requires_or_none(name: str) -> Iterable[str]:
    """What a package needs; nothing where it is not installed."""
    try:
        version(name)
    except PackageNotFoundError:
        return ()
    return requires(name) or ()


def _name(name: str) -> str:
    """One form of a package's name: `open_clip_torch` is `open-clip-torch`."""
    return re.sub(r"[-_.]+", "-", name).lower()
