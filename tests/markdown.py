"""What a Markdown document links to and which commands it names, and what is wrong with them."""

import re
import shlex
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from typer.core import TyperGroup

from tests.closure import ROOT
from wtal_cli.main import COMMANDS
from wtal_core.params import load_yaml

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```\s*$", re.M | re.S)
_SPAN = re.compile(r"(?<!`)`([^`]+)`(?!`)")
_TARGET = re.compile(r"\]\(\s*<?([^)>\s]+)>?(?:\s+\"[^\"]*\")?\s*\)")
_ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:", re.I)  # https:, mailto:
_OURS = ("wtal", "make", "python")
_BREAKS = ("&&", "||", "|", ";")


def headings(text: str) -> list[str]:
    """The text's headings in their order, without the `#`; a comment in code is none."""
    lines = _FENCE.sub("", text).splitlines()
    return [m[1].strip() for line in lines if (m := re.match(r"#{1,6}\s+(.*?)\s*#*$", line))]


def slugs(text: str) -> set[str]:
    """Anchors that GitHub gives to the text's headings.

    Lower case, only letters, digits, `_`, `-`; a hyphen for each space; the second of equal
    headings ends in -1, the third in -2.
    """
    seen: dict[str, int] = {}
    found = set()
    for heading in headings(text):
        shown = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading)  # a link shows its text
        slug = re.sub(r"[^\w\- ]", "", shown.lower()).replace(" ", "-")
        found.add(f"{slug}-{seen[slug]}" if slug in seen else slug)
        seen[slug] = seen.get(slug, 0) + 1
    return found


def targets(text: str) -> list[str]:
    """Where the links and pictures of the text lead to; code is no link."""
    return _TARGET.findall(_SPAN.sub("", _FENCE.sub("", text)))


def linked(page: Path) -> Iterator[tuple[str, Path, str]]:
    """Of each relative link: as it stands, the file that it means, and its anchor."""
    for target in targets(page.read_text(encoding="utf-8")):
        if not _ELSEWHERE.match(target):
            place, _, anchor = target.partition("#")
            path = (page.parent / unquote(place)).resolve() if place else page
            yield target, path, anchor


def broken_links(page: Path, root: Path = ROOT) -> list[str]:
    """What is wrong with the page's relative links, a line each."""
    wrong = []
    for target, path, anchor in linked(page):
        if not path.is_relative_to(root):
            wrong.append(f"{page.name}: {target} leaves the repository")
        elif not path.exists():
            wrong.append(f"{page.name}: {target} does not exist")
        elif anchor and (path.suffix != ".md" or anchor not in slugs(path.read_text("utf-8"))):
            wrong.append(f"{page.name}: {target} names no heading of {path.name}")
    return wrong


def reachable(start: Path) -> set[Path]:
    """Markdown files that links lead to from `start`, itself included."""
    found, waiting = {start}, [start]
    while waiting:
        pages = {p for _, p, _ in linked(waiting.pop()) if p.suffix == ".md" and p.is_file()}
        waiting += pages - found
        found |= pages
    return found


def commands(text: str) -> Iterator[list[str]]:
    """Words of every command that begins with `wtal`, `make` or `python`: in bash blocks, behind
    the prompt of a block of output, and in code within a sentence.
    """
    lines: list[str] = []
    for kind, block in _FENCE.findall(text):
        joined = block.replace("\\\n", " ").splitlines()
        lines += joined if kind == "bash" else [x[2:] for x in joined if x.startswith("$ ")]
    lines += [" ".join(span.split()) for span in _SPAN.findall(_FENCE.sub("", text))]
    for line in lines:
        if not any(word in line for word in _OURS):
            continue
        part: list[str] = []
        spaced = re.sub(r";(?=\s|$)", " ; ", line)
        for word in [*shlex.split(spaced, comments=True), ";"]:
            if word not in _BREAKS:
                part.append(word)
                continue
            while part and re.match(r"[A-Z_]+=", part[0]):  # variables before the command
                part = part[1:]
            if len(part) > 1 and part[0].rstrip("0123456789.") in _OURS:
                yield part
            part = []


def unknown(words: list[str]) -> str | None:
    """What of the command does not exist, or None."""
    kind = words[0].rstrip("0123456789.")
    check: dict[str, Callable[[list[str]], str | None]] = {
        "wtal": _unknown_wtal, "make": _unknown_make, "python": _unknown_module,
    }  # fmt: skip
    fault = check[kind](words[1:])
    return fault and f"{' '.join(words)}: {fault}"


def unknown_switches(text: str) -> list[str]:
    """Keys behind `-S` that params.yaml lacks, or dataset.yaml of the demo; `+` adds a key."""
    found = []
    for file, key in re.findall(r"-S '?~?(?:([\w/.]+):)?([a-z][\w.]*)", text):
        place: Any = load_yaml(ROOT / ("data/demo/dataset.yaml" if file else "params.yaml"))
        parts = key.split(".")
        if file and parts[0] == "method":  # overrides any key of params.yaml
            place, parts = load_yaml(ROOT / "params.yaml"), parts[1:]
        for part in parts:
            place = place.get(part) if isinstance(place, dict) else None
        if place is None:
            found.append(f"{file}:{key}" if file else key)
    return found


def _unknown_make(words: list[str]) -> str | None:
    rules = re.findall(r"^([a-z][\w-]*):", (ROOT / "Makefile").read_text("utf-8"), re.M)
    missing = [w for w in words if "=" not in w and not w.startswith("-") and w not in rules]
    return f"the Makefile has no {missing[0]}" if missing else None


def _unknown_module(words: list[str]) -> str | None:
    if words[0] != "-m":
        return None
    name = words[1]
    try:
        spec = find_spec(name)
        if spec is not None and spec.submodule_search_locations is not None:
            spec = find_spec(f"{name}.__main__")
    except ModuleNotFoundError:
        spec = None
    return None if spec else f"no module {name} to run"


def _unknown_wtal(words: list[str]) -> str | None:
    """Names of a command, of one of a group, and of options; `a|b` stands for either."""
    if words[0].startswith("-"):
        return None
    if words[0] not in COMMANDS:
        return f"no command {words[0]}"
    command, rest = COMMANDS[words[0]].load(words[0]), words[1:]
    if isinstance(command, TyperGroup) and rest and not rest[0].startswith("-"):
        names, rest = rest[0].split("|"), rest[1:]
        if missing := [name for name in names if name not in command.commands]:
            return f"{words[0]} has no {missing[0]}"
        command = command.commands[names[0]]
    known = {"--help", "--debug"}
    for parameter in command.params:
        known.update(parameter.opts, parameter.secondary_opts)
    given = [w.strip("[]").split("=")[0] for w in rest if re.match(r"\[?--?[a-z]", w)]
    missing = [option for option in given if option not in known]
    return f"no option {missing[0]}" if missing else None
