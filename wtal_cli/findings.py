"""Findings as lines: a table would break their sentences over many narrow rows."""

from collections.abc import Iterable

from wtal_cli.plain import plain
from wtal_core.findings import Finding, by_weight


def finding_lines(findings: Iterable[Finding]) -> str:
    """`error E102 a-x: the file is empty -> copy it again`, the worst first."""
    return "\n".join(_line(one) for one in by_weight(findings))


def _line(one: Finding) -> str:
    head = " ".join(filter(None, [one.level, one.code, one.subject]))
    text = f"{head}: {one.text}" + (f" -> {one.remedy}" if one.remedy else "")
    return plain(text).replace("\n", "\\n")
