"""What a check found: how bad, about what, why, and what to do."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Literal

Level = Literal["error", "warning", "note"]
LEVELS: tuple[Level, ...] = ("error", "warning", "note")


@dataclass(frozen=True)
class Finding:
    """An `error` stops a run or spoils it, a `warning` wants a look, a `note` is dealt with."""

    level: Level
    code: str  # "" for what has none
    subject: str  # the video, file, class or package
    text: str
    remedy: str = ""

    def __post_init__(self) -> None:
        if self.level not in LEVELS:
            raise ValueError(f"level is one of {', '.join(LEVELS)}, got {self.level!r}")

    def to_dict(self) -> dict[str, str]:
        """As JSON values."""
        return asdict(self)


def by_weight(findings: Iterable[Finding]) -> list[Finding]:
    """Errors first; otherwise in the order found."""
    return sorted(findings, key=lambda finding: LEVELS.index(finding.level))


def exit_code(findings: Iterable[Finding], strict: bool = False) -> int:
    """2 with an error, 1 with a warning if those count (`strict`), else 0."""
    levels = {finding.level for finding in findings}
    if "error" in levels:
        return 2
    return 1 if strict and "warning" in levels else 0
