"""The `wtal` command as such: quick to start, one wording of errors, `--debug`."""

import logging
import subprocess
import sys
from pathlib import Path
from typing import ClassVar

import pytest
import typer
from typer.testing import CliRunner

from tests.closure import ROOT
from tests.cpu_time import ended_children_s
from wtal_cli.commands import Commands, Lazy
from wtal_cli.main import COMMANDS, app
from wtal_cli.plain import plain
from wtal_core.errors import WtalError

HEAVY = ("torch", "cv2", "open_clip", "matplotlib", "dvc")


def _fail(kind: str) -> None:
    """Fails in the way that its argument says."""
    if kind == "user":
        raise WtalError("a.csv: line 3 is empty; remove it")
    if kind == "hostile":
        raise WtalError("a\x1b[2J\u202e.csv: bad; rename it")
    if kind == "file":
        Path("no/such/file").read_text()
    if kind == "full":
        raise OSError(28, "No space left on device", "a.bin")
    if kind == "fault":
        raise KeyError("x")
    if kind == "usage":
        raise typer.BadParameter("not so")
    if kind == "warn":
        logging.getLogger("wtal_core.sources").warning("W210 \x1b twins")
    raise typer.Exit(7)


class Failing(Commands):
    """One lazy command, which fails."""

    lazy: ClassVar[dict[str, Lazy]] = {"fail": Lazy(__name__, "_fail", "fails")}


failing = typer.Typer(cls=Failing, add_completion=False, pretty_exceptions_enable=False)


@failing.callback()
def _main() -> None:
    pass


@pytest.mark.parametrize(
    ("kind", "code", "said"),
    [
        ("user", 2, "error: a.csv: line 3 is empty; remove it\n"),
        ("hostile", 2, "error: a\\x1b[2J\\u202e.csv: bad; rename it\n"),
        ("file", 2, "error: no/such/file: No such file or directory; check the name"),
        ("full", 2, "error: a.bin: no room to write it"),
        ("fault", 1, "error: a fault of wtal itself (KeyError: 'x'); run the same with --debug"),
        ("usage", 2, "not so"),
        ("warn", 7, "warning: W210 \\x1b twins\n"),
        ("quiet", 7, ""),
    ],
)
def test_every_end_in_words(kind: str, code: int, said: str) -> None:
    ran = CliRunner().invoke(failing, ["fail", kind])
    assert ran.exit_code == code
    assert said in ran.stderr
    assert "Traceback" not in ran.output


@pytest.mark.parametrize(
    "words", [["--debug", "fail", "user"], ["fail", "--debug", "user"], ["fail", "user", "--debug"]]
)
def test_debug_shows_the_cause(words: list[str]) -> None:
    ran = CliRunner().invoke(failing, words)
    assert isinstance(ran.exception, WtalError)
    assert ran.exit_code == 1


def test_debug_behind_a_double_dash_is_a_word() -> None:
    assert CliRunner().invoke(failing, ["fail", "--", "--debug"]).exit_code == 7


def test_nothing_stays_behind_in_logging() -> None:
    before = list(logging.getLogger().handlers), logging.getLogger("wtal_core.progress").level
    CliRunner().invoke(failing, ["fail", "user"])
    after = list(logging.getLogger().handlers), logging.getLogger("wtal_core.progress").level
    assert after == before


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_there_and_says_what_it_does(name: str) -> None:
    ran = CliRunner().invoke(app, [name, "--help"])
    assert ran.exit_code == 0, ran.output
    assert "Usage" in ran.output
    assert COMMANDS[name].help.endswith(".")
    assert COMMANDS[name].help.split()[0] in CliRunner().invoke(app, ["--help"]).output


def test_a_misspelt_command_gets_the_nearest() -> None:
    ran = CliRunner().invoke(app, ["chekc"])
    assert ran.exit_code == 2
    assert "'check'" in ran.output


@pytest.mark.parametrize(
    "words",
    [
        ["--help"], ["init", "x", "nowhere"], ["check", "nowhere"], ["plan", "nowhere"],
        ["inspect", "nowhere"], ["diagnose", "nowhere"], ["weights", "verify", "nowhere"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_what_is_missing_is_said_without_loading_anything_heavy(words: list[str]) -> None:
    code = (
        f"import sys\nsys.argv = ['wtal', *{words!r}]\n"
        "from wtal_cli.main import app\n"
        "try:\n    app()\n"
        f"finally:\n    print('heavy:', *({HEAVY!r} & sys.modules.keys()))"
    ).replace(f"({HEAVY!r} &", f"(set({HEAVY!r}) &")
    before_s = ended_children_s()
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert ran.stdout.splitlines()[-1].strip() == "heavy:"
    assert ran.returncode in (0, 2)
    assert ended_children_s() - before_s < 2  # 0.3 s in peace


def test_plain_text() -> None:
    assert plain("a\tb\n😀 ü \udcff") == "a\\tb\n😀 ü \\udcff"
