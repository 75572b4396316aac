"""Turns a data set's dataset.yaml to imported features, leaving the rest as it stands."""

import re
from pathlib import Path

from wtal_core.atomic import fresh_file
from wtal_core.corrections import CORRECTIONS, write_corrections
from wtal_core.errors import WtalError
from wtal_core.params import load_yaml

KEYS = ("imported", "sha256")
FOLDERS = {
    "videos": "No videos are needed where both kinds of features are imported. Where one kind is\n"
    "extracted, its videos lie here, under the names in labels.json.\n",
    "encoders": "The checkpoint folder `clip` belongs here, also with imported features: its text\n"
    "tower makes the classifier. `wtal weights list` says where to get it.\n",
}


def name_import(dataset_yaml: Path, section: str, folder: str, sha256: str) -> None:
    """Write `imported` and `sha256` into a section of dataset.yaml, in the place of older ones.

    Comments, order and all other values stay. Raises WtalError, with the lines to write by hand,
    when the section is written in a way that this cannot change.
    """
    before = load_yaml(dataset_yaml)
    text = dataset_yaml.read_text(encoding="utf-8")
    values = {"imported": folder, "sha256": sha256}
    expected = {**before, section: {**(before.get(section) or {}), **values}}
    with fresh_file(dataset_yaml) as fresh:
        fresh.write_text(_changed(text, section, values), encoding="utf-8")
        if load_yaml(fresh) != expected:
            lines = "\n".join(
                [f"{section}:", *(f"  {key}: {_scalar(value)}" for key, value in values.items())]
            )
            raise WtalError(
                f"{dataset_yaml}: could not write into the section {section!r}; "
                f"add by hand:\n{lines}"
            )


def _changed(text: str, section: str, values: dict[str, str]) -> str:
    flow = re.compile(rf"^({section}:[ \t]*\{{)([^{{}}\n]*)(\}}.*)$", re.MULTILINE)
    if match := flow.search(text):
        kept = [
            item.strip() for item in match[2].split(",")
            if item.strip() and item.split(":")[0].strip() not in KEYS
        ]  # fmt: skip
        inner = ", ".join([*kept, *(f"{key}: {_scalar(value)}" for key, value in values.items())])
        return text[: match.start()] + match[1] + inner + match[3] + text[match.end() :]
    lines = text.splitlines()
    heads = [n for n, line in enumerate(lines) if re.match(rf"{section}:[ \t]*(#.*)?$", line)]
    if len(heads) != 1:
        return text
    start = end = heads[0] + 1
    while end < len(lines) and (not lines[end].strip() or lines[end][0] in " \t"):
        end += 1
    body = [line for line in lines[start:end] if line.strip().split(":")[0] not in KEYS]
    written = next((line for line in body if line.strip()), "  ")
    indent = written[: len(written) - len(written.lstrip())]
    added = [f"{indent}{key}: {_scalar(value)}" for key, value in values.items()]
    return "\n".join([*lines[:start], *added, *body, *lines[end:]]) + "\n"


def _scalar(value: str) -> str:
    """In quotes: a hash can look like a number."""
    return f'"{value}"'


def prepare_folders(data: Path) -> list[str]:
    """Make what the pipeline's stages depend on, where it is not; say so.

    DVC wants `videos`, `encoders` and corrections.json to be there; a file in each folder lets git
    keep it.
    """
    made = []
    if not (data / CORRECTIONS).exists():
        write_corrections(data / CORRECTIONS, {})
        made.append(f"{data / CORRECTIONS}: made, without corrections")
    for name, text in FOLDERS.items():
        folder = data / name
        if not folder.exists():
            folder.mkdir()
            (folder / "README.md").write_text(text, encoding="utf-8")
            made.append(f"{folder}: made, with a README.md")
    return made
