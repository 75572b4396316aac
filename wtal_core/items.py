"""Work per video: done by several processes, kept in a cache that survives kills and DVC.

DVC empties a stage's output before each run, so finished videos are kept outside it, under a name
made from everything that decides their content. The stage assembles its output from there.
"""

import ast
import hashlib
import json
import logging
import os
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version as package_version
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from wtal_core.atomic import fresh_file, link_or_copy, sync
from wtal_core.errors import BadVideo, WtalError
from wtal_core.pool import Died, run_pool, worker_count
from wtal_core.progress import report

T = TypeVar("T")
R = TypeVar("R")
log = logging.getLogger(__name__)


def cache_root() -> Path:
    """`$WTAL_ITEM_CACHE`, else `.cache/items` of this checkout, as an absolute path.

    DVC runs queued experiments in copies under `.dvc/tmp/exps`; they share the checkout's cache.
    """
    if given := os.environ.get("WTAL_ITEM_CACHE"):
        return Path(given).absolute()
    repository = Path(__file__).resolve().parents[1]
    for parent in repository.parents:
        if parent.match(".dvc/tmp/exps"):
            return parent.parents[2] / ".cache" / "items"
    return repository / ".cache" / "items"


@dataclass(frozen=True)
class ItemCache:
    """Finished items of one stage: a file and, written after it, what is known about it.

    An item counts as there when both stand and the file has the recorded size, so a kill at any
    moment leaves it either finished or not begun. `params` are those, and only those, that decide
    an item's content; `version` says the same of the code (`code_version`).
    """

    stage: str
    version: str
    params: Mapping[str, Any]
    folder: Path = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "folder", cache_root() / self.stage)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._remove_orphans()

    def key(self, *contents: str) -> str:
        """Name of the item made from these inputs, given by their hashes."""
        return _digest([self.stage, self.version, dict(self.params), *contents])

    def path(self, key: str, suffix: str) -> Path:
        """Where the item's file lies once it is committed."""
        return self.folder / f"{key}{suffix}"

    def temporary(self, key: str, suffix: str) -> Path:
        """Where to write the item's file; its name tells who writes it."""
        return self.folder / f".{key}.{socket.gethostname()}.{os.getpid()}{suffix}.tmp"

    def has(self, key: str, suffix: str) -> bool:
        """Is the item finished?"""
        try:
            size = json.loads(self._note(key).read_bytes())["bytes"]
            return bool(self.path(key, suffix).stat().st_size == size)
        except (FileNotFoundError, ValueError, KeyError):
            return False

    def meta(self, key: str) -> dict[str, Any]:
        """What `commit` was told about the item."""
        meta: dict[str, Any] = json.loads(self._note(key).read_bytes())["meta"]
        return meta

    def commit(
        self, key: str, suffix: str, temporary: Path, meta: Mapping[str, Any] | None = None
    ) -> None:
        """Give a completely written file its place; `meta` are JSON values."""
        sync(temporary)
        note = {"bytes": temporary.stat().st_size, "meta": dict(meta or {})}
        os.replace(temporary, self.path(key, suffix))
        fresh = self.temporary(key, ".note")
        fresh.write_text(json.dumps(note, sort_keys=True))
        sync(fresh)
        os.replace(fresh, self._note(key))
        sync(self.folder)

    def place(self, key: str, suffix: str, target: Path) -> None:
        """Put the item's file at `target`, as a second name of it where that is possible."""
        link_or_copy(self.path(key, suffix), target)

    def _note(self, key: str) -> Path:
        return self.folder / f"{key}.note"

    def _remove_orphans(self) -> None:
        """Delete unfinished files of processes of this machine that live no more."""
        mark = f".{socket.gethostname()}."
        for orphan in self.folder.glob(".*.tmp"):
            _, found, rest = orphan.name.partition(mark)
            pid = rest.split(".")[0]
            if found and pid.isdecimal() and not _is_alive(int(pid)):
                orphan.unlink(missing_ok=True)


def work_dir(stage: str, inputs: Mapping[str, Any]) -> Path:
    """A folder for the unfinished work of a stage run with these inputs (hashes, parameters)."""
    folder = cache_root() / "work" / stage / _digest(dict(inputs))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def code_version(*modules: ModuleType, packages: Sequence[str] = ()) -> str:
    """Hash of what these modules do, comments and docstrings apart, and of packages' versions."""
    return hash_code([Path(str(module.__file__)) for module in modules], packages)


def hash_code(files: Iterable[Path], packages: Sequence[str] = ()) -> str:
    """As `code_version`, for Python files by their paths."""
    trees = []
    for file in files:
        tree = ast.parse(file.read_bytes())
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and (
                ast.get_docstring(node, clean=False) is not None
            ):
                node.body = node.body[1:]
        trees.append(ast.dump(tree))
    return _digest([trees, [(name, package_version(name)) for name in packages]])


def hash_file(path: Path) -> str:
    """SHA-256 of a file's content, remembered while its size and time of change stay the same."""
    status = path.stat()
    stamp = [status.st_size, status.st_mtime_ns]
    memo = cache_root() / "hashes" / f"{_digest(str(path.resolve()))}.json"
    try:
        known = json.loads(memo.read_bytes())
    except (FileNotFoundError, ValueError):
        known = None
    if isinstance(known, dict) and known.get("stamp") == stamp:
        return str(known["sha256"])
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    with fresh_file(memo) as fresh:
        fresh.write_text(json.dumps({"stamp": stamp, "sha256": digest}))
    return digest


def map_items(
    work: Callable[[T], R], items: Sequence[T], title: str, workers: int | None = None
) -> Iterator[R]:
    """Yield work(item) for each item in order, computed by several processes.

    `work` must be picklable: a function of a module, or a `functools.partial` of one. Raises the
    first WtalError that an item raised, and a BadVideo E105 where a worker process died.
    """
    for result in map_videos(work, items, title, workers):
        if isinstance(result, BadVideo):
            raise result
        yield result


def map_videos(
    work: Callable[[T], R], items: Sequence[T], title: str, workers: int | None = None
) -> Iterator[R | BadVideo]:
    """As `map_items`, but a bad video is a result like others, for `check_bad` to judge."""
    results: dict[int, R | BadVideo] = {}
    due = 0
    steps = run_pool(work, items, workers or worker_count())
    for index, result in report(steps, title, len(items)):
        if isinstance(result, Died):
            result = BadVideo(
                "E105",
                str(items[index]),
                f"the process that worked on it died twice ({result.how})",
                "re-encode it with ffmpeg; if memory ran out (SIGKILL), set WTAL_WORKERS=1",
            )
        elif isinstance(result, WtalError) and not isinstance(result, BadVideo):
            raise result
        results[index] = result
        while due in results:
            yield results.pop(due)
            due += 1


def check_bad(bad: Sequence[BadVideo], total: int, max_fraction: float) -> None:
    """Name the bad videos; raise WtalError when they are too many, or all."""
    for video in bad:
        log.warning("skipped: %s", video)
    if not bad or (len(bad) < total and len(bad) <= max_fraction * total):
        return
    listed = "\n  ".join(str(video) for video in bad)
    raise WtalError(
        f"{len(bad)} of {total} videos cannot be used, more than max_bad_fraction "
        f"{max_fraction} allows; mend or remove them, or raise max_bad_fraction:\n  {listed}"
    )


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()  # a zombie writes no more
    except FileNotFoundError:  # a system without /proc
        return True
    except (ProcessLookupError, PermissionError) as err:
        return isinstance(err, PermissionError)  # it lives, as someone else's


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
