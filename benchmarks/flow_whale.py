"""OpenCV's own test of its TV-L1: RubberWhale's flow against a gold one, and the known truth."""

from collections.abc import Callable, Mapping
from pathlib import Path

import cv2
import numpy as np

from wtal_core.schema.video import FlowParams
from wtal_core.video.flow import compute_flow, on_gpu

WITHIN_PX = 0.1
GOLD_PX = 0.1703  # mean distance of the gold flow to the truth; that of no motion is 1.256
UNKNOWN = 1e8  # Middlebury's mark for pixels without truth
MODES = ("fast", "dis")  # another method: not meant to be near
Way = Callable[[np.ndarray, np.ndarray], np.ndarray]


def measure_whale(
    folder: Path, ways: Callable[[tuple[int, int]], Mapping[str, Way]]
) -> dict[str, dict[str, float]]:
    """Way -> share of pixels near the gold flow, mean distance to the truth; {} without files.

    `ways` gives, for pictures of a size (H, W), each way to find their flow.
    """
    if not (folder / "RubberWhale1.png").is_file():
        return {}
    first, second = (
        np.asarray(cv2.imread(str(folder / f"RubberWhale{n}.png"), cv2.IMREAD_GRAYSCALE))
        for n in (1, 2)
    )
    gold, truth = _read(folder / "tvl1_flow.flo"), _read(folder / "RubberWhale.flo")
    known = (np.abs(truth) < UNKNOWN).all(axis=-1)
    named = {n: way for n, way in ways(first.shape[:2]).items() if n not in MODES}
    if on_gpu(FlowParams()):
        named["GPU"] = lambda a, b: compute_flow(a, b, FlowParams(backend="cuda"))
    found = {}
    for name, way in named.items():
        flow = way(first, second)
        near = np.linalg.norm(flow - gold, axis=-1) <= WITHIN_PX
        error = np.linalg.norm((flow - truth)[known], axis=-1).mean()
        found[name] = {"near": round(float(near.mean()), 4), "epe_px": round(float(error), 5)}
    return found


def _read(path: Path) -> np.ndarray:
    """(H, W, 2) float32 of Middlebury's .flo: a mark, width, height, rows of x and y."""
    content = path.read_bytes()
    width, height = np.frombuffer(content, "<i4", 2, 4)
    return np.frombuffer(content, "<f4", -1, 12).reshape(height, width, 2)


def describe_whale(found: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Lines of the Markdown page."""
    return [
        "", "## RubberWhale", "",
        f"Pixels within {WITHIN_PX} px of OpenCV's gold flow, which lies {GOLD_PX} px from the "
        "truth.", "",
        "| way | near | to the truth |", "|---|---|---|",
        *(f"| {n} | {100 * row['near']:.2f} % | {row['epe_px']:.4f} |" for n, row in found.items()),
    ]  # fmt: skip
