"""What benchmarks/flow.py's figures say of the targets."""

from typing import Any

from benchmarks.flow_whale import GOLD_PX, WITHIN_PX
from benchmarks.harness import Row

# Times OpenCV's speed a core, by size and way.
TARGETS = {
    "340x256": {"numba": 7, "C++ avx512": 15, "C++ avx2": 10},
    "224x224": {"numba": 6},
}
NEAR, NEAR_GPU = 0.025, 0.05  # px from OpenCV's flow, mean
OF_THREADS = {2: 1.8}
PAIRS_S = 1000  # on a GPU, at 340x256
ANCHOR = "OpenCV DualTVL1, one thread"


def compare(found: dict[str, Any]) -> list[Row]:
    """A row a target, of what was measured."""
    rows = [
        Row(
            what=f"TV-L1 {size}, {way}",
            anchor=ANCHOR,
            target=target,
            measured=table[way]["faster"],
            accuracy=f"EPE {table[way]['epe_px']:g} px",
            accurate=table[way]["epe_px"] <= NEAR,
        )
        for size, table in found["sizes"].items()
        for way, target in TARGETS.get(size, {}).items()
        if way in table
    ]
    rows += _of_threads(found.get("threads", {"threads": 1}))
    if whale := found.get("whale"):
        way = min(whale, key=lambda name: whale[name]["near"])
        rows.append(
            Row(
                what=f"RubberWhale, the worst of {len(whale)} ways: {way}",
                anchor=f"gold, within {WITHIN_PX} px",
                target=95,
                measured=100 * whale[way]["near"],
                accuracy=f"EPE {max(row['epe_px'] for row in whale.values()):g} px to the truth",
                accurate=all(row["epe_px"] < GOLD_PX for row in whale.values()),
                unit=" %",
            )
        )
    gpu = found.get("gpu", {}).get("sizes", {}).get("340x256")
    if gpu:
        rows.append(
            Row(
                what="TV-L1 340x256, GPU",
                anchor="the goal of a GPU's memory",
                target=PAIRS_S,
                measured=gpu["pairs_s"],
                accuracy=f"EPE {gpu['epe_px']:g} px",
                accurate=gpu["epe_px"] <= NEAR_GPU,
                limit=f"{100 * gpu['of_limit']:.0f} % of {gpu['limit_pairs_s']:g} pairs/s",
                unit=" pairs/s",
            )
        )
    return rows


def _of_threads(found: dict[str, Any]) -> list[Row]:
    """By the wall clock; the cores that they got say what others took."""
    count = found["threads"]
    return [
        Row(
            what=f"TV-L1, {name}, {count} threads",
            anchor="itself, one thread",
            target=OF_THREADS[count],
            measured=row["faster"],
            accuracy="same bytes" if row["same"] else "other bytes",
            accurate=row["same"],
            limit=f"{count} cores, {100 * row['share_of_many']:.0f} % of them free",
        )
        for name, row in found.items()
        if name != "threads" and count in OF_THREADS and "same" in row
    ]
