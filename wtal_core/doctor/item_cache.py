"""The cache of per-video work: how big it is, and what in it nobody will ever use."""

import os
import re
import socket
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from wtal_core.doctor.processes import is_alive
from wtal_core.findings import Finding

_DAY = 86400.0
_IDLE_DAYS = 7  # a training that nobody took up again for so long


@dataclass
class Pile:
    """Files that belong together in a report."""

    count: int = 0
    size: int = 0
    oldest: float = float("inf")  # time of change

    def add(self, status: os.stat_result) -> None:
        """One more file."""
        self.count += 1
        self.size += status.st_size
        self.oldest = min(self.oldest, status.st_mtime)

    def __str__(self) -> str:
        days = max(0.0, (time.time() - self.oldest) / _DAY)
        return f"{self.count} files, {self.size / 1e6:.1f} MB, the oldest {days:.1f} days old"


def look_at_items(root: Path) -> Iterator[Finding]:
    """Sizes by stage; unfinished files of dead processes, items without their note, and states
    of trainings that nobody took up again.
    """
    stages: dict[str, Pile] = {}
    for folder in sorted(root.iterdir()) if root.is_dir() else ():
        if not folder.is_dir() or folder.name == "hashes":
            continue
        if folder.name == "work":
            yield from _look_at_work(folder)
            continue
        whole, dead, loose = sort_items(folder)
        if whole.count:
            stages[folder.name] = whole
        if dead.count:
            yield Finding(
                "warning", "", str(folder), f"unfinished, of processes that are gone: {dead}",
                f"the stage deletes them at its next start; or: rm {folder}/.*.tmp",
            )  # fmt: skip
        if loose.count:
            yield Finding(
                "warning", "", str(folder), f"orphans, half of an item each: {loose}",
                f"a kill left them; they are made anew where needed: rm -r {folder} when no stage "
                "runs",
            )  # fmt: skip
    if stages:
        size = sum(pile.size for pile in stages.values())
        listed = "; ".join(f"{name} {pile}" for name, pile in stages.items())
        yield Finding(
            "note", "", str(root), f"{size / 1e6:.1f} MB of finished work: {listed}",
            f"a stage's part may be deleted when none runs, and is computed again: rm -r {root}/"
            "STAGE",
        )  # fmt: skip


def sort_items(folder: Path) -> tuple[Pile, Pile, Pile]:
    """Finished items, unfinished files of dead processes, and halves of items (a file without its
    note, or a note without its file). What a living process writes is in none of them.
    """
    whole, dead, loose = Pile(), Pile(), Pile()
    notes: dict[str, os.stat_result] = {}
    files: dict[str, os.stat_result] = {}
    for entry in os.scandir(folder):
        status = _status(Path(entry))
        if status is None or not stat.S_ISREG(status.st_mode):
            continue
        if entry.name.endswith(".tmp"):
            if _is_dead(entry.name):
                dead.add(status)
            continue
        stem, suffix = os.path.splitext(entry.name)
        (notes if suffix == ".note" else files)[stem] = status
    for key in notes.keys() | files.keys():
        pile = whole if key in notes and key in files else loose
        for known in (notes, files):
            if key in known:
                pile.add(known[key])
    return whole, dead, loose


def _status(path: Path) -> os.stat_result | None:
    """None for a file that a stage at work has taken away meanwhile."""
    try:
        return path.lstat()
    except FileNotFoundError:
        return None


def _is_dead(name: str) -> bool:
    mark = f".{socket.gethostname()}."
    _, found, rest = name.partition(mark)
    pid = re.match(r"\d+", rest)
    return bool(found and pid and not is_alive(int(pid[0])))


def _look_at_work(folder: Path) -> Iterator[Finding]:
    idle = Pile()
    for parent, _, names in os.walk(folder):
        for name in names:
            status = _status(Path(parent, name))
            if status and time.time() - status.st_mtime > _IDLE_DAYS * _DAY:
                idle.add(status)
    if idle.count:
        yield Finding(
            "warning", "", str(folder), f"trainings that were stopped and never resumed: {idle}",
            f"if you will not resume them: rm -r {folder}",
        )  # fmt: skip
