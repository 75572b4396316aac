"""Where a run will put its bytes, how many copies of them, and whether there is room."""

import configparser
import fcntl
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from wtal_core.planning.estimate import Cost

_FICLONE = 0x40049409  # Linux: let one file share another's blocks


@dataclass(frozen=True)
class Places:
    """The three places of a run, and how DVC fills its cache."""

    data: Path
    dvc_cache: Path
    items: Path
    linked: str  # "copy", or how results share the cache's bytes: reflink, hardlink, symlink


@dataclass(frozen=True)
class Shortage:
    """A disk without enough room."""

    place: Path
    needed: float  # bytes
    free: int


def find_places(repository: Path, data: Path, items: Path) -> Places:
    """Read DVC's configuration of this checkout."""
    config = configparser.ConfigParser()
    config.read([repository / ".dvc" / "config", repository / ".dvc" / "config.local"])
    section = dict(config["cache"]) if config.has_section("cache") else {}
    cache = repository / ".dvc" / section.get("dir", "cache")
    kinds = [kind.strip(" \"'") for kind in section.get("type", "reflink,copy").split(",")]
    here = _existing(cache)
    linked = next((kind for kind in kinds if _can_link(kind, here, _existing(data))), "copy")
    return Places(data, cache, items, linked)


def count_copies(places: Places) -> Mapping[str, int]:
    """How often a stage's result lies in each place.

    With DVC's default, "reflink,copy", on a disk without reflinks everything is there three times:
    DVC copies a result to its cache and puts another copy back, which is then no longer the item
    cache's second name. Links save the one in data/; reflinks also that of the items.
    """
    linked = places.linked != "copy"
    shared = places.linked == "reflink" and _device(places.items) == _device(places.data)
    return {"data": 0 if linked else 1, "dvc_cache": 1, "items": 0 if shared else 1}


def needed_bytes(costs: Sequence[Cost], places: Places) -> dict[str, float]:
    """Bytes in each place, work that is gone when its stage ends included."""
    copies = count_copies(places)
    out = sum(cost.out_bytes for cost in costs)
    scratch = max((cost.scratch_bytes for cost in costs), default=0.0)
    return {
        "data": copies["data"] * out,
        "dvc_cache": copies["dvc_cache"] * out,
        "items": copies["items"] * sum(cost.item_bytes for cost in costs) + scratch,
    }


def find_shortages(needed: Mapping[str, float], places: Places) -> list[Shortage]:
    """The disks (not the places: several may lie on one) that are too small."""
    paths = {"data": places.data, "dvc_cache": places.dvc_cache, "items": places.items}
    totals: dict[int, float] = {}
    for name, path in paths.items():
        totals[_device(path)] = totals.get(_device(path), 0.0) + needed[name]
    short = []
    for device, total in totals.items():
        path = next(path for path in paths.values() if _device(path) == device)
        free = shutil.disk_usage(_existing(path)).free
        if total > free:
            short.append(Shortage(path, total, free))
    return short


def _can_link(kind: str, cache: Path, data: Path) -> bool:
    if kind == "symlink":
        return True
    if kind == "hardlink":
        return cache.stat().st_dev == data.stat().st_dev
    return kind == "reflink" and _reflinks(cache, data)


def _reflinks(cache: Path, data: Path) -> bool:
    """Try it: no file system says beforehand."""
    with tempfile.TemporaryFile(dir=cache) as source, tempfile.TemporaryFile(dir=data) as target:
        source.write(b"0" * 4096)
        source.flush()
        try:
            fcntl.ioctl(target.fileno(), _FICLONE, source.fileno())
        except OSError:
            return False
        return True


def _device(path: Path) -> int:
    return os.stat(_existing(path)).st_dev


def _existing(path: Path) -> Path:
    """The folder itself, or the next one above that is there."""
    path = path.absolute()
    while not path.exists():
        path = path.parent
    return path
