"""Scores of whole videos by a trained branch.

T snippets, C classes, D channels.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from wtal_core.branches.output import BranchOutput
from wtal_core.pooling import pool_topk


@dataclass(frozen=True)
class VideoScores:
    """Of one video, float32 on the CPU."""

    prob_TC: Tensor  # softmax over classes per snippet
    video_C: Tensor  # softmax over classes of the pooled CAS


@torch.no_grad()
def score_videos(
    model: nn.Module, features: Sequence[Tensor], topk_ratio: int = 8
) -> list[VideoScores]:
    """Each video, (T, D), in full length and by itself."""
    model.eval()
    device = find_device(model)
    found = []
    for feat_TD in features:
        mask_1T = torch.ones(1, len(feat_TD), dtype=torch.bool, device=device)
        output: BranchOutput = model(feat_TD[None].float().to(device), mask_1T)
        video_1C = pool_topk(output.cas_BTC, mask_1T, topk_ratio).softmax(-1)
        found.append(VideoScores(output.prob_BTC[0].float().cpu(), video_1C[0].float().cpu()))
    return found


def find_device(model: nn.Module) -> torch.device:
    """Where the model's first parameter lies; the CPU for a model without any."""
    return next((p.device for p in model.parameters()), torch.device("cpu"))
