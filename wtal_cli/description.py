"""What is said about an artifact, apart from how it is printed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Table:
    """Rows of texts under a title."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"{self.title}: {len(row)} cells, {len(self.columns)} columns")


@dataclass(frozen=True)
class Description:
    """A heading, what made the artifact, tables, and pictures drawn with letters."""

    heading: str
    facts: Mapping[str, str] = field(default_factory=dict)
    tables: Sequence[Table] = ()
    drawings: Sequence[str] = ()


def facts_of(meta: Mapping[str, object], but: Sequence[str] = ()) -> dict[str, str]:
    """Attributes as one line each: nested names joined by dots, long lists by their length."""
    found: dict[str, str] = {}
    for key, value in sorted(meta.items()):
        if key in but:
            continue
        if isinstance(value, Mapping):
            found.update({f"{key}.{k}": v for k, v in facts_of(value).items()})
        elif isinstance(value, list) and len(value) > 8:
            found[key] = f"{', '.join(_text(v) for v in value[:3])}, ... ({len(value)})"
        elif isinstance(value, list):
            found[key] = ", ".join(_text(v) for v in value)
        else:
            found[key] = _text(value)
    return found


def _text(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def summary_of(values: np.ndarray) -> tuple[str, ...]:
    """Least, mean, standard deviation, greatest, and the share of zeros of an array."""
    if not values.size:
        return ("-",) * 5
    real = values.astype(np.float64)
    figures = [real.min(), real.mean(), real.std(), real.max()]
    return (*(f"{f:.4g}" for f in figures), percent(float((real == 0).mean())))


SUMMARY_COLUMNS = ("min", "mean", "std", "max", "zeros")


def percent(share: float) -> str:
    """A share as text; a dash where there is none."""
    return "-" if np.isnan(share) else f"{100 * share:.1f}%"


def differing(a: Mapping[str, str], b: Mapping[str, str]) -> Table:
    """The facts that are not the same in both."""
    keys = sorted({*a, *b})
    rows = [(k, a.get(k, "-"), b.get(k, "-")) for k in keys if a.get(k) != b.get(k)]
    return Table("made differently" if rows else "made alike", ("", "A", "B"), tuple(rows))
