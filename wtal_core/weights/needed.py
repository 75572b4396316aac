"""Are the encoders' weights there? If not, what to do about it; asked before anything heavy."""

from pathlib import Path

from wtal_core.errors import WtalError
from wtal_core.weights.registry import Entry, find_entry

_PARTS = ("meta.json", "model.safetensors")


def require_weights(folder: Path, name: str) -> None:
    """Raise WtalError with the recipe unless the checkpoint `folder` has both its files.

    `name` is the registry's entry that belongs there. A data set with a dvc.yaml of its own makes
    its encoders itself, and the recipe says so.
    """
    absent = [part for part in _PARTS if not (folder / part).is_file()]
    if not absent:
        return
    data = folder.parent.parent
    cause = f"{folder}: no weights ({' and '.join(absent)} missing)"
    if (data / "dvc.yaml").is_file():
        raise WtalError(f"{cause}; `dvc repro` makes them: {data / 'dvc.yaml'} says how")
    raise WtalError(f"{cause}.\n{recipe(find_entry(name), folder.parent)}")


def recipe(entry: Entry, encoders: Path) -> str:
    """How to get the weights, with and without a network on this machine."""
    lines = [
        f"{entry.what}; {entry.licence}; {entry.home}",
        f"Run:  wtal weights fetch {entry.name} --into {encoders}",
        "Without a network here, bring from another machine",
    ]
    for file in entry.files:
        size = f"{file.bytes} bytes" if file.bytes else "size unknown"
        lines += [f"  {file.url}", f"    {file.name}, {size}, {file.expected}"]
    lines += [
        f"and run:  wtal weights fetch {entry.name} --from FILE --into {encoders}",
        f"which writes {encoders / entry.target}.",
    ]
    return "\n".join(lines)
