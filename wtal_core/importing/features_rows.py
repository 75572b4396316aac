"""The rows of one video out of a package: their shape, their values, their place on the grid.

T snippets, D columns.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from wtal_core.errors import WtalError
from wtal_core.grid import SnippetGrid
from wtal_core.importing.features_layout import Package, Stored, shorten
from wtal_core.schema.dataset import CUT_SNIPPETS

STREAMS = ("rgb", "flow")  # in the order of the columns of our stores
USUAL_WIDTHS = (512, 640, 768, 1024, 2048)  # of I3D's streams, alone and joined, and of CLIP
LARGEST = float(np.finfo(np.float16).max)


@dataclass(frozen=True)
class Claims:
    """What whoever imports says of the features; the files themselves say nothing.

    streams: what the columns are, in their order; empty for CLIP. tolerance: snippets by which a
    length may differ from what duration and grid give; 1 % of the video where that is more.
    """

    grid: SnippetGrid
    streams: tuple[str, ...] = STREAMS
    transposed: bool = False
    tolerance: int = 2
    resample_to: SnippetGrid | None = None

    @property
    def final_grid(self) -> SnippetGrid:
        """The grid of the stores."""
        return self.resample_to or self.grid

    def final_length(self, length: int) -> int:
        """Snippets in the stores of a video that has `length` in the package."""
        target = self.resample_to
        return length if target is None else len(target.nearest(self.grid, length))


class Unusable(Exception):
    """One video cannot be used; the message says why."""


def read_rows(arrays: Sequence[Stored], widths: Sequence[int], claims: Claims) -> np.ndarray:
    """(T, D) float16 of one video on the package's own grid, RGB's columns before flow's.

    widths: columns of each array. RGB and flow are cut to the shorter. Raises Unusable for a file
    that cannot be read, another shape, a value that is not finite or not within float16, and
    streams whose lengths differ by more than `CUT_SNIPPETS`.
    """
    parts = []
    for stored, width in zip(arrays, widths, strict=True):
        try:
            array = stored.open()
            shape = array.shape[::-1] if claims.transposed else array.shape
            if len(shape) != 2 or shape[1] != width or not shape[0]:
                hint = "; transposed?" if len(shape) == 2 and shape[0] == width else ""
                raise Unusable(f"{stored.name} has shape {array.shape}, not (T, {width}){hint}")
            if array.dtype.kind != "f":
                raise Unusable(f"{stored.name} holds {array.dtype}, not floating-point numbers")
            parts.append(np.asarray(array.T if claims.transposed else array))
        except (ValueError, OSError, EOFError) as err:
            raise Unusable(f"{stored.name} cannot be read: {err}") from err
    lengths = [len(part) for part in parts]
    if max(lengths) - min(lengths) > CUT_SNIPPETS:
        raise Unusable(f"RGB and flow have {lengths[0]} and {lengths[1]} snippets")
    feat_TD = np.concatenate([part[: min(lengths)] for part in parts], axis=1)
    _check_values(feat_TD, arrays[0].name)
    if len(parts) == 1 and claims.streams == STREAMS[::-1]:
        feat_TD = np.roll(feat_TD, feat_TD.shape[1] // 2, axis=1)
    return np.ascontiguousarray(feat_TD, dtype=np.float16)


def count_cut(arrays: Sequence[Stored], claims: Claims) -> int:
    """Snippets of a readable video that only one of its arrays has."""
    lengths = [stored.open().shape[1 if claims.transposed else 0] for stored in arrays]
    return max(lengths) - min(lengths)


def resample(feat_TD: np.ndarray, claims: Claims) -> np.ndarray:
    """The rows on the grid of the stores: of each of its snippets the nearest one's."""
    if claims.resample_to is None:
        return feat_TD
    return feat_TD[claims.resample_to.nearest(claims.grid, len(feat_TD))]


def check_length(length: int, duration_s: float, claims: Claims, at_least: bool = False) -> None:
    """Raise Unusable unless a video of `duration_s` seconds has about so many snippets.

    at_least: the duration is only known to be no shorter than that.
    """
    due = expected_length(duration_s, claims.grid)
    allowed = max(claims.tolerance, int(0.01 * due))
    if due - length > allowed or (length - due > allowed and not at_least):
        raise Unusable(f"{length} snippets, but {duration_s:g} s make {due} (within {allowed})")


def expected_length(duration_s: float, grid: SnippetGrid) -> int:
    """Snippets that a video of so many seconds has."""
    return grid.count(max(1, int(duration_s * grid.fps + 1e-6)))


def find_widths(package: Package, videos: Sequence[str], claims: Claims) -> list[int]:
    """Columns of each array of a video, by the headers of all: what most have.

    Raises WtalError when the arrays lie the other way round than was said.
    """
    shapes = [shape for video in videos if (shape := _shapes(package.of(video) or ()))]
    if not shapes:
        raise WtalError(f"{package.source}: not one array in it can be read.")
    firsts, lasts = (Counter(shape[0][axis] for shape in shapes) for axis in (0, 1))
    if claims.transposed:
        firsts, lasts = lasts, firsts
    if _is_turned(firsts, lasts):
        said = "--transposed says" if claims.transposed else "they are read as"
        remedy = "leave --transposed out" if claims.transposed else "say --transposed"
        raise WtalError(
            f"{package.source}: the arrays look like {firsts.most_common(1)[0][0]} columns by "
            f"snippets, {said} (T, D) the other way round; {remedy}"
        )
    axis = 0 if claims.transposed else 1
    return [
        Counter(shape[i][axis] for shape in shapes).most_common(1)[0][0]
        for i in range(len(shapes[0]))
    ]


def name_columns(
    widths: Sequence[int], streams: Sequence[str], source: str
) -> dict[str, list[int]]:
    """Stream -> its first column and the one behind its last, RGB before flow.

    Raises WtalError when the widths do not fit what the columns are said to be.
    """
    total = sum(widths)
    if len(streams) == 1:
        if len(widths) == 2:
            raise WtalError(f"{source}: RGB and flow are there, --streams names {streams[0]} alone")
        return {streams[0]: [0, total]}
    if len(widths) == 1 and total % 2:
        raise WtalError(f"{source}: {total} columns cannot be two streams of equal width")
    if len(widths) == 1 and total == 1024:
        raise WtalError(
            f"{source}: 1024 columns are one stream of I3D; say which: --streams rgb or "
            "--streams flow, or add the other one: --flow DIR"
        )
    first = widths[0] if len(widths) == 2 else total // 2
    return {"rgb": [0, first], "flow": [first, total]}


def explain_lengths(
    lengths: Mapping[str, int], durations: Mapping[str, float], claims: Claims
) -> str:
    """What grid would fit, when most lengths are off by one and the same factor; else nothing."""
    known = [v for v in lengths if v in durations]
    ratios = np.array([lengths[v] / expected_length(durations[v], claims.grid) for v in known])
    if not len(ratios):
        return ""
    ratio = float(np.median(ratios))
    if abs(ratio - 1) < 0.02 or np.mean(np.abs(ratios / ratio - 1) < 0.05) < 0.5:
        return ""
    return (
        f"; most are {ratio:.3g} times as long as the grid says: --stride "
        f"{claims.grid.stride / ratio:.3g}, or --fps {claims.grid.fps * ratio:.4g}, would fit"
    )


def refuse_too_many(bad: Mapping[str, str], total: int, most: float, hint: str = "") -> None:
    """Raise WtalError when more than a share `most` of all videos cannot be used, or all."""
    if not bad or (len(bad) < total and len(bad) <= most * total):
        return
    listed = "\n  ".join(f"{video}: {cause}" for video, cause in list(bad.items())[:20])
    more = f"\n  {shorten(list(bad)[20:])}" if len(bad) > 20 else ""
    raise WtalError(
        f"{len(bad)} of {total} videos of labels.json have no usable features, more than "
        f"--max-bad-fraction {most} allows{hint}; mend the package, correct what was declared, "
        f"or raise that:\n  {listed}{more}"
    )


def _is_turned(firsts: Counter[int], lasts: Counter[int]) -> bool:
    """Columns are the same in all videos, lengths are not; of one length, the usual width tells."""
    (first, times), (last, _) = firsts.most_common(1)[0], lasts.most_common(1)[0]
    if len(firsts) == len(lasts) == 1:
        return first in USUAL_WIDTHS and last not in USUAL_WIDTHS
    return len(firsts) < len(lasts) and 2 * times > firsts.total()


def _shapes(arrays: Sequence[Stored]) -> list[tuple[int, ...]]:
    try:
        shapes = [stored.open().shape for stored in arrays]
    except (ValueError, OSError, EOFError):
        return []  # read_rows says what is wrong with it
    return shapes if all(len(shape) == 2 for shape in shapes) else []


def _check_values(feat_TD: np.ndarray, name: str) -> None:
    if not np.isfinite(feat_TD).all():
        row, column = np.argwhere(~np.isfinite(feat_TD))[0]
        raise Unusable(f"{name} holds {feat_TD[row, column]} at snippet {row}, column {column}")
    largest = float(np.abs(feat_TD).max())
    if largest > LARGEST:
        raise Unusable(f"{name} holds a value of size {largest:.4g}, float16 ends at {LARGEST:g}")
