"""What `wtal predict` says while it works, and what it makes of a process that dies."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from wtal_cli import predict_work
from wtal_cli.predict import clock
from wtal_cli.predict_work import Job, Line, Unfit, describe, encode_apart
from wtal_core.errors import BadVideo, WtalError
from wtal_core.pool import Died


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0:00.00"), (59.994, "0:59.99"), (59.996, "1:00.00"), (754.5, "12:34.50"),
        (3599.996, "1:00:00.00"), (3723.456, "1:02:03.46"),
    ],
)  # fmt: skip
def test_a_clock(seconds: float, said: str) -> None:
    assert clock(seconds) == said


def test_how_far_the_work_is() -> None:
    said = describe(30, 120, 15)
    assert said == "30 of 120 s of video, 0.50 s of work per second of video, about 45 s left"
    # headers that say nothing, or too little
    for total_s in (0, 29):
        assert describe(30, total_s, 15) == "30 s of video done, 0.50 s of work per second of video"


def test_a_terminal_has_one_line_and_a_log_a_few(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = [100.0]
    monkeypatch.setattr(predict_work.time, "monotonic", lambda: now[0])

    def play(terminal: bool) -> str:
        now[0] = 100.0
        line = Line("2 of 3, a\nb\x1b[2J.mp4", terminal)
        for step in range(1, 61):  # a snippet each 0.25 s, for 15 s
            now[0] = 100 + 0.25 * step
            line.tell(step, 240)
        line.clear()
        return capsys.readouterr().err

    on_terminal = play(True)
    assert "\n" not in on_terminal
    assert on_terminal.count("\r\x1b[K2 of 3, a\\nb\\x1b[2J.mp4: ") == 60
    assert on_terminal.endswith("about 45 s left\r\x1b[K")
    in_a_log = play(False)
    assert in_a_log == (
        "2 of 3, a\\nb\\x1b[2J.mp4: 40 of 240 s of video, "
        "0.25 s of work per second of video, about 50 s left\n"
    )


def _jobs(count: int) -> list[Job]:
    settings: Any = None
    return [Job(Path(f"{number}.mp4"), settings, 1, number, count) for number in range(count)]


def _results(monkeypatch: pytest.MonkeyPatch, *results: Any) -> None:
    def played(work: Any, jobs: Any, workers: int) -> Iterator[tuple[int, Any]]:
        assert workers == 1  # two would take the memory of two
        yield from enumerate(results)

    monkeypatch.setattr(predict_work, "run_pool", played)


def test_a_video_that_kills_its_process_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    other = BadVideo("E102", "1.mp4", "it is empty", "copy it again")
    _results(monkeypatch, Died("SIGSEGV"), other)
    (job, died), (_, told) = encode_apart(_jobs(2))
    assert job.number == 0
    assert isinstance(died, BadVideo)
    assert (died.code, died.file) == ("E105", "0.mp4")
    assert "SIGSEGV" in died.cause
    assert told is other


def test_encoders_that_do_not_fit_end_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    _results(monkeypatch, Unfit(WtalError("encoders/clip: of another model")))
    with pytest.raises(WtalError, match="of another model"):
        list(encode_apart(_jobs(2)))
