"""Ctrl+C in a command: told at once, and a second one ends it whatever it is doing."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.closure import ROOT
from wtal_cli.interrupts import interruptible

# A command that takes its time: first to work, then to take away what it began.
PROGRAM = """
import sys, time
from typing import ClassVar
import typer
from wtal_cli.commands import Commands, Lazy
from wtal_cli.main import app as _

def slow(cleaning: float) -> None:
    try:
        print("working", flush=True)
        time.sleep(600)
    finally:
        print("cleaning", flush=True)
        time.sleep(cleaning)
        print("clean", flush=True)

class Slow(Commands):
    lazy: ClassVar[dict[str, Lazy]] = {"slow": Lazy("__main__", "slow", "is slow")}

app = typer.Typer(cls=Slow, add_completion=False, pretty_exceptions_enable=False)

@app.callback()
def _main() -> None:
    pass

if __name__ == "__main__":
    app()
"""
# What a worker does about Ctrl+C at the moment when it begins to load its work.
WORKER = """
import signal
from multiprocessing import get_context
import wtal_cli.main

def tell() -> None:
    print(signal.getsignal(signal.SIGINT).name)

if __name__ == "__main__":
    print(signal.getsignal(signal.SIGINT) is signal.default_int_handler, flush=True)
    worker = get_context("spawn").Process(target=tell)
    worker.start()
    worker.join()
"""


def start(path: Path, program: str, *words: str) -> "subprocess.Popen[str]":
    path.write_text(program)
    return subprocess.Popen(
        [sys.executable, str(path), *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, cwd=ROOT, env={"PYTHONPATH": str(ROOT), "PATH": ""},
    )  # fmt: skip


def await_word(process: "subprocess.Popen[str]", word: str) -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == f"{word}\n"


def test_the_first_is_told_and_what_began_is_taken_away(tmp_path: Path) -> None:
    process = start(tmp_path / "slow.py", PROGRAM, "slow", "0")
    await_word(process, "working")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert out == "cleaning\nclean\n"
    assert err.strip() == "stopping; Ctrl+C again ends it at once"
    assert process.returncode == 130


def test_the_second_waits_for_nothing(tmp_path: Path) -> None:
    process = start(tmp_path / "slow.py", PROGRAM, "slow", "600")
    await_word(process, "working")
    process.send_signal(signal.SIGINT)
    await_word(process, "cleaning")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert out == ""
    assert err.strip() == "stopping; Ctrl+C again ends it at once"
    assert process.returncode == 130


def test_a_worker_leaves_it_to_its_parent_from_the_start(tmp_path: Path) -> None:
    process = start(tmp_path / "work.py", WORKER)
    out, err = process.communicate(timeout=120)
    assert (out, err) == ("True\nSIG_IGN\n", "")


def test_whoever_answers_already_goes_on_doing_so() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with interruptible():
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("error", [None, ValueError])
def test_nothing_stays_behind(error: type[Exception] | None) -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        if error is None:
            with interruptible():
                assert signal.getsignal(signal.SIGINT) is not signal.default_int_handler
        else:
            with pytest.raises(error), interruptible():
                raise error
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
