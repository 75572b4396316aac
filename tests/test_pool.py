"""The process pool: right results in any order of arrival, and no hang whatever a worker does."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from wtal_core.errors import BadVideo, WtalError
from wtal_core.pool import Died, WorkerError, run_pool


def wait_for(condition: Callable[[], bool], else_: str) -> None:
    end = time.monotonic() + 60  # only a hang takes so long
    while not condition():
        assert time.monotonic() < end, else_
        time.sleep(0.01)


def act(item: tuple[str, object]) -> object:
    """What a test asks of a worker."""
    word, value = item
    match word:
        case "double":
            return 2 * int(str(value))
        case "threads":
            return os.environ["OMP_NUM_THREADS"]
        case "bad":
            raise BadVideo("E104", str(value), "cause", "remedy")
        case "wrong":
            raise WtalError(f"wrong {value}")
        case "bug":
            raise ZeroDivisionError(value)
        case "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "exit":
            os._exit(3)
        case "crash once":
            marker = Path(str(value))
            if not marker.exists():
                marker.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            return "second try"
        case "pid":
            time.sleep(0.2)
            return os.getpid()
        case "meet":
            (Path(str(value)) / str(os.getpid())).touch()
            wait_for(lambda: len(list(Path(str(value)).iterdir())) == 2, "nobody came")
            return os.getpid()
    raise AssertionError(word)


def test_every_item_gets_its_own_result() -> None:
    found = dict(run_pool(act, [("double", i) for i in range(7)], 3))
    assert found == {i: 2 * i for i in range(7)}


def test_no_items_need_no_worker() -> None:
    assert list(run_pool(act, [], 3)) == []


def test_workers_run_side_by_side_with_one_thread_each(tmp_path: Path) -> None:
    """Each of two items is done only when the other is in work, too."""
    before = os.environ.get("OMP_NUM_THREADS")
    assert len({pid for _, pid in run_pool(act, [("meet", tmp_path)] * 2, 2)}) == 2
    assert list(run_pool(act, [("threads", 0)], 1)) == [(0, "1")]
    assert os.environ.get("OMP_NUM_THREADS") == before


def test_named_errors_are_results() -> None:
    found = dict(run_pool(act, [("bad", "a.mp4"), ("wrong", 7), ("double", 4)], 1))
    assert isinstance(found[0], BadVideo)
    assert (found[0].code, found[0].file) == ("E104", "a.mp4")
    assert str(found[1]) == "wrong 7"
    assert found[2] == 8


def test_a_crash_costs_its_item_alone() -> None:
    items = [("double", 1), ("crash", 0), ("exit", 0), ("double", 3), ("double", 4)]
    found = dict(run_pool(act, items, 2))
    assert found == {0: 2, 1: Died("SIGSEGV"), 2: Died("exit code 3"), 3: 6, 4: 8}


def test_a_killed_worker_gets_a_second_try(tmp_path: Path) -> None:
    found = dict(run_pool(act, [("crash once", tmp_path / "marker")], 1))
    assert found == {0: "second try"}


def test_a_bug_shows_its_traceback() -> None:
    with pytest.raises(WorkerError, match=r"(?s)Traceback.*in act.*ZeroDivisionError: why"):
        list(run_pool(act, [("bug", "why")], 1))


def test_workers_end_when_the_caller_stops() -> None:
    results = run_pool(act, [("pid", 0)] * 3, 1)
    _, pid = next(results)
    results.close()
    wait_for(lambda: not Path(f"/proc/{pid}").exists(), "the worker lives on")
