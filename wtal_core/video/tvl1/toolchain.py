"""Builds compiled.cpp for this processor, once.

The build is one command, `c++ -shared`, so that a user needs a compiler and nothing else: no
headers of Python, no build system, no package. A library is made for the instruction set that the
processor has; a folder that machines share holds one for each.
"""

import hashlib
import logging
import os
import platform
import shutil
import subprocess
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from wtal_core.build_folder import build_folder
from wtal_core.errors import WtalError

log = logging.getLogger(__name__)
SOURCE = Path(__file__).with_name("compiled.cpp")
# Without -ffast-math, and with products not fused, every build rounds alike. Nothing here asks
# whether a square root set errno or a comparison raised an exception, which lets loops be vectors.
_FLAGS = (
    "-std=c++17", "-O3", "-shared", "-fPIC", "-fvisibility=hidden", "-fopenmp-simd",
    "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math", "-Wno-psabi",
)  # fmt: skip
ISAS = {
    "avx512": ("-march=x86-64-v4", "-mprefer-vector-width=512"),
    "avx2": ("-march=x86-64-v3",),
    "baseline": (),  # SSE2, NEON: what every processor of the architecture has
}
# Names in /proc/cpuinfo of what x86-64-v3 and -v4 promise to a compiler.
_V3 = {"avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe", "xsave"}
_V4 = {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}


def find_compiler() -> str | None:
    """`$CXX`, else c++, g++ or clang++; None where there is none."""
    names = [os.environ.get("CXX", ""), "c++", "g++", "clang++"]
    return next((found for name in names if name and (found := shutil.which(name))), None)


@cache
def supported_isas() -> tuple[str, ...]:
    """Names of ISAS that this processor runs, best first."""
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return ("baseline",)
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # not Linux
        return ("baseline",)
    flags = {word for line in lines if line.startswith("flags") for word in line.split()}
    if not flags >= _V3:
        return ("baseline",)
    return ("avx512", "avx2", "baseline") if flags >= _V4 else ("avx2", "baseline")


def library_path(isa: str) -> Path:
    """Where the library lies or will lie; its name changes with the source and the flags."""
    told = hashlib.sha256(SOURCE.read_bytes())
    told.update(" ".join((*_FLAGS, *ISAS[isa], platform.system())).encode())
    machine = platform.machine().lower()
    return build_folder() / f"tvl1-{machine}-{isa}-{told.hexdigest()[:16]}.so"


def build(isa: str) -> Path:
    """The library, made unless it is there. Raises WtalError without a compiler that can."""
    target = library_path(isa)
    if target.is_file():
        return target
    compiler = find_compiler()
    if compiler is None:
        raise WtalError(
            "flow.backend compiled: no C++ compiler; install one (Debian, Ubuntu: sudo apt "
            "install g++), name it in CXX, or set flow.backend to numba, which gives the same flow"
        )
    log.info("compiling TV-L1 for %s into %s, once on this machine", isa, target.parent)
    # Others may build it at this moment: it takes its name when it is whole.
    with TemporaryDirectory(dir=target.parent) as folder:
        fresh = Path(folder) / target.name
        command = [compiler, *_FLAGS, *ISAS[isa], str(SOURCE), "-o", str(fresh)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            lines = done.stderr.strip().splitlines() if done.returncode else []
            failed = done.returncode != 0
        except OSError as err:  # a file of that name which is no program
            lines, failed = [str(err)], True
        if failed:
            said = "\n  ".join(lines[-5:])
            raise WtalError(
                f"flow.backend compiled: {compiler} does not compile {SOURCE.name}; name another "
                f"in CXX, or set flow.backend to numba, which gives the same flow:\n  {said}"
            )
        _sync(fresh)
        os.replace(fresh, target)
    return target


def _sync(library: Path) -> None:
    """To the disk: one that a power cut has emptied ends each run that loads it, without a word."""
    with library.open("rb") as file:
        os.fsync(file.fileno())
