"""Makes torchvision (which open_clip and timm import) usable beside a CPU build of torch.

The wheel of torchvision on the package index is linked against CUDA. Next to a CPU torch its
compiled operators cannot load, and `import torchvision` then fails although everything that this
project needs is plain Python. Declaring the missing operators lets the import finish; calling one
of them still raises torchvision's own error. On a CUDA build nothing is done, so that a broken
install is not hidden.
"""

from __future__ import annotations

import importlib
import logging
import re
import sys

import torch

_log = logging.getLogger(__name__)
_MISSING_OPERATOR = re.compile(r"operator torchvision::(\w+) does not exist")


def ensure() -> tuple[str, ...]:
    """Imports torchvision, declaring operators that a CPU torch lacks.

    Returns the names declared by this call: none when torchvision imports by itself.
    Raises torchvision's RuntimeError for any other fault, and always on a CUDA build of torch.
    """
    declared: list[str] = []
    while True:
        try:
            importlib.import_module("torchvision")
        except RuntimeError as error:
            name = _undeclared(str(error), declared)
            if name is None:
                raise
            _forget_torchvision()
            torch.library.define(f"torchvision::{name}", "(...) -> Tensor")
            declared.append(name)
        else:
            break
    if declared:
        _log.info("torchvision without its compiled operators (CPU torch): declared %s", declared)
    return tuple(declared)


def _undeclared(message: str, declared: list[str]) -> str | None:
    """The operator that a failed import asks for, or None when the failure is not ours to mend."""
    found = _MISSING_OPERATOR.search(message)
    if torch.version.cuda is not None or found is None or found[1] in declared:
        return None
    return found[1]


def _forget_torchvision() -> None:
    """A failed import leaves half-made submodules behind; the next try must start afresh."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        del sys.modules[name]
