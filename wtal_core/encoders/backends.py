"""Which program computes the networks, and in which numbers: from `encoders` of dataset.yaml.

Nothing in here loads torch.

torch      eager. With fp32 on a processor the reference: the network as it stands in i3d.py and
           clip.py. With bf16, BatchNorm is folded, weights and activations are bfloat16, the head
           is float32.
compile    torch.compile of that folded network. It needs a C++ compiler and seconds to start in a
           process, and gains so little on `torch` (benchmarks/i3d.py, benchmarks/clip.py) that it
           pays after many snippets only. So `auto` never chooses it.
openvino   Intel's runtime, an optional package; on x86 processors of AMD, too, the fastest in
           either precision.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from wtal_core.errors import WtalError
from wtal_core.schema.encoders import BackendName, EncoderParams, Precision

INSTALL_OPENVINO = "pip install 'wtal[openvino]'"
# Processors without either compute bfloat16 by way of float32, slower than float32 itself.
_BF16_FLAGS = frozenset({"amx_bf16", "avx512_bf16", "bf16"})  # the last on Arm


@dataclass(frozen=True)
class Machine:
    """What matters of a machine."""

    bf16: bool  # multiplies bfloat16 in hardware: its GPU if it has one, else its processor
    openvino: bool  # is installed
    cuda: bool = False  # has a GPU that torch can use


@dataclass(frozen=True)
class Backend:
    """A choice without `auto`. Features of two different ones do not belong in one store."""

    backend: BackendName
    precision: Precision

    def __str__(self) -> str:
        return f"{self.backend} {self.precision}"

    @property
    def record(self) -> dict[str, str]:
        """For the attributes of a store."""
        return asdict(self)

    @property
    def packages(self) -> tuple[str, ...]:
        """Beside torch, whose versions decide the features."""
        return ("openvino",) if self.backend == "openvino" else ()

    @classmethod
    def of_record(cls, attributes: Mapping[str, Any]) -> Backend:
        """What made the features of a store; of an old one, which says nothing: the reference."""
        return cls(attributes.get("backend", "torch"), attributes.get("precision", "fp32"))


def resolve(params: EncoderParams, machine: Machine) -> Backend:
    """The backend for `params`. Raises WtalError for one that is asked for and is not there."""
    name: BackendName
    if params.backend == "auto":
        name = "openvino" if machine.openvino and not machine.cuda else "torch"
    else:
        name = params.backend
    if params.precision == "auto":
        precision: Precision = "bf16" if machine.bf16 else "fp32"
    else:
        precision = params.precision
    found = Backend(name, precision)
    require(found, machine)
    return found


def require(backend: Backend, machine: Machine) -> None:
    """Raise WtalError where the machine lacks what the backend needs."""
    if backend.backend == "openvino" and not machine.openvino:
        raise WtalError(
            f"encoders: {backend} asks for OpenVINO, which is not installed; install it "
            f"({INSTALL_OPENVINO}), or set `encoders.backend` of dataset.yaml to auto or torch, "
            "which makes the features anew"
        )
    compiler = os.environ.get("CXX", "g++")
    if backend.backend == "compile" and not machine.cuda and shutil.which(compiler) is None:
        raise WtalError(
            f"encoders: {backend} asks for a C++ compiler, and {compiler!r} is not there; install "
            "one (Debian: apt install g++), name it in CXX, or set `encoders.backend` of "
            "dataset.yaml to auto or torch"
        )


def has_openvino() -> bool:
    """Is the package installed? It is not loaded."""
    return importlib.util.find_spec("openvino") is not None


def processor_has_bf16(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Does the processor multiply bfloat16 in hardware? False where the system does not tell."""
    try:
        text = cpuinfo.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    for line in text.splitlines():
        name, _, value = line.partition(":")
        if name.strip().lower() in ("flags", "features"):
            return bool(_BF16_FLAGS & set(value.split()))
    return False
