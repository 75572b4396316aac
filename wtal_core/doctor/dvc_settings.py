"""What this checkout's DVC configuration says of its cache."""

import configparser
from dataclasses import dataclass
from pathlib import Path

from wtal_core.errors import WtalError


@dataclass(frozen=True)
class DvcSettings:
    """Where results are kept, and how they get back into the workspace."""

    cache: Path
    kinds: tuple[str, ...]  # as in cache.type, best first


def read_dvc_settings(repository: Path) -> DvcSettings:
    """.dvc/config with .dvc/config.local over it; DVC's defaults without any."""
    config = configparser.ConfigParser()
    for name in ("config", "config.local"):
        path = repository / ".dvc" / name
        try:
            config.read([path], encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError) as err:
            first = str(err).splitlines()[0]
            raise WtalError(
                f"{path}: not as DVC writes it ({first}); restore it with `git checkout {path}`, "
                "or mend the line"
            ) from err
    section = dict(config["cache"]) if config.has_section("cache") else {}
    kinds = section.get("type", "reflink,copy").split(",")
    return DvcSettings(
        repository / ".dvc" / section.get("dir", "cache"),
        tuple(kind.strip(" \"'") for kind in kinds),
    )
