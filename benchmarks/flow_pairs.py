"""Pairs of grey pictures to find flow between: from clips, and made up with a known flow."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

SIZES = {"340x256": (256, 340), "224x224": (224, 224), "64x48": (48, 64)}
CLIPS = ("bikes.mp4", "demo.mp4", "carphone_pristine.mp4", "nasa_13013.mp4")  # wherever they lie


def read_pairs(path: Path, count: int, size: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """`count` pairs of successive frames, spread over the clip, at one of SIZES.

    Frames take 340x256, whatever their shape was; 224x224 is the middle of that.
    """
    frames = list(_read_grey(path))
    starts = np.linspace(0, len(frames) - 2, count + 2)[1:-1].astype(int)
    return [(_crop(frames[n], size), _crop(frames[n + 1], size)) for n in starts]


def _read_grey(path: Path) -> Iterator[np.ndarray]:
    reader = cv2.VideoCapture(str(path))
    while (read := reader.read())[0]:
        small = cv2.resize(read[1], (340, 256), interpolation=cv2.INTER_AREA)
        yield np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY))


def _crop(picture: np.ndarray, size: str) -> np.ndarray:
    height, width = SIZES[size]
    top, left = (picture.shape[0] - height) // 2, (picture.shape[1] - width) // 2
    return np.ascontiguousarray(picture[top : top + height, left : left + width])


def make_pair(height: int, width: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two pictures (H, W) and the flow (H, W, 2) between them: a smooth field of up to 3 px.

    Each pixel of the second picture is looked up in a finely drawn first one; the field's values
    at the two ends of a displacement differ so little that either serves.
    """
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    flow = np.zeros((height, width, 2), np.float32)
    for axis in range(2):
        fx, fy, phase = rng.uniform(0.5, 1.5), rng.uniform(0.5, 1.5), rng.uniform(0, 6.28)
        flow[..., axis] = 2.1 * np.sin(6.28 * (fx * x / width + fy * y / height) + phase)
    noise = rng.uniform(0, 255, (2 * height, 2 * width)).astype(np.float32)
    fine = cv2.GaussianBlur(noise, (0, 0), 3)
    fine = (fine - fine.mean()) * (45 / fine.std()) + 127

    def look(at_x: np.ndarray, at_y: np.ndarray) -> np.ndarray:
        seen = cv2.remap(fine, 2 * at_x, 2 * at_y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
        return np.clip(np.round(seen), 0, 255).astype(np.uint8)

    return look(x, y), look(x - flow[..., 0], y - flow[..., 1]), flow


def find_clips(folder: Path) -> Sequence[Path]:
    """Those of CLIPS that lie somewhere under the folder."""
    return [path for name in CLIPS for path in sorted(folder.rglob(name))[:1]]
