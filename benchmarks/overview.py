"""One table and one picture of what all benchmarks measured."""

import json
from collections.abc import Sequence
from pathlib import Path

from benchmarks.harness import Row, plot, read_rows

PICTURE = "overview.svg"


def write_overview(folder: Path, names: Sequence[str]) -> Path:
    """README.md and overview.svg, from <name>.json of each in the folder; the path of the first.

    What was not measured there, or says nothing of a target, is named.
    """
    paths = {name: folder / f"{name}.json" for name in names}
    rows = {name: _read(path) for name, path in paths.items()}
    found = [row for some in rows.values() for row in some]
    if found:
        plot(found, folder / PICTURE)
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / "README.md"
    target.write_text("\n".join(describe(rows, _machines(paths))) + "\n", encoding="utf-8")
    return target


def describe(rows: dict[str, list[Row]], machines: dict[str, list[str]]) -> list[str]:
    """Lines of the page. rows: of each benchmark; machines: the benchmarks measured on each."""
    found = [row for some in rows.values() for row in some]
    reached = sum(row.reached for row in found)
    lines = [
        "# What was measured",
        "",
        f"Written by `make bench`, from the figures in this folder: {reached} of {len(found)} "
        "targets reached. Each anchor and ours take turns in one run, and the median of the "
        "ratios counts: `3x` is three times as fast as the anchor. A target is reached when the "
        "results are right, too. A bold row is one that is not.",
    ]
    if found:
        lines += [
            "",
            f"![Measured over target of each row]({PICTURE})",
            "",
            "| what | anchor | target | measured | reached | accuracy | limit |",
            "|---|---|---|---|---|---|---|",
        ]
    lines += [_line(name, row) for name, some in rows.items() for row in some]
    silent = [name for name, some in rows.items() if not some]
    if silent:
        lines += ["", f"Without figures for a target: {', '.join(silent)}."]
    lines += [
        line
        for machine, names in machines.items()
        for line in ("", f"Measured on {machine}: {', '.join(names)}.")
    ]
    return lines


def _line(name: str, row: Row) -> str:
    mark = "" if row.reached else "**"
    cells = [
        f"{mark}[{row.what}]({name}.md){mark}",
        row.anchor,
        row.target_told,
        f"{row.measured:.3g}{row.unit}",
        "yes" if row.reached else "no",
        row.accuracy,
        row.limit or "–",
    ]
    return f"| {' | '.join(cells)} |"


def _read(path: Path) -> list[Row]:
    """Nothing of a file that is not there, or was written before benchmarks told of targets."""
    if not path.is_file():
        return []
    tree = json.loads(path.read_text(encoding="utf-8"))
    return read_rows(path) if "targets" in tree else []


def _machines(paths: dict[str, Path]) -> dict[str, list[str]]:
    """Machine -> the benchmarks that were measured on it."""
    found: dict[str, list[str]] = {}
    for name, path in paths.items():
        if path.is_file():
            tree = json.loads(path.read_text(encoding="utf-8"))
            if "machine" in tree:
                found.setdefault(tree["machine"], []).append(name)
    return found
