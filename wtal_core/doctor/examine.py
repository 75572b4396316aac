"""Everything that `wtal doctor` looks at, in one list."""

import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from wtal_core.doctor.dvc_settings import read_dvc_settings
from wtal_core.doctor.dvc_state import look_at_dvc
from wtal_core.doctor.environment import INSTALL, look_at_environment
from wtal_core.doctor.item_cache import look_at_items
from wtal_core.doctor.places import look_at_places
from wtal_core.doctor.processes import is_alive
from wtal_core.errors import WtalError
from wtal_core.findings import Finding
from wtal_core.items import cache_root
from wtal_core.own_videos.weights import find_encoders
from wtal_core.pool import worker_count


def examine(repository: Path) -> list[Finding]:
    """Findings in the order in which one would mend them; nothing is changed."""
    try:
        cache = read_dvc_settings(repository).cache
        settings: list[Finding] = []
    except WtalError as err:
        cache = repository / ".dvc" / "cache"
        settings = [_of(err, "DVC's settings")]
    places = {
        "data sets": repository / "data",
        "DVC's cache": cache,
        "items (WTAL_ITEM_CACHE)": cache_root(),
    }
    looks: list[Callable[[], Iterable[Finding]]] = [
        lambda: look_at_environment(repository / "constraints.txt"),
        look_at_decoder,
        look_at_workers,
        lambda: look_at_places(places),
        lambda: settings,
        lambda: look_at_dvc(repository, cache),
        lambda: look_at_data_sets(repository / "data"),
        lambda: look_at_items(cache_root()),
    ]
    return [finding for look in looks for finding in look()]


def look_at_decoder() -> Iterator[Finding]:
    """PyAV, and FFmpeg's libraries in it."""
    try:
        from wtal_core.video.codecs import lacking_codecs, library_versions
    except ImportError as err:
        yield Finding("error", "", "PyAV", f"cannot be loaded ({err})", INSTALL)
        return
    codec = library_versions().get("libavcodec", "?")
    if lacking := lacking_codecs():
        yield Finding(
            "error" if {"ffv1", "h264"} & set(lacking) else "warning", "", "PyAV",
            f"its FFmpeg does not know {', '.join(lacking)}",
            "install PyAV's own wheel: pip install --force-reinstall --only-binary av av",
        )  # fmt: skip
    else:
        yield Finding("note", "", "PyAV", f"libavcodec {codec}, with every codec that is needed")


def look_at_workers() -> Iterator[Finding]:
    """How many processes a stage starts."""
    try:
        count = worker_count()
    except WtalError as err:
        yield _of(err, "WTAL_WORKERS")
        return
    yield Finding("note", "", "workers", f"{count} processes a stage (WTAL_WORKERS)")


def look_at_data_sets(data: Path) -> Iterator[Finding]:
    """Weights that are missing, and what killed writes left behind."""
    for facts in sorted(data.glob("*/dataset.yaml")):
        try:
            yield from find_encoders(facts.parent, "warning")
        except WtalError as err:
            yield _of(err, str(facts))
    for path in sorted([*data.glob(".*.tmp"), *data.glob("*/.*.tmp")]):
        pid = re.search(r"\.(\d+)(?:\.old)?\.tmp$", path.name)
        if pid and not is_alive(int(pid[1])):
            kind = "-r " if path.is_dir() else ""
            yield Finding(
                "warning", "", str(path), f"an unfinished write of process {pid[1]}, which is gone",
                f"the next run of that stage deletes it; or: rm {kind}{path}",
            )  # fmt: skip


def look_deep() -> Iterator[Finding]:
    """Load what takes seconds: torch, its device, and TV-L1."""
    try:
        import torch
    except (ImportError, OSError) as err:
        yield Finding("error", "", "torch", f"cannot be loaded ({err})", INSTALL)
        return
    if torch.cuda.is_available():
        name, free = torch.cuda.get_device_name(), torch.cuda.mem_get_info()[0]
        yield Finding("note", "", "device", f"{name}, {free / 1e9:.1f} GB free")
    else:
        yield Finding(
            "note", "", "device", f"CPU, {torch.get_num_threads()} threads of {os.cpu_count()}"
        )


def _of(err: WtalError, subject: str) -> Finding:
    text, _, remedy = str(err).partition("; ")
    return Finding("error", "", subject, text, remedy)
