"""What Ctrl+C does to a command: it says at once that it stops, and a second one ends it there."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing import active_children, current_process
from types import FrameType

ENDED = 128 + signal.SIGINT  # the exit code that shells know
_STOPPING = "stopping; Ctrl+C again ends it at once\n"
_SHOW_CURSOR = "\x1b[?25h"  # a bar of progress hides it


def leave_to_parent() -> None:
    """In a worker process that is loading: Ctrl+C is not for it, its parent ends it.

    The terminal sends it to both, and a worker that is still importing would answer with a
    traceback. Once it works, the pool sees to that.
    """
    if current_process().name != "MainProcess":
        signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def interruptible() -> Iterator[None]:
    """Within the block, Ctrl+C is answered at once, whatever has to be finished or taken away.

    After the first one the answer stays in force to the process's end: loaded libraries take a
    second to leave. What a second one leaves behind has a temporary name, and goes the next time.
    Where somebody else answers to Ctrl+C (tests, a shell that starts a job in the background),
    nothing changes.
    """
    ours = threading.current_thread() is threading.main_thread()
    if not ours or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    pressed = False

    def answer(number: int, frame: FrameType | None) -> None:
        nonlocal pressed
        if pressed:
            _end()
        pressed = True
        _say(_STOPPING)
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, answer)
    try:
        yield
    finally:
        if not pressed:
            signal.signal(signal.SIGINT, signal.default_int_handler)


def _end() -> None:
    for child in active_children():
        child.kill()
    if _terminal():
        _say(_SHOW_CURSOR)
    os._exit(ENDED)


def _say(text: str) -> None:
    """Past Python's own buffers: Ctrl+C may have come while they are being written."""
    start = "\n" if _terminal() else ""  # below a line of progress
    with suppress(OSError):
        os.write(2, (start + text).encode())


def _terminal() -> bool:
    return os.isatty(2)  # false where there is no standard error
