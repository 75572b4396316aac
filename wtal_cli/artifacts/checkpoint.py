"""Checkpoints: what trained them, their tensors, and how far two are apart."""

from pathlib import Path

import torch

from wtal_cli.description import (
    SUMMARY_COLUMNS,
    Description,
    Table,
    differing,
    facts_of,
    summary_of,
)
from wtal_core.checkpoint import load_checkpoint


def describe_checkpoint(path: Path) -> Description:
    """Meta, number of parameters, and the values of each tensor."""
    tensors, meta = load_checkpoint(path)
    rows = tuple(
        (name, "x".join(str(n) for n in t.shape) or "1", str(t.dtype).removeprefix("torch."),
         *summary_of(t.float().numpy()))
        for name, t in sorted(tensors.items())
    )  # fmt: skip
    count = sum(t.numel() for t in tensors.values())
    heading = f"{path}: checkpoint of {count:,} numbers"
    if not tensors:
        return Description(f"{heading}: nothing trained yet", facts_of(meta))
    table = Table("tensors", ("tensor", "shape", "type", *SUMMARY_COLUMNS), rows)
    return Description(heading, facts_of(meta), [table])


def compare_checkpoints(a: Path, b: Path) -> Description:
    """Per tensor how far B moved from A, relative to A's norm."""
    (first, meta_a), (second, meta_b) = load_checkpoint(a), load_checkpoint(b)
    rows = []
    for name in sorted({*first, *second}):
        x, y = first.get(name), second.get(name)
        if x is None or y is None:
            rows.append((name, "only in B" if x is None else "only in A"))
        elif x.shape != y.shape:
            rows.append((name, f"{tuple(x.shape)} and {tuple(y.shape)}"))
        elif torch.equal(x, y):
            rows.append((name, "equal"))
        else:
            moved = float(torch.linalg.vector_norm(y.double() - x.double()))
            norm = float(torch.linalg.vector_norm(x.double()))
            rows.append((name, f"{moved / norm:.3%}" if norm else f"by {moved:.3g} from zero"))
    facts = facts_of(meta_a), facts_of(meta_b)
    table = Table("tensors", ("tensor", "|B-A| / |A|"), tuple(rows))
    return Description(f"A {a}\nB {b}", tables=[differing(*facts), table])
