"""Which files a stage's code consists of: its own and all of wtal_core that it imports.

DVC looks at no imports, so dvc.yaml must name these files. `make deps` rewrites the lists that
stand after a `# code` line; test_pipeline.py compares them.
"""

import argparse
import ast
import re
import textwrap
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
PIPELINES = (
    *(ROOT / name for name in ("dvc.yaml", "data/demo/dvc.yaml", "data/study/dvc.yaml")),
    # The second system, which may be deleted.
    *sorted((ROOT / "fustal").rglob("dvc.yaml")),
)
# Logging and exit codes of every stage: changes no result, so it must not rerun days of flow.
NOT_TRACKED = ("stages/launch.py",)


def imported_modules(path: Path) -> frozenset[str]:
    """Dotted names of everything that the file imports, at the top or inside a function.

    `from a import b` gives a and a.b, since b may be a module.
    """
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                raise ValueError(f"{path}:{node.lineno}: a relative import; write it in full")
            names.add(str(node.module))
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return frozenset(names)


def module_file(name: str) -> Path | None:
    """The file of one of our own modules; None for a package, a name in a module, or others'."""
    if name.split(".")[0] not in ("wtal_core", "stages", "wtal_cli", "tests"):
        return None
    path = ROOT.joinpath(*name.split(".")).with_suffix(".py")
    return path if path.is_file() else None


@cache
def own_imports(path: Path) -> frozenset[Path]:
    """Our own files that the file imports itself."""
    return frozenset(f for name in imported_modules(path) if (f := module_file(name)))


def closure(path: Path) -> set[Path]:
    """The file and all of our own files that it imports, however indirectly."""
    found, waiting = {path}, [path]
    while waiting:
        for file in own_imports(waiting.pop()) - found:
            found.add(file)
            waiting.append(file)
    return found


def code_of_stage(module: str) -> list[str]:
    """What dvc.yaml must name for `python -m stages.<module>`, relative to the top, sorted."""
    files = closure(ROOT / "stages" / f"{module}.py")
    # What a module says in another language lies beside it, under its name.
    files |= {cpp for file in files if (cpp := file.with_suffix(".cpp")).is_file()}
    names = {file.relative_to(ROOT).as_posix() for file in files}
    return sorted(names - set(NOT_TRACKED))


def rewritten(text: str) -> str:
    """The text of a dvc.yaml with each list after `# code` made anew from the imports."""
    lines = list(_rewritten_lines(iter(text.splitlines())))
    return "\n".join(lines) + "\n"


def _rewritten_lines(lines: Iterator[str]) -> Iterator[str]:
    module = ""
    for line in lines:
        if match := re.search(r"\bcmd: .*python -m stages\.(\w+)", line):
            module = match[1]
        yield line
        if line.strip() != "# code":
            continue
        if not module:
            raise ValueError("a `# code` list stands before the stage's cmd")
        for old in lines:
            if old.rstrip().endswith("]"):
                break
        indent = line[: len(line) - len(line.lstrip())]
        words = ", ".join(code_of_stage(module)) + "]"
        yield from textwrap.wrap(
            words, 100, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
        )
        module = ""


def main() -> None:
    """Print the code of each stage, or write it into the dvc.yaml files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="rewrite the lists in dvc.yaml")
    write = parser.parse_args().write
    for path in PIPELINES:
        text = path.read_text(encoding="utf-8")
        if write:
            path.write_text(rewritten(text), encoding="utf-8")
        else:
            print(rewritten(text))


if __name__ == "__main__":
    main()
