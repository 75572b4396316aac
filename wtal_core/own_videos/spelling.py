"""Names that look like a misspelt other one."""

import re
from collections.abc import Iterable, Mapping
from difflib import SequenceMatcher

_ALIKE = 0.85  # share of signs in common, of both names


def find_misspelt(counts: Mapping[str, int]) -> list[tuple[str, str]]:
    """(name, the one it resembles), by how often each occurs: the rarer one is the suspect.

    Names that differ in case, blanks and signs alone are always suspects; others only where they
    are much rarer (a third) and do not differ in a number ("Step 1" is not "Step 2").
    """
    found = []
    names = sorted(counts, key=lambda name: (-counts[name], name))
    for place, name in enumerate(names):
        for common in names[:place]:
            same = _bare(name) == _bare(common)
            rare = 3 * counts[name] <= counts[common]
            if same or (rare and _digits(name) == _digits(common) and alike(name, common)):
                found.append((name, common))
                break
    return found


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that `name` was probably meant to be."""
    rated = [(SequenceMatcher(None, _bare(name), _bare(one)).ratio(), one) for one in known]
    best = max(rated, default=(0.0, ""))
    return best[1] if best[0] >= 0.6 else None


def alike(a: str, b: str) -> bool:
    """Do two names differ by a slip of the fingers?"""
    return SequenceMatcher(None, a.casefold(), b.casefold()).ratio() >= _ALIKE


def _bare(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.casefold()) or name


def _digits(name: str) -> list[str]:
    return re.findall(r"\d+", name)
