"""Progress of a training run: a bar on a terminal, a line now and then in a log."""

import logging
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

log = logging.getLogger(__name__)
LOG_EVERY_S = 20.0


class Progress:
    """Counts steps to `total`, with the time left and the latest loss."""

    def __init__(self, title: str, total: int, done: int = 0) -> None:
        self.title, self.total, self.done, self.first = title, total, done, done
        self.started = self.logged = time.monotonic()
        console = Console(stderr=True)
        self.bar: Bar | None = None
        if console.is_terminal:
            self.bar = Bar(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                TextColumn("loss {task.fields[loss]:.4f}"),
                console=console,
            )
            self.task = self.bar.add_task(title, total=total, completed=done, loss=float("nan"))

    def __enter__(self) -> Self:
        if self.bar is not None:
            self.bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.bar is not None:
            self.bar.stop()

    def advance(self, loss: float) -> None:
        """One more step is done."""
        self.done += 1
        if self.bar is not None:
            self.bar.update(self.task, advance=1, loss=loss)
            return
        now = time.monotonic()
        if now - self.logged >= LOG_EVERY_S or self.done == self.total:
            self.logged = now
            left_s = (now - self.started) / (self.done - self.first) * (self.total - self.done)
            log.info(
                "%s: step %d of %d, loss %.4f, %.0f s left",
                self.title,
                self.done,
                self.total,
                loss,
                left_s,
            )
