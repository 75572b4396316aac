"""CLIP features beside I3D's at the entrance of a CBP branch (Tables 1 and 2 of [DVLP], † and ‡).

B videos, T snippets, D I3D channels (first half RGB, second half flow), E CLIP channels.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from wtal_core.branches.output import BranchOutput


def count_fused(i3d: int, clip: int, kind: str) -> int:
    """Channels that the branch behind the fusion sees."""
    return i3d + 2 * clip if kind == "concat" else i3d


class FusedInputs(nn.Module):
    """A branch on both kinds of features, (B, T, D + E): I3D's columns, then CLIP's.

    `concat` appends CLIP's features to RGB and again to flow, so that the halves stay halves.
    `mean` averages each half with a learned linear map of CLIP's features.
    CLIP's features enter with unit length, as in the VLP branch.
    Differs: [DVLP] says "averaging or concatenating" and no more. The widths differ, so an average
    needs a map between them.
    """

    def __init__(self, branch: nn.Module, i3d: int, clip: int, kind: str) -> None:
        super().__init__()
        if i3d % 2:
            raise ValueError(f"I3D features are RGB and flow of equal width, got {i3d} columns")
        self.branch = branch
        self.widths = [i3d // 2, i3d // 2, clip]
        self.kind = kind
        if kind == "mean":
            self.maps = nn.ModuleList(nn.Linear(clip, i3d // 2, bias=False) for _ in range(2))
        elif kind == "concat":
            self.maps = nn.ModuleList(nn.Identity() for _ in range(2))
        else:
            raise ValueError(f"fusion is by mean or concat, got {kind!r}")

    def forward(self, feat_BTD: Tensor, mask_BT: Tensor) -> BranchOutput:
        """What the branch says of the fused features."""
        *halves, clip_BTE = feat_BTD.split(self.widths, dim=-1)
        clip_BTE = F.normalize(clip_BTE, dim=-1)
        fused = []
        for half_BTD, to_half in zip(halves, self.maps, strict=True):
            mapped_BTD = to_half(clip_BTE)
            if self.kind == "mean":
                fused.append((half_BTD + mapped_BTD) / 2)
            else:
                fused.append(torch.cat([half_BTD, mapped_BTD], dim=-1))
        output: BranchOutput = self.branch(torch.cat(fused, dim=-1), mask_BT)
        return output
