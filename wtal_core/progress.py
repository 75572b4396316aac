"""How far a long loop is: a bar with the time left on a terminal, a line now and then in a log."""

import logging
import multiprocessing
import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

T = TypeVar("T")
log = logging.getLogger(__name__)
_EVERY_S = 10.0


def report(steps: Iterable[T], title: str, total: int) -> Iterator[T]:
    """Pass `steps` on while telling on standard error how many of `total` are done.

    In a worker process nothing is told: its parent reports.
    """
    if multiprocessing.parent_process() is not None:
        return iter(steps)
    return _bar(steps, title, total) if sys.stderr.isatty() else _lines(steps, title, total)


def _bar(steps: Iterable[T], title: str, total: int) -> Iterator[T]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        yield from progress.track(steps, total=total, description=title)


def _lines(steps: Iterable[T], title: str, total: int) -> Iterator[T]:
    start = said = time.monotonic()
    done = 0
    for step in steps:
        yield step
        done += 1
        now = time.monotonic()
        if now - said >= _EVERY_S and done < total:
            left = (now - start) / done * (total - done)
            log.info("%s: %d of %d, about %.0f s left", title, done, total, left)
            said = now
    log.info("%s: %d of %d in %.1f s", title, done, total, time.monotonic() - start)
