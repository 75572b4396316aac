"""The batched kernels of TV-L1 in plain torch: what those in Triton must do, on any device.

Slow and short; whole tensors of the running pairs instead of tiles, with torch's own median.
"""

import math

import torch

from wtal_core.video.tvl1.batch_levels import (
    DONE,
    LEFT,
    P_SIDE,
    RUNNING,
    U_SIDE,
    BatchLevel,
)
from wtal_core.video.tvl1.levels import RIM
from wtal_core.video.tvl1.solver import BLOCK


def warp(level: BatchLevel) -> None:
    """As BatchKernels says."""
    width, height = level.width, level.height
    flow = level.flow()
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    column, across = _locate(x, flow[:, 0], width)
    row, down = _locate(y, flow[:, 1], height)
    wide = torch.nn.functional.pad(level.texture[..., :width], (RIM,) * 4)
    pairs = torch.arange(level.pairs)[:, None, None]

    def tap(j: int, i: int) -> torch.Tensor:
        found = wide[pairs, :, row + (RIM - 1 + j), column + (RIM - 1 + i)]
        return found.permute(3, 0, 1, 2)  # I, Ix, Iy first

    columns = [
        (down[0] * tap(0, i) + down[1] * tap(1, i)) + (down[2] * tap(2, i) + down[3] * tap(3, i))
        for i in range(4)
    ]
    bright, ix, iy = (across[0] * columns[0] + across[1] * columns[1]) + (
        across[2] * columns[2] + across[3] * columns[3]
    )
    square = ix * ix + iy * iy
    steep = square > torch.finfo(torch.float32).eps
    ginv = torch.where(steep, 1 / torch.where(steep, square, 1), 0)
    rho = (bright - (ix * flow[:, 0] + iy * flow[:, 1])) - level.prev[..., :width]
    level.linear[..., :width] = torch.stack([ix, iy, ginv, rho], dim=1)


def _locate(
    start: torch.Tensor, u: torch.Tensor, length: int
) -> tuple[torch.Tensor, list[torch.Tensor]]:
    at = (start.float() + u).clamp(1 - RIM, length + 1)
    cell = torch.floor(at + RIM) - RIM  # rounds as there, a hair left of a pixel
    t = at - cell
    s = 1 - t
    first, last = -0.75 * (t * (s * s)), -0.75 * (s * (t * t))
    second = ((1.25 * t - 2.25) * t) * t + 1
    return cell.long(), [first, second, ((1 - first) - last) - second, last]


def median(level: BatchLevel, side: int) -> None:
    """As BatchKernels says."""
    now, pairs = _sides(level, U_SIDE)
    u = level.u[now, pairs, :, :, : level.width]
    padded = torch.nn.functional.pad(u, (side // 2,) * 4, mode="replicate")
    windows = padded.unfold(2, side, 1).unfold(3, side, 1).flatten(-2)
    level.u[1 - now, pairs, :, :, : level.width] = windows.median(dim=-1).values


def sweep(level: BatchLevel, taut: float, theta: float, reach: float) -> None:
    """As BatchKernels says."""
    width = level.width
    u_now, pairs = _sides(level, U_SIDE)
    p_now, _ = _sides(level, P_SIDE)
    u = level.u[u_now, pairs, :, :, :width]
    p11, p12, p21, p22 = level.p[p_now, pairs, :, :, :width].unbind(1)
    gx, gy, ginv, rho = level.linear[pairs, :, :, :width].unbind(1)
    a, b = u.unbind(1)
    step = ((rho + (gx * a + gy * b)) * ginv).clamp(-reach, reach)
    new_a = (a - step * gx) + theta * (_from_left(p11) + _from_above(p12))
    new_b = (b - step * gy) + theta * (_from_left(p21) + _from_above(p22))
    moved = (new_a - a) ** 2 + (new_b - b) ** 2
    level.change[pairs] = 0
    level.change[pairs, 0] = moved.double().sum(dim=(1, 2)).float()
    level.u[1 - u_now, pairs, :, :, :width] = torch.stack([new_a, new_b], dim=1)
    ax, ay, bx, by = *_slopes(new_a), *_slopes(new_b)
    for_a = 1 + taut * _root(ax * ax + ay * ay)
    for_b = 1 + taut * _root(bx * bx + by * by)
    both = 1 / (for_a * for_b)
    for_a, for_b = both * for_b, both * for_a
    p = [
        (p11 + taut * ax) * for_a, (p12 + taut * ay) * for_a,
        (p21 + taut * bx) * for_b, (p22 + taut * by) * for_b,
    ]  # fmt: skip
    level.p[1 - p_now, pairs, :, :, :width] = torch.stack(p, dim=1)


def settle(level: BatchLevel, most: int, limit: torch.Tensor) -> None:
    """As BatchKernels says: numba_kernels.iterate's loop, one pair after the other."""
    highest = float(limit)
    for pair in level.state[RUNNING].nonzero()[:, 0].tolist():
        state, errors = level.state[:, pair], level.errors[:, pair]
        before, error = float(errors[0]), float(level.change[pair].double().sum())
        errors[0], errors[1] = error, before
        state[U_SIDE] ^= 1
        state[P_SIDE] ^= 1
        state[DONE] += 1
        state[LEFT] -= 1
        if state[LEFT] > 0:
            continue
        done, count = int(state[DONE]), 1
        if before < math.inf:
            shrink = 0.8 * (error / before) if before else 0.0
            expected = shrink * error
            while count < BLOCK and done + count < most and expected > highest:
                expected *= shrink
                count += 1
        state[LEFT] = count
        state[RUNNING] = int(done < most and error > highest)


def _sides(level: BatchLevel, row: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The current side of each running pair, and their numbers."""
    pairs = level.state[RUNNING].nonzero()[:, 0]
    return level.state[row, pairs].long(), pairs


def _root(square: torch.Tensor) -> torch.Tensor:
    """Rounded correctly, which torch's square root of float32 is not on every processor."""
    return torch.sqrt(square.double()).float()


def _from_left(p: torch.Tensor) -> torch.Tensor:
    return p - torch.nn.functional.pad(p[:, :, :-1], (1, 0))


def _from_above(p: torch.Tensor) -> torch.Tensor:
    return p - torch.nn.functional.pad(p[:, :-1], (0, 0, 1, 0))


def _slopes(u: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Forward differences in x and y, zero at the far border."""
    right = torch.nn.functional.pad(u[:, :, 1:] - u[:, :, :-1], (0, 1))
    below = torch.nn.functional.pad(u[:, 1:] - u[:, :-1], (0, 0, 0, 1))
    return right, below
