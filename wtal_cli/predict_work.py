"""Encoding new videos in a process of its own: a file that kills it costs itself alone."""

import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from wtal_cli.plain import plain
from wtal_core.errors import BadVideo, WtalError
from wtal_core.pool import Died, run_pool
from wtal_core.predicting.encoding import Encoded, Encoders
from wtal_core.predicting.settings import RunSettings

_EVERY_S = {True: 0.2, False: 10.0}  # between two words of progress, on a terminal or in a log


@dataclass(frozen=True)
class Job:
    """One video; number `number` of `total`."""

    source: Path
    run: RunSettings
    threads: int
    number: int
    total: int

    def __str__(self) -> str:
        return str(self.source)


@dataclass(frozen=True)
class Unfit:
    """The run's encoders cannot be used, whatever the video."""

    problem: WtalError


def encode_apart(jobs: Sequence[Job]) -> Iterator[tuple[Job, Encoded | WtalError]]:
    """Each video with its features, or with what was wrong with it, in the order given.

    Raises WtalError where the trouble is the run's.
    """
    for index, result in run_pool(work, jobs, workers=1):
        if isinstance(result, Unfit):
            raise result.problem
        if isinstance(result, Died):
            result = BadVideo(
                "E105",
                str(jobs[index].source),
                f"the process that worked on it died twice ({result.how})",
                "re-encode it with ffmpeg; if memory ran out (SIGKILL), set WTAL_WORKERS=1",
            )
        yield jobs[index], result


def work(job: Job) -> Encoded | Unfit:
    """Encode one video, telling on standard error how far it is."""
    try:
        encoders = _encoders(job.run, job.threads)
    except WtalError as problem:
        return Unfit(problem)
    line = Line(f"{job.number} of {job.total}, {job.source.name}", sys.stderr.isatty())
    try:
        return encoders.encode(job.source, line.tell)
    finally:
        line.clear()


@lru_cache(maxsize=1)
def _encoders(run: RunSettings, threads: int) -> Encoders:
    """Loaded once in a process."""
    return Encoders(run, threads)


class Line:
    """One line on a terminal that changes; in a log, a new one now and then."""

    def __init__(self, title: str, terminal: bool) -> None:
        self.title, self.terminal = plain(title).replace("\n", "\\n"), terminal
        self.start = self.said = time.monotonic()

    def tell(self, done_s: float, total_s: float) -> None:
        """`done_s` of `total_s` seconds of video are done."""
        now = time.monotonic()
        if now - self.said >= _EVERY_S[self.terminal]:
            self.said = now
            text = f"{self.title}: {describe(done_s, total_s, now - self.start)}"
            print(
                f"\r\x1b[K{text}" if self.terminal else text,
                end="" if self.terminal else "\n", file=sys.stderr, flush=True,
            )  # fmt: skip

    def clear(self) -> None:
        """Leave the terminal's line empty for others."""
        if self.terminal:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def describe(done_s: float, total_s: float, spent_s: float) -> str:
    """Progress in words: how much of the video, at what cost, and what is left."""
    rate = spent_s / done_s
    words = f"{rate:.2f} s of work per second of video"
    if done_s >= total_s:  # the header says nothing, or too little
        return f"{done_s:.0f} s of video done, {words}"
    left = rate * (total_s - done_s)
    return f"{done_s:.0f} of {total_s:.0f} s of video, {words}, about {left:.0f} s left"
