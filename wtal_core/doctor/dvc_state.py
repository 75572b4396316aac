"""The DVC workspace: locks that nobody holds, lock files that are broken, results that are gone."""

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from wtal_core.doctor.processes import is_alive
from wtal_core.errors import WtalError
from wtal_core.findings import Finding
from wtal_core.params import load_yaml

_CONFLICT = re.compile(r"^(<<<<<<<|=======|>>>>>>>)( |$)", re.MULTILINE)
_MD5 = re.compile(r"[0-9a-f]{32}(\.dir)?")
_SHOWN = 5


def look_at_dvc(repository: Path, cache: Path) -> Iterator[Finding]:
    """Locks, lock files, and the results that they name."""
    if not (repository / ".dvc").is_dir():
        yield Finding(
            "error", "", str(repository), "no folder .dvc: not the top of a checkout",
            "change to the top of the repository",
        )  # fmt: skip
        return
    if not (repository / ".git").exists():
        yield Finding(
            "warning", "", str(repository), "no git repository: `dvc exp` needs one",
            "clone with git; or `dvc config core.no_scm true` and use `dvc repro` alone",
        )  # fmt: skip
    yield from check_rwlock(repository / ".dvc" / "tmp" / "rwlock")
    others = [*repository.glob("data/*/dvc.lock"), *repository.glob("fustal/**/dvc.lock")]
    for lock in (repository / "dvc.lock", *sorted(others)):
        if lock.exists():
            stages, trouble = read_lock(lock)
            yield from trouble
            # a stage's paths start from its `wdir`: in our files its own folder or the top
            yield from find_lost(lock, stages, (lock.parent, repository), cache)


def check_rwlock(path: Path) -> Iterator[Finding]:
    """DVC's note of who reads and writes what. It is written in place, so a kill can cut it."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return
    try:
        tree = json.loads(text) if text.strip() else {}
        holders = {int(info["pid"]): str(info.get("cmd", "?")) for info in _infos(tree)}
    except (ValueError, KeyError, TypeError, AttributeError):
        yield Finding(
            "error", "", str(path), "damaged, so every dvc command stops",
            f"see that no dvc runs, then: rm {path}",
        )  # fmt: skip
        return
    for pid, command in sorted(holders.items()):
        if is_alive(pid):
            yield Finding("note", "", str(path), f"process {pid} is at work: {command}")
        else:
            yield Finding(
                "warning", "", str(path),
                f"held by process {pid}, which lives no more ({command})",
                f"DVC takes it away by itself; if it says busy: rm {path}",
            )  # fmt: skip


def _infos(tree: Any) -> Iterator[Any]:
    yield from tree.get("write", {}).values()
    for infos in tree.get("read", {}).values():
        yield from infos


def read_lock(path: Path) -> tuple[dict[str, Any], list[Finding]]:
    """The stages of a dvc.lock; none, and why, for one that is broken."""
    text = path.read_text(encoding="utf-8", errors="replace")
    remedy = f"git checkout {path}, then `dvc repro` (stages that are done come from its cache)"
    if _CONFLICT.search(text):
        return {}, [Finding("error", "", str(path), "an unsolved merge conflict in it", remedy)]
    try:
        tree = load_yaml(path)
    except WtalError as err:
        first = " ".join(str(err).split())[:200]
        return {}, [Finding("error", "", str(path), f"damaged: {first}", remedy)]
    stages = tree.get("stages", {})
    if tree.get("schema") is None or not isinstance(stages, dict):
        return {}, [Finding("error", "", str(path), "not whole: `schema` is missing", remedy)]
    return stages, []


def find_lost(
    lock: Path, stages: dict[str, Any], tops: Sequence[Path], cache: Path
) -> Iterator[Finding]:
    """Results that neither the workspace nor DVC's cache has: they would be computed again."""
    lost = []
    for name, stage in stages.items():
        for out in _outs(stage):
            here = any((top / out["path"]).exists() for top in tops)
            if not here and not is_cached(out["md5"], cache):
                lost.append(f"{out['path']} ({name})")
    if lost:
        shown = ", ".join(lost[:_SHOWN])
        more = f" and {len(lost) - _SHOWN} more" if len(lost) > _SHOWN else ""
        yield Finding(
            "warning", "", str(lock),
            f"{len(lost)} results are neither here nor in {cache}: {shown}{more}",
            "`dvc pull` if a remote has them, else `dvc repro` makes them again",
        )  # fmt: skip


def _outs(stage: Any) -> Sequence[dict[str, str]]:
    outs = stage.get("outs", []) if isinstance(stage, dict) else []
    return [
        out for out in outs
        if isinstance(out, dict) and _MD5.fullmatch(str(out.get("md5"))) and out.get("path")
    ]  # fmt: skip


def is_cached(md5: str, cache: Path) -> bool:
    """Does DVC's cache hold the object, and for a folder all of its files?"""
    found = _object(md5, cache)
    if found is None:
        return False
    if not md5.endswith(".dir"):
        return True
    try:
        entries = json.loads(found.read_bytes())
        return all(_object(str(entry["md5"]), cache) is not None for entry in entries)
    except (ValueError, KeyError, TypeError):
        return False


def _object(md5: str, cache: Path) -> Path | None:
    for folder in (cache / "files" / "md5", cache):  # the second as DVC before 3.0 had it
        path = folder / md5[:2] / md5[2:]
        if path.is_file():
            return path
    return None
