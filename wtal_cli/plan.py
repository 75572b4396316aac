"""`wtal plan`: hours, disk and memory of a run, before anything runs."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from wtal_cli.description import Description, Table
from wtal_cli.documents import write_text
from wtal_cli.run_ import named_folder
from wtal_cli.show import show
from wtal_core.annotations import read_labels
from wtal_core.errors import WtalError
from wtal_core.items import cache_root
from wtal_core.planning.settings import Settings, read_settings
from wtal_core.pool import worker_count

if TYPE_CHECKING:  # these load torch, which takes seconds
    from stages.parts.cbp_branches import ChosenBranch
    from wtal_core.planning.measure import BranchMaker
    from wtal_core.planning.plan import Plan


def plan(
    name: Annotated[str, typer.Argument(help="data set: the folder's name under data/")],
    data: Annotated[Path, typer.Option(help="where the data sets are")] = Path("data"),
    params: Annotated[Path, typer.Option(help="the parameters")] = Path("params.yaml"),
    measure_s: Annotated[
        float, typer.Option(help="seconds to measure; starting comes on top")
    ] = 30.0,
    json_to: Annotated[Path | None, typer.Option("--json", help="write it to this file")] = None,
    allow_full: Annotated[
        bool, typer.Option("--allow-full", help="exit 0 though a disk is too small")
    ] = False,
    afresh: Annotated[
        bool, typer.Option("--afresh", help="count stages whose results are there, too")
    ] = False,
) -> None:
    """Predict what `dvc repro` will take on data set NAME, stage by stage, from the headers of its
    videos (or its imported features) and a short measurement of this machine. Exit code 3: a disk
    is too small.
    """
    folder = named_folder(name, data)
    facts = folder / "dataset.yaml"
    if not folder.is_dir():
        raise WtalError(f"{folder}: no such folder; `wtal init {folder.name} VIDEOS` makes one")
    settings = read_settings(params, facts)
    read_labels(folder / "labels.json")  # what is missing is said before torch is loaded
    from stages.parts.cbp_branches import read_branch
    from wtal_core.planning.plan import make_plan
    from wtal_core.planning.room import find_places

    made = make_plan(
        folder,
        Path("results"),
        settings,
        make_maker(read_branch(params, facts), settings),
        find_places(Path.cwd(), folder, cache_root()),
        worker_count(),
        measure_s,
        lambda line: print(f"measured: {line}", file=sys.stderr),
        afresh,
    )
    if json_to is not None:
        write_text(json_to, json.dumps(made.to_dict(), indent=1) + "\n")
    show(describe(folder.name, made), Console())
    for one in made.shortages:
        print(
            f"{'warning' if allow_full else 'error'}: the disk of {one.place} has "
            f"{size(one.free)} free, and about {size(one.needed)} are needed; free some, move the "
            "item cache (WTAL_ITEM_CACHE) or DVC's (`dvc cache dir`) to another disk, or have DVC "
            "link instead of copy (`dvc config cache.type hardlink,symlink`)",
            file=sys.stderr,
        )
    if made.shortages and not allow_full:
        raise typer.Exit(3)


def make_maker(branch: "ChosenBranch", settings: Settings) -> "BranchMaker":
    """How to build the branch from the numbers that a plan knows."""
    from wtal_core.planning.measure import BranchMaker

    return BranchMaker(
        lambda i3d, clip, classes: branch.build(
            {"in_channels": i3d, "clip_channels": clip, "classes": range(classes)}
        ),
        branch.own_loss(settings.loss),
        branch.needs_clip,
    )


def describe(name: str, made: "Plan") -> Description:
    """The table, and what a reader should know."""
    rows: list[tuple[str, ...]] = []
    for cost in made.costs:
        if cost.stage in made.there:
            rows.append((cost.stage, "there", "-", "-", "-", "-", cost.note))
            continue
        sizes = made.bytes_of(cost).values()
        memory = "?" if cost.memory is None else size(cost.memory)
        rows.append((cost.stage, span(cost.seconds), *map(size, sizes), memory, cost.note))
    total = [
        sum(made.bytes_of(cost)[key] for cost in made.due) for key in made.bytes_of(made.costs[0])
    ]
    most = max((cost.memory for cost in made.due if cost.memory is not None), default=0.0)
    rows.append(("all", span(made.seconds), *map(size, total), size(most), ""))
    columns = ("stage", "time", "in data/", "DVC's cache", "item cache", "memory", "")
    facts = {
        "workers": f"{made.workers} (WTAL_WORKERS)",
        "DVC's results": f"{made.places.linked} (cache.type)",
        **{f"note {i}": note for i, note in enumerate(made.notes, start=1)},
    }
    if made.there:
        facts["there"] = "results exist and count nothing; `dvc status` says whether they hold"
    title = "expect it to be right within a factor of two"
    return Description(f"plan of {name}", facts, [Table(title, columns, tuple(rows))])


def span(seconds: float) -> str:
    """A time for people: 12 s, 3.4 min, 5.6 h."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def size(count: float) -> str:
    """Bytes for people: 0.4 MB, 2.5 GB."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"
