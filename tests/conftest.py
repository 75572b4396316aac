"""What test files share: one run of the whole pipeline, which takes a minute."""

import os
import signal

import pytest
from hypothesis import HealthCheck, settings

from tests.tiny_run import Clone

# A shell starts background commands with SIGINT ignored, which every child inherits; what Ctrl+C
# does could not be tested there.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# What the one who tests has for a terminal is no matter of the program's: in a narrow box, or
# with escapes for colours between its words, a message holds no sentence that a test looks for.
os.environ["TERMINAL_WIDTH"] = "200"  # of typer's boxes
os.environ["_TYPER_FORCE_DISABLE_TERMINAL"] = "1"
for name in ("COLUMNS", "FORCE_COLOR", "TTY_COMPATIBLE"):  # rich looks at each
    os.environ.pop(name, None)

# An example that waits for a core is no slower than the code, and one drawn by chance that fails
# has nothing to do with the change under test: each run draws the same. To look for others:
# `pytest --hypothesis-profile default`.
settings.register_profile(
    "steady", deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.too_slow],
)  # fmt: skip
settings.load_profile("steady")


def pytest_configure(config: pytest.Config) -> None:
    """Know xdist's marker without xdist, too."""
    config.addinivalue_line("markers", "xdist_group(name): in one of xdist's processes")


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A clone in which `dvc repro` went through. Tests leave its parameters as they found them.

    Files that use it are marked `xdist_group("tiny_run")`, so that it runs in one process.
    """
    clone = Clone.make(tmp_path_factory.mktemp("first"), workers=2)
    ran = clone.repro()
    assert ran[0] == "check"
    assert ran[-1] == "summary"
    return clone
