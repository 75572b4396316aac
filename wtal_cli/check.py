"""`wtal check`: the health of a data set's videos and labels."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from stages.check import check as check_params
from wtal_cli.description import Description, Table
from wtal_cli.documents import write_tree
from wtal_cli.findings import finding_lines
from wtal_cli.plain import plain
from wtal_cli.run_ import named_folder
from wtal_cli.show import show
from wtal_core.errors import BadVideo, WtalError
from wtal_core.findings import LEVELS, exit_code
from wtal_core.own_videos.check import Checked, Report, check_data_set
from wtal_core.own_videos.health import Examined

SHORT = 40  # videos that are all shown
WIDTH = 120


def check(
    name: Annotated[str, typer.Argument(help="data set: the folder's name under data/")],
    data: Annotated[Path, typer.Option(help="where the data sets are")] = Path("data"),
    params: Annotated[Path, typer.Option(help="the parameters")] = Path("params.yaml"),
    json_: Annotated[Path | None, typer.Option("--json", help="write everything here")] = None,
    all_: Annotated[bool, typer.Option("--all", help="show the videos without findings too")] = (
        False
    ),
    strict: Annotated[bool, typer.Option("--strict", help="exit 1 for a warning")] = False,
) -> None:
    """Decode every video of NAME to its end and look for trouble in videos and labels, before
    hours are spent. Exit code 0: no error, 1: a warning (with --strict), 2: an error. A second
    run looks at new videos alone.
    """
    folder = named_folder(name, data)
    if not folder.is_dir():
        raise WtalError(f"{folder}: no such folder; `wtal init {folder.name} VIDEOS` makes it")
    check_params(params, folder / "dataset.yaml")
    report = check_data_set(folder, params)
    if json_ is not None:
        write_tree(json_, {"data": folder.name, "exit_code": exit_code(report.findings, strict)}
                   | report.to_dict())  # fmt: skip
    show(describe(folder.name, report, all_), Console(width=max(WIDTH, Console().width)))
    raise typer.Exit(exit_code(report.findings, strict))


def describe(name: str, report: Report, every: bool) -> Description:
    """Counts, videos, findings."""
    levels = [finding.level for finding in report.findings]
    bad = sum(isinstance(one.examined, BadVideo) for one in report.videos)
    healthy = [one.examined.health for one in report.videos if isinstance(one.examined, Examined)]
    seconds = sum(health.duration_s for health in healthy)
    facts = {
        "videos": f"{len(report.videos)}, of which {bad} cannot be used",
        "length": f"{seconds / 60:.1f} min in all",
        "findings": ", ".join(f"{levels.count(level)} {level}s" for level in LEVELS),
    }
    tables = []
    every = every or len(report.videos) <= SHORT
    shown = [one for one in report.videos if every or one.findings]
    if shown:
        columns = ("video", "split", "health", "frames", "length", "fps", "size", "labels")
        title = "videos" if every else "videos with findings (--all: the others, too)"
        tables.append(Table(title, columns, tuple(row(one) for one in shown)))
    drawings = [finding_lines(report.findings)] if report.findings else []
    return Description(f"{name}: health", facts, tables, drawings)


def row(one: Checked) -> tuple[str, ...]:
    """One video as cells."""
    codes = " ".join(dict.fromkeys(f.code for f in one.findings if f.level != "note")) or "fine"
    labels = ", ".join(one.video.labels)
    head = (plain(one.video.id), one.video.subset, codes)
    if not isinstance(one.examined, Examined):
        return (*head, "-", "-", "-", "-", labels)
    health = one.examined.health
    return (
        *head,
        str(health.frames),
        f"{health.duration_s:.2f} s",
        f"{health.fps:.2f}{' variable' if health.variable else ''}",
        f"{health.width}x{health.height}",
        labels,
    )
