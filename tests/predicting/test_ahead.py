"""Work ahead in another thread: its order, its bound, its errors, and that it ends."""

import signal
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from wtal_core.predicting.ahead import Ahead, hired


def wait_until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 60  # only a hang takes so long
    while not true():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.001)


class Counted:
    """Numbers from 0 on, and how they ended."""

    def __init__(self, count: int) -> None:
        self.count, self.made = count, 0
        self.closed_in: str | None = None

    def __iter__(self) -> Iterator[int]:
        try:
            for number in range(self.count):
                self.made += 1
                yield number
        finally:
            self.closed_in = threading.current_thread().name


@pytest.mark.parametrize("depth", [1, 2, 7])
def test_all_in_order(depth: int) -> None:
    before = threading.active_count()
    with Ahead(iter(Counted(50)), depth) as results:
        assert list(results) == list(range(50))
        with pytest.raises(StopIteration):
            next(results)
    with Ahead(iter([5, 3, 4]), depth) as listed:  # no generator, nothing to close
        assert list(listed) == [5, 3, 4]
    assert threading.active_count() == before


@pytest.mark.parametrize("depth", [1, 3])
def test_it_works_ahead_so_far_and_no_further(depth: int) -> None:
    source = Counted(50)
    with Ahead(iter(source), depth) as results:
        for taken in range(4):
            # `depth` wait, and one more is in the thread's hands
            wait_until(lambda taken=taken: source.made == taken + depth + 1)  # type: ignore[misc]
            time.sleep(0.01)
            assert source.made == taken + depth + 1
            assert next(results) == taken
    with pytest.raises(ValueError, match="depth 0"):
        Ahead(iter(source), 0)


def test_who_leaves_early_leaves_no_thread() -> None:
    before, source = threading.active_count(), Counted(1000)
    with Ahead(iter(source), 2) as results:
        assert next(results) == 0
    assert source.closed_in == "wtal-ahead"
    assert source.made <= 4
    assert threading.active_count() == before


def test_an_error_comes_where_the_next_result_would_have() -> None:
    def failing() -> Iterator[int]:
        yield from (7, 8)
        raise OSError("the disk is gone")

    with Ahead(failing(), 5) as results:
        assert [next(results), next(results)] == [7, 8]
        with pytest.raises(OSError, match="the disk is gone"):
            next(results)
        assert list(results) == []


def test_ctrl_c_while_waiting() -> None:
    before, source = threading.active_count(), Counted(10)

    def slow() -> Iterator[int]:
        for number in source:
            yield number
            if number == 2:
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
                wait_until(lambda: work._left)  # nothing comes: who waits is in the midst of it

    work = Ahead(slow(), 1)

    def take(found: list[int]) -> None:
        with work as results:
            for number in results:
                found.append(number)

    found: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        take(found)
    assert found in ([0, 1], [0, 1, 2])
    assert threading.active_count() == before
    assert source.made == 4  # the one in work was finished


def test_ctrl_c_while_the_thread_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    before, source = threading.active_count(), Counted(1000)
    work = Ahead(iter(source), 2)
    start = work._thread.start

    def interrupted() -> None:
        start()
        raise KeyboardInterrupt

    monkeypatch.setattr(work._thread, "start", interrupted)
    with pytest.raises(KeyboardInterrupt), work:
        pass
    wait_until(lambda: threading.active_count() == before)
    assert source.made <= 4


def test_a_pool_that_is_left_drops_what_waits() -> None:
    begun: list[int] = []
    go = threading.Event()

    def work(number: int) -> None:
        begun.append(number)
        go.wait(60)

    def leave() -> None:
        with hired(2) as pool:
            for number in range(9):
                pool.submit(work, number)
            wait_until(lambda: len(begun) == 2)
            threading.Timer(0.05, go.set).start()
            raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        leave()
    assert sorted(begun) == [0, 1]
