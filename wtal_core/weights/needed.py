"""Are the encoders' weights there? If not, what to do about it; asked before anything heavy."""

from collections.abc import Mapping
from pathlib import Path

from wtal_core.errors import WtalError
from wtal_core.schema.encoders import ClipParams, I3dParams
from wtal_core.weights.registry import Entry, find_entry

_PARTS = ("meta.json", "model.safetensors")


def needed_weights(data: Path, i3d: I3dParams, clip: ClipParams) -> dict[str, Path]:
    """Entry of the registry -> the checkpoint folder of the data set that it belongs in.

    Imported I3D features need no network. CLIP is needed always, for its text tower.
    """
    streams = {} if i3d.imported else {"i3d_rgb": data / i3d.rgb, "i3d_flow": data / i3d.flow}
    return {**streams, "clip": data / clip.weights}


def require_weights(folders: Mapping[str, Path], made_too: bool = True) -> None:
    """Raise WtalError with the recipe unless every checkpoint folder has both its files.

    A folder below one with a dvc.yaml of its own is made by that pipeline; the recipe says so, or,
    without `made_too`, such folders are left to it.
    """
    absent = {
        name: folder
        for name, folder in folders.items()
        if not all((folder / part).is_file() for part in _PARTS)
    }
    made = {name: folder for name, folder in absent.items() if maker(folder).is_file()}
    brought = {name: folder for name, folder in absent.items() if name not in made}
    if brought:
        raise WtalError(recipe(brought))
    if made and made_too:
        listed = ", ".join(str(folder) for folder in made.values())
        pipeline = maker(next(iter(made.values())))
        raise WtalError(f"{listed}: no weights; `dvc repro {pipeline}` makes them")


def maker(folder: Path) -> Path:
    """The pipeline that would make the checkpoint `folder`: data/NAME/dvc.yaml."""
    return folder.resolve().parents[1] / "dvc.yaml"


def recipe(folders: Mapping[str, Path]) -> str:
    """What is missing and how to get it, with and without a network on this machine."""
    lines = [f"{', '.join(str(folder) for folder in folders.values())}: no weights."]
    encoders = {folder.parent for folder in folders.values()}
    for place in sorted(encoders):
        names = " ".join(name for name, folder in folders.items() if folder.parent == place)
        lines.append(f"Run:  wtal weights fetch {names} --into {place}")
    lines.append("Without a network here, bring the files from another machine:")
    for name, folder in folders.items():
        entry = find_entry(name)
        lines += [f"{name}: {entry.what}; {entry.licence}", *_files(entry)]
        lines.append(f"  then:  wtal weights fetch {name} --from FILE --into {folder.parent}")
        lines.append(f"  which writes {folder.parent / entry.target}")
        if folder.name != entry.target:
            lines.append(f"  (dataset.yaml names {folder}: rename one of them)")
    return "\n".join(lines)


def _files(entry: Entry) -> list[str]:
    return [
        line
        for file in entry.files
        for line in (
            f"  {file.url}",
            f"    {f'{file.bytes} bytes' if file.bytes else 'size not known'}, {file.expected}",
        )
    ]
