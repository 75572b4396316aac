"""Whole videos, one by one."""

import torch
from torch import Tensor, nn

from wtal_core.branches.output import BranchOutput
from wtal_core.training.scoring import score_videos


class Identity(nn.Module):
    """The features are the CAS."""

    def forward(self, feat_BTD: Tensor, mask_BT: Tensor) -> BranchOutput:
        assert not torch.is_grad_enabled()
        assert not self.training
        return BranchOutput(feat_BTD, feat_BTD.softmax(-1), feat_BTD, mask_BT)


def test_scores_by_hand() -> None:
    videos = [torch.tensor([[1.0, 3.0], [2.0, 0.0]]).half(), torch.zeros(7, 2)]
    first, second = score_videos(Identity().train(), videos, topk_ratio=2)
    assert first.prob_TC.dtype == torch.float32
    torch.testing.assert_close(first.prob_TC, videos[0].float().softmax(-1))
    torch.testing.assert_close(first.video_C, torch.tensor([2.0, 3.0]).softmax(0))
    assert second.prob_TC.shape == (7, 2)
