"""Work that goes on in a thread of its own, a bounded number of results ahead of who takes them."""

import threading
from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from types import TracebackType
from typing import Generic, Self, TypeVar

T = TypeVar("T")


class Ahead(Generic[T]):
    """An iterator's results in order, made in another thread: `with Ahead(source, 4) as results`.

    At most `depth` results wait, and one more is in work: then the source stands still until one
    is taken. What the source raises is raised where its next result would have been. At the end
    of the block, whatever ended it, the source (if a generator) is closed in its own thread, and
    the thread is gone.
    """

    def __init__(self, source: Iterator[T], depth: int) -> None:
        """Raises ValueError for a depth below 1. Nothing starts before the block."""
        if depth < 1:
            raise ValueError(f"a queue holds at least one result, got depth {depth}")
        self._source, self._depth = source, depth
        self._waiting: deque[T] = deque()
        self._changed = threading.Condition()
        self._ended = self._left = False  # the source is through; nobody takes any more
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="wtal-ahead", daemon=True)

    def __enter__(self) -> Self:
        try:
            self._thread.start()
        except BaseException:  # Ctrl+C in the midst of it: the thread may be running
            self._leave()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._leave()
        self._thread.join()

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._ended)
            if self._waiting:
                self._changed.notify_all()
                return self._waiting.popleft()
            error, self._error = self._error, None
        if error is not None:
            raise error
        raise StopIteration

    def _leave(self) -> None:
        with self._changed:
            self._left = True
            self._waiting.clear()
            self._changed.notify_all()

    def _work(self) -> None:
        try:
            for result in self._source:
                if not self._put(result):
                    break
                del result  # or the next one would be made while this one is held
        except BaseException as error:  # whoever waits for a result gets it
            self._error = error
        finally:
            if isinstance(self._source, Generator):
                self._source.close()
            with self._changed:
                self._ended = True
                self._changed.notify_all()

    def _put(self, result: T) -> bool:
        """Whether it was wanted; waits for room."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._waiting) < self._depth or self._left)
            if self._left:
                return False
            self._waiting.append(result)
            self._changed.notify_all()
            return True


@contextmanager
def hired(threads: int) -> Iterator[ThreadPoolExecutor]:
    """A pool of threads; the block ends when what is in work is done, and what waits is dropped."""
    pool = ThreadPoolExecutor(threads)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)
