"""TV-L1's steps once more, slowly: pixel by pixel from the equations of Zach et al. 2007.

In float64 and with the definitions of gradient and divergence spelled out, so that it shares
nothing with the kernels but the mathematics.
"""

from dataclasses import dataclass

import numpy as np


@dataclass
class State:
    """Flow u (2, H, W), duals p (2, 2, H, W): p[i] belongs to u[i], its components are x, y."""

    u: np.ndarray
    p: np.ndarray


def bilinear(image: np.ndarray, y: float, x: float) -> float:
    """At a point; beyond the border lies its nearest pixel."""
    height, width = image.shape
    y, x = min(max(y, 0), height - 1), min(max(x, 0), width - 1)
    top, left = min(int(y), height - 2), min(int(x), width - 2)
    v, h = y - top, x - left
    a, b, c, d = image[top : top + 2, left : left + 2].ravel()
    return float((1 - v) * ((1 - h) * a + h * b) + v * ((1 - h) * c + h * d))


def cubic(distance: float) -> float:
    """Keys' kernel with a = -3/4."""
    a, d = -0.75, abs(distance)
    if d <= 1:
        return (a + 2) * d**3 - (a + 3) * d**2 + 1
    return a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a if d < 2 else 0.0


def bicubic(image: np.ndarray, y: float, x: float) -> float:
    """At a point; outside the picture all is zero."""
    height, width = image.shape
    return float(
        sum(
            image[j, i] * cubic(y - j) * cubic(x - i)
            for j in range(int(np.floor(y)) - 1, int(np.floor(y)) + 3)
            for i in range(int(np.floor(x)) - 1, int(np.floor(x)) + 3)
            if 0 <= j < height and 0 <= i < width
        )
    )


def derivatives(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Central differences, x then y; the border is repeated."""
    padded = np.pad(image, 1, mode="edge")
    dx = (padded[1:-1, 2:] - padded[1:-1, :-2]) / 2
    dy = (padded[2:, 1:-1] - padded[:-2, 1:-1]) / 2
    return dx, dy


def gradient(u: np.ndarray) -> np.ndarray:
    """(2, H, W) forward differences, x then y; zero at the far border."""
    out = np.zeros((2, *u.shape))
    out[0, :, :-1] = u[:, 1:] - u[:, :-1]
    out[1, :-1] = u[1:] - u[:-1]
    return out


def divergence(p: np.ndarray) -> np.ndarray:
    """Minus the transpose of `gradient`, for p that is zero at the far border."""
    out = p[0] + p[1]
    out[:, 1:] -= p[0, :, :-1]
    out[1:] -= p[1, :-1]
    return out


def iterate(
    state: State, grad: np.ndarray, rest: np.ndarray, tau: float, theta: float, lambda_: float
) -> float:
    """One iteration in place; grad (2, H, W) and rest: rho(u) = rest + <grad, u>. Sum of |du|^2."""
    rho = rest + (grad * state.u).sum(axis=0)
    square = (grad**2).sum(axis=0)
    reach = lambda_ * theta
    v = state.u.copy()
    for y, x in np.ndindex(rho.shape):  # the thresholding step: three cases
        if rho[y, x] < -reach * square[y, x]:
            v[:, y, x] += reach * grad[:, y, x]
        elif rho[y, x] > reach * square[y, x]:
            v[:, y, x] -= reach * grad[:, y, x]
        elif square[y, x] > np.finfo(np.float32).eps:
            v[:, y, x] -= rho[y, x] * grad[:, y, x] / square[y, x]
    new = np.stack([v[i] + theta * divergence(state.p[i]) for i in range(2)])
    change = float(((new - state.u) ** 2).sum())
    state.u = new
    for i in range(2):
        slope = gradient(state.u[i])
        length = np.hypot(slope[0], slope[1])
        state.p[i] = (state.p[i] + tau / theta * slope) / (1 + tau / theta * length)
    return change
