"""What FFmpeg complains of while it works: it conceals damage and only says so."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import av

T = TypeVar("T")

# Otherwise PyAV drops all messages, and FFmpeg does not repeat itself from one file to the next.
av.logging.set_level(av.logging.ERROR)
av.logging.set_skip_repeated(False)


@contextmanager
def heard(complaints: list[str]) -> Iterator[None]:
    """Add FFmpeg's errors inside this block to `complaints`; they reach no log."""
    with av.logging.Capture() as log:
        yield
    complaints += [message.strip() for _, _, message in log]


def listen(steps: Iterator[T], complaints: list[str]) -> Iterator[T]:
    """Pass `steps` on; errors while one of them is made are added to `complaints`.

    It listens step by step, so that files which are read in turns do not hear each other.
    """
    while True:
        with heard(complaints):
            step = next(steps, None)
        if step is None:
            return
        yield step
