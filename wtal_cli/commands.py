"""The group behind `wtal`: loads a command when it is called, and words errors in one place."""

import errno
import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any, ClassVar

import typer
from typer.core import TyperCommand, TyperGroup

from wtal_cli.interrupts import interruptible
from wtal_cli.plain import plain
from wtal_core.errors import WtalError, disk_full

DEBUG = "--debug"
USER_ERROR, FAULT = 2, 1  # exit codes: something a user can mend; a fault of this program


@dataclass(frozen=True)
class Lazy:
    """A command, or a group of commands, that is imported when it is called."""

    module: str
    name: str  # of the function, or of the Typer app, in the module
    help: str  # one line for the list of commands

    def load(self, command: str) -> Any:
        """The command itself, of Typer's own kind."""
        found = getattr(import_module(self.module), self.name)
        if not isinstance(found, typer.Typer):
            found, function = typer.Typer(add_completion=False), found
            found.command(command)(function)
        loaded = typer.main.get_command(found)
        loaded.name = command
        return loaded


class LazyCommand(TyperCommand):
    """Stands for a command in the list, and becomes it when it is called.

    torch takes a second to load, and most commands have no use for it.
    """

    def __init__(self, command: str, lazy: Lazy) -> None:
        super().__init__(command, help=lazy.help)
        self.lazy = lazy

    def make_context(self, info_name: str | None, args: list[str], *rest: Any, **more: Any) -> Any:
        return self.lazy.load(str(self.name)).make_context(info_name, args, *rest, **more)


class Commands(TyperGroup):
    """A group that knows its lazy commands, and prints errors without a traceback.

    `--debug`, anywhere in the line, shows the traceback instead.
    """

    lazy: ClassVar[Mapping[str, Lazy]] = {}

    def list_commands(self, ctx: Any) -> list[str]:
        return sorted({*super().list_commands(ctx), *self.lazy})

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name in self.lazy:
            return LazyCommand(cmd_name, self.lazy[cmd_name])
        return super().get_command(ctx, cmd_name)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        # Typer looks for the nearest names in this dict
        self.commands = {name: self.get_command(ctx, name) for name in self.list_commands(ctx)}
        return super().resolve_command(ctx, args)

    def make_context(self, info_name: str | None, args: list[str], *rest: Any, **more: Any) -> Any:
        end = args.index("--") if "--" in args else len(args)
        debug = DEBUG in args[:end]
        kept = [word for word in args[:end] if word != DEBUG] + args[end:]
        context = super().make_context(info_name, kept, *rest, **more)
        context.meta[DEBUG] = debug
        return context

    def invoke(self, ctx: Any) -> Any:
        with interruptible(), logged():
            if ctx.meta[DEBUG]:
                return super().invoke(ctx)
            with without_traceback():
                return super().invoke(ctx)


@contextmanager
def without_traceback() -> Iterator[None]:
    """What a user can mend ends with exit code 2, a fault of this program with 1; each in words."""
    try:
        yield
    except WtalError as err:
        end(str(err), USER_ERROR, err)
    except OSError as err:
        if err.errno == errno.EPIPE:  # the reader of a pipe left, as `head` does
            raise
        full = disk_full(err)
        end(str(full) if full else describe(err), USER_ERROR, err)
    except Exception as err:
        if type(err).__module__.split(".")[0] in ("typer", "click"):
            raise  # an exit code, or a wrong word on the command line: Typer tells of it
        kind = type(err).__name__
        first = (str(err).strip() or "no message").splitlines()[0]
        end(
            f"a fault of wtal itself ({kind}: {first}); run the same with {DEBUG} for the "
            "traceback, and report it",
            FAULT,
            err,
        )


def describe(err: OSError) -> str:
    """File, cause and remedy of what the operating system refused."""
    remedy = {
        errno.ENOENT: "check the name; run from the top of the repository",
        errno.EACCES: "give yourself the right to it, or choose another place",
        errno.EPERM: "give yourself the right to it, or choose another place",
        errno.EROFS: "choose a place that can be written to",
        errno.ENOTDIR: "a part of this path is a file; choose another path",
        errno.EISDIR: "it is a folder; name a file",
    }.get(err.errno or 0, f"{DEBUG} shows where this was")
    return f"{err.filename or 'a file'}: {err.strerror or err}; {remedy}"


def end(message: str, code: int, cause: BaseException) -> None:
    """Print an error and leave."""
    print(f"error: {plain(message)}", file=sys.stderr)
    raise typer.Exit(code) from cause


class _StandardError(logging.Handler):
    """Prints to what `sys.stderr` is at that moment."""

    def emit(self, record: logging.LogRecord) -> None:
        level = "" if record.levelno < logging.WARNING else f"{record.levelname.lower()}: "
        print(f"{level}{plain(record.getMessage())}", file=sys.stderr)


@contextmanager
def logged() -> Iterator[None]:
    """Warnings of the library, and how far its long loops are, go to standard error."""
    handler, root = _StandardError(), logging.getLogger()
    progress = logging.getLogger("wtal_core.progress")
    before = progress.level
    root.addHandler(handler)
    progress.setLevel(logging.INFO)
    try:
        yield
    finally:
        root.removeHandler(handler)
        progress.setLevel(before)
