"""What a PyTorch file would do when it is loaded, read off its pickles without running them.

`torch.load(weights_only=True)` refuses foreign names, too. This goes before it and needs no torch:
a file that names anything but tensors is not opened at all.
"""

import pickletools
import re
import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import IO

from wtal_core.errors import WtalError

# What a state dict of tensors needs, and no more.
_ALLOWED = re.compile(
    r"collections OrderedDict"
    r"|torch\._utils _rebuild_(tensor|tensor_v2|parameter)"
    r"|torch (Float|Double|Half|BFloat16|Long|Int|Short|Char|Byte|Bool)Storage"
    r"|torch Size"
)
# torch.save writes protocol 2, whose one way to a name is GLOBAL; these are ways of others.
_OTHER_WAYS = ("STACK_GLOBAL", "INST", "OBJ", "EXT1", "EXT2", "EXT4", "NEWOBJ", "NEWOBJ_EX")
_OLD_FORM = 5  # pickles at the head of a file of torch < 1.6: magic, version, system, state, keys
_LARGEST_PICKLE = 64 << 20


def check_pickles(path: Path) -> None:
    """Raise WtalError unless the file is one of torch.save's that holds nothing but tensors.

    Both forms are known: the zip archive, and the row of pickles before torch 1.6. An archive of
    TorchScript is refused, since it holds a program.
    """
    if zipfile.is_zipfile(path):
        _check_archive(path)
        return
    with path.open("rb") as file:
        if file.read(2) == b"PK":
            raise WtalError(
                f"{path}: a zip archive without its end: truncated; fetch the file again"
            )
        file.seek(0)
        _check_row(path, file)


def _check_archive(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            if any(re.search(r"(^|/)(code/|constants\.pkl$)", name) for name in names):
                raise WtalError(
                    f"{path}: an archive of TorchScript, which holds a program; use a state dict "
                    "or a safetensors file of these weights"
                )
            pickles = [name for name in names if name.endswith(".pkl")]
            if [name.rpartition("/")[2] for name in pickles] != ["data.pkl"]:
                raise WtalError(f"{path}: not a file of torch.save: its pickles are {pickles}")
            if archive.getinfo(pickles[0]).file_size > _LARGEST_PICKLE:
                raise WtalError(f"{path}: {pickles[0]} is too large for a state dict")
            _check_one(path, BytesIO(archive.read(pickles[0])))
    except zipfile.BadZipFile as err:
        raise WtalError(f"{path}: a broken zip archive ({err}); fetch the file again") from err


def _check_row(path: Path, file: IO[bytes]) -> None:
    for _ in range(_OLD_FORM):
        _check_one(path, file)
        if file.read(1) == b"":
            raise WtalError(
                f"{path}: not a file of torch.save, or truncated: it ends among its pickles"
            )
        file.seek(-1, 1)


def _check_one(path: Path, file: IO[bytes]) -> None:
    """Look through one pickle; the file then stands behind it."""
    for opcode, value in _opcodes(path, file):
        if opcode in _OTHER_WAYS:
            raise WtalError(
                f"{path}: refused before loading: a pickle with {opcode}, which torch.save does "
                "not write for tensors; get the weights from another source"
            )
        if opcode == "GLOBAL" and not _ALLOWED.fullmatch(str(value)):
            raise WtalError(
                f"{path}: refused before loading: its pickle names {str(value).replace(' ', '.')}, "
                "which is no tensor and could run code; get the weights from another source"
            )


def _opcodes(path: Path, file: IO[bytes]) -> Iterator[tuple[str, object]]:
    try:
        for opcode, value, _ in pickletools.genops(file):
            yield opcode.name, value
    except (ValueError, IndexError, UnicodeDecodeError, OverflowError) as err:
        raise WtalError(
            f"{path}: not a file of torch.save, or truncated ({err}); fetch it again"
        ) from err
