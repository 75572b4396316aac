"""What a batch of pairs needs on one level of the pyramid, in the memory of a device.

Of N pairs, (H, W) pixels each; rows are STRIDE_OF apart in memory, so that each begins where a
device reads best. Every tensor here is a whole (.., H, S); pixels lie in columns 0..W-1.

- prev (N, H, S) and texture (N, 3, H, S): the first picture; the second one, its x and y derivative
- linear (N, 4, H, S): gx, gy, ginv, rho of the brightness linearised around the flow
- u (2, N, 2, H, S) and p (2, N, 4, H, S): flow u1, u2 and duals p11, p12, p21, p22, twice: an
  iteration reads one side and writes the other, since a pixel needs its neighbours as they were
- change (N, T): sum of |du|^2 over each of T tiles in the last iteration
- state (5, N) int32, rows RUNNING.. below; errors (2, N) float64: the last iteration's sum of
  |du|^2 and that of the one before it
"""

from dataclasses import dataclass

import torch

RUNNING = 0  # 1 while a pair iterates in this round
U_SIDE, P_SIDE = 1, 2  # which side of u and of p holds what was computed last
DONE = 3  # iterations of this round
LEFT = 4  # iterations until the sum is compared with the limit
_ALIGNED = 32  # float32 numbers of 128 bytes, what a GPU's core reads at once
TILE_Y, TILE_X = 8, 64  # pixels that one program works on
# float32 numbers a pixel: those above, both pictures and what resizing needs on the way.
_NUMBERS = 2 * 2 + 2 * 4 + 4 + 3 + 1 + 12


@dataclass(frozen=True)
class BatchLevel:
    """What is known and what is sought at one size of the pictures."""

    width: int
    prev: torch.Tensor
    texture: torch.Tensor
    linear: torch.Tensor
    u: torch.Tensor
    p: torch.Tensor
    change: torch.Tensor
    state: torch.Tensor
    errors: torch.Tensor

    @property
    def pairs(self) -> int:
        """N."""
        return self.prev.shape[0]

    @property
    def height(self) -> int:
        """Rows of pixels."""
        return self.prev.shape[1]

    def flow(self) -> torch.Tensor:
        """(N, 2, H, W), of each pair the side that was computed last; a copy."""
        numbers = torch.arange(self.pairs, device=self.u.device)
        return self.u[self.state[U_SIDE].long(), numbers, :, :, : self.width]


def make_level(prev: torch.Tensor, next_: torch.Tensor, flow: torch.Tensor) -> BatchLevel:
    """From float32 pictures (N, H, W) and a first guess of the flow (N, 2, H, W); duals zero."""
    count, height, width = prev.shape
    stride = -(-width // _ALIGNED) * _ALIGNED
    tiles = -(-height // TILE_Y) * -(-width // TILE_X)

    def zeros(*shape: int) -> torch.Tensor:
        return torch.zeros((*shape, height, stride), device=prev.device)

    level = BatchLevel(
        width=width,
        prev=zeros(count),
        texture=zeros(count, 3),
        linear=zeros(count, 4),
        u=zeros(2, count, 2),
        p=zeros(2, count, 4),
        change=torch.zeros((count, tiles), device=prev.device),
        state=torch.zeros((5, count), dtype=torch.int32, device=prev.device),
        errors=torch.zeros((2, count), dtype=torch.float64, device=prev.device),
    )
    level.prev[..., :width] = prev
    level.u[0, ..., :width] = flow
    level.texture[..., :width] = _texture(next_)
    return level


def _texture(picture: torch.Tensor) -> torch.Tensor:
    """(N, H, W) -> (N, 3, H, W): itself and its central differences; the border is repeated."""
    dx, dy = torch.empty_like(picture), torch.empty_like(picture)
    for out, axis in ((dx, 2), (dy, 1)):
        length = picture.shape[axis]
        at = torch.arange(length, device=picture.device)
        after = picture.index_select(axis, (at + 1).clamp(max=length - 1))
        before = picture.index_select(axis, (at - 1).clamp(min=0))
        torch.mul(after - before, 0.5, out=out)
    return torch.stack([picture, dx, dy], dim=1)


def bytes_per_pair(height: int, width: int) -> int:
    """Of device memory, at most: the finest level and the smaller pictures of the pyramid."""
    stride = -(-width // _ALIGNED) * _ALIGNED
    return 4 * _NUMBERS * height * stride
