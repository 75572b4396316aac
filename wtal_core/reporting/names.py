"""Other people's names on a page and on the disk: text that shows itself, and safe file names."""

import hashlib
import re
from collections.abc import Iterable

LONGEST = 60  # characters of a name that a file name keeps
_OTHERS = re.compile(r"[^A-Za-z0-9_-]+")


def shown(text: str) -> str:
    """`text` with every sign that does not show itself written out.

    A right-to-left override would turn a name round, and a zero-width space make two names alike.
    Templates escape what is markup; this is about what is left.
    """
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text
    )


def slugs(names: Iterable[str]) -> dict[str, str]:
    """For each name a file name of letters, digits, `_` and `-`, distinct on every file system.

    A name of such signs is its own; any other, and one that differs from an earlier name in upper
    and lower case alone, gets eight digits of its hash. A name of the system (`con`) gets them too.
    """
    found: dict[str, str] = {}
    taken: set[str] = set()
    for name in names:
        slug = _OTHERS.sub("-", name).strip("-")[:LONGEST] or "video"
        if slug != name or slug.casefold() in taken or _RESERVED.fullmatch(slug):
            data = name.encode("utf-8", "surrogatepass")
            slug = f"{slug}-{hashlib.sha256(data).hexdigest()[:8]}"
        taken.add(slug.casefold())
        found[name] = slug
    return found


_RESERVED = re.compile(r"con|prn|aux|nul|(com|lpt)\d", re.IGNORECASE)
