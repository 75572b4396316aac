"""A pool of processes that outlives its workers: one that dies costs its item, never a hang."""

import multiprocessing
import os
import signal
import threading
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from wtal_core.errors import WtalError, disk_full

# One process per item is the parallelism; libraries that add their own only fight over cores.
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
_TRIES = 2  # memory may run out because of a neighbour; a file that kills twice is guilty


@dataclass(frozen=True)
class Died:
    """The worker process ended on this item, twice: `how` is a signal's name or an exit code."""

    how: str


class WorkerError(RuntimeError):
    """A worker met an error that no user can put right; the message is its traceback."""


@dataclass
class _Worker:
    process: BaseProcess
    index: int | None = None  # item in work; None before it has reported for duty


def worker_count() -> int:
    """`$WTAL_WORKERS`, else one per core that this process may use."""
    given = os.environ.get("WTAL_WORKERS", "")
    if given and (not given.isdecimal() or int(given) < 1):
        raise WtalError(f"WTAL_WORKERS = {given!r}: set it to a number of processes, or unset it")
    return int(given) if given else len(os.sched_getaffinity(0))


def run_pool(
    work: Callable[[Any], Any], items: Sequence[Any], workers: int
) -> Generator[tuple[int, Any], None, None]:
    """Yield (index, result) as they come; the result is `work(item)`, a WtalError or a `Died`.

    `work` and the items are pickled (processes are spawned, so that no lock or thread is
    inherited). Raises WorkerError for any other exception in a worker. The workers end with this
    generator, however it ends, and when this process is killed.
    """
    waiting = deque(range(len(items)))
    tries = [0] * len(items)
    active: dict[Connection, _Worker] = {}

    def start() -> None:
        connection, process = _spawn(work)
        active[connection] = _Worker(process)

    def assign(connection: Connection) -> None:
        worker = active[connection]
        if waiting:
            worker.index = waiting.popleft()
            tries[worker.index] += 1
            connection.send(items[worker.index])
        else:
            del active[connection]
            connection.close()  # the worker sees the end and leaves
            worker.process.join()

    try:
        for _ in range(min(workers, len(items))):
            start()
        while active:
            for ready in wait(list(active)):
                connection = next(c for c in active if c is ready)
                worker = active[connection]
                index = worker.index
                try:
                    kind, payload = connection.recv()
                except (EOFError, ConnectionResetError):
                    del active[connection]
                    how = _epitaph(worker.process)
                    if index is None:
                        raise WorkerError(f"a worker process did not start ({how})") from None
                    if tries[index] < _TRIES:
                        waiting.appendleft(index)
                    if waiting:
                        start()
                    if tries[index] >= _TRIES:
                        yield index, Died(how)
                    continue
                if kind == "error":
                    raise WorkerError(payload)
                assign(connection)
                if index is not None:
                    yield index, payload
    finally:
        for worker in active.values():
            worker.process.terminate()
        for worker in active.values():
            worker.process.join()


def _spawn(work: Callable[[Any], Any]) -> tuple[Connection, BaseProcess]:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(work, there), daemon=True)
    with _environment(_ONE_THREAD):
        process.start()
    there.close()  # or the death of the worker would not close the pipe
    return here, process


def _serve(work: Callable[[Any], Any], connection: Connection) -> None:
    """What a worker does: items in, results out, until the pipe closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent gets it too and ends the workers
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    connection.send(("ready", None))
    while True:
        try:
            item = connection.recv()
        except (EOFError, OSError):
            return
        try:
            answer = "result", work(item)
        except WtalError as err:
            answer = "result", err
        except Exception as err:
            full = disk_full(err)
            answer = ("result", full) if full else ("error", traceback.format_exc())
        connection.send(answer)


def _leave_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _epitaph(process: BaseProcess) -> str:
    process.join()
    code = process.exitcode or 0
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    before = {key: os.environ.get(key) for key in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for key, value in before.items():
            if value is None:
                del os.environ[key]
            else:
                os.environ[key] = value
