"""The plain way to train, which benchmarks/train.py compares with; it computes the same losses.

Attention that holds every pair of snippets, class texts of full context, batches in random order.
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from wtal_core.branches.transformer import Attention, Block
from wtal_core.encoders.clip import TextTower
from wtal_core.schema.training import StepParams
from wtal_core.training.batches import Sample, collate
from wtal_core.training.loop import Objective
from wtal_core.training.scoring import find_device
from wtal_core.training.weights import learning


class PlainAttention(nn.Module):
    """softmax(q k / √d) v with the matrix of all pairs in memory, by the weights of another."""

    def __init__(self, of: Attention) -> None:
        super().__init__()
        self.of = of

    def forward(self, x_BTD: Tensor, mask_BT: Tensor) -> Tensor:
        """(B, T, D) from (B, T, D)."""
        batch, length, width = x_BTD.shape
        heads, window = self.of.heads, self.of.window
        split = self.of.inward(x_BTD).view(batch, length, 3, heads, width // heads)
        query, key, value = split.permute(2, 0, 3, 1, 4)
        at_T = torch.arange(length, device=x_BTD.device)
        apart_TT = (at_T[:, None] - at_T).abs()
        near_TT = apart_TT <= (window or length)
        seen_B1TT = ((near_TT & mask_BT[:, None]) | (apart_TT == 0))[:, None]
        score_BHTT = query @ key.transpose(-1, -2) / query.shape[-1] ** 0.5
        mixed = score_BHTT.masked_fill(~seen_B1TT, -torch.inf).softmax(-1) @ value
        mixed_BTD = mixed.transpose(1, 2).reshape(batch, length, width)
        return self.of.dropout(self.of.outward(mixed_BTD))


class FullContext(TextTower):
    """The text tower on sequences of its full context, what lies behind EOS included."""

    def forward(self, tokens_CLW: Tensor, eos_C: Tensor) -> Tensor:
        """Text embeddings (C, E), not normalised."""
        spare = len(self.positional_embedding) - tokens_CLW.shape[1]
        return super().forward(F.pad(tokens_CLW, (0, 0, 0, spare)), eos_C)


def with_plain_attention(model: nn.Module) -> nn.Module:
    """`model`, each of whose blocks now holds every pair of snippets."""
    for block in [module for module in model.modules() if isinstance(module, Block)]:
        block.attention = PlainAttention(block.attention)  # type: ignore[assignment]
    return model


def train_plainly(
    model: nn.Module, objective: Objective, samples: Sequence[Sample], params: StepParams
) -> Iterator[tuple[int, int]]:
    """A pass in random order; the rows and the snippets of each batch, as its step is taken."""
    model.train()
    generator = torch.Generator().manual_seed(0)
    optimiser = torch.optim.Adam(learning(model), lr=params.lr, weight_decay=params.weight_decay)
    for chosen in torch.randperm(len(samples), generator=generator).split(params.batch):
        batch = collate([samples[i] for i in chosen.tolist()], find_device(model))
        total, _ = objective(model(batch.feat_BTD, batch.mask_BT), batch, generator)
        optimiser.zero_grad(set_to_none=True)
        total.backward()
        nn.utils.clip_grad_norm_(learning(model), params.grad_clip)
        optimiser.step()
        yield batch.mask_BT.numel(), int(batch.mask_BT.sum())
