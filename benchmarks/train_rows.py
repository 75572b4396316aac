"""What benchmarks/train.py's figures say of the targets."""

from collections.abc import Sequence
from typing import Any

from benchmarks.harness import Row, three

# (branch, classes, lengths): times a plain loop's speed, and at most so much of its memory.
TARGETS = {
    ("cbp", 20, "equal"): (3.0, 0.6),
    ("cbp", 20, "lognormal"): (3.0, 0.6),
    ("vlp", 20, "equal"): (2.5, 1.0),
    ("vlp", 20, "lognormal"): (2.5, 1.0),
    ("vlp", 100, "equal"): (4.0, 1.0),
}
WORDS = {"equal": "equal lengths", "lognormal": "lengths of THUMOS14"}


def compare(rows: Sequence[dict[str, Any]], clock: str) -> list[Row]:
    """A row a target, of the cases that were measured; bf16 is what the targets are about."""
    case = {(r["branch"], r["classes"], r["lengths"], r["way"]): r for r in rows}
    found = []
    for key, (target, most) in TARGETS.items():
        if (*key, "bf16") not in case:
            continue
        plain, ours = case[*key, "plain"], case[*key, "bf16"]
        share = ours["peak_gib"] / plain["peak_gib"]
        branch, classes, lengths = key
        found.append(
            Row(
                what=f"{branch.upper()} step, {classes} classes, {WORDS[lengths]}",
                anchor="a plain fp32 loop",
                target=target,
                measured=three(plain[clock] / ours[clock]),
                accuracy=f"memory {share:.2f} of plain, goal {most:g}",
                accurate=share <= most,
            )
        )
    return found
