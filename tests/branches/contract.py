"""What every branch must keep; a branch's tests subclass it.

B=2 videos, T=13 snippets, C=3 classes.
"""

import torch
from torch import Tensor, nn

from wtal_core.branches.output import BranchOutput

CLASSES = 3
LENGTHS = (13, 6)


class BranchContract:
    """Subclasses give the branch and its number of input channels."""

    channels: int

    def build(self) -> nn.Module:
        """A small branch, the same at each call."""
        raise NotImplementedError

    def videos(self) -> list[Tensor]:
        generator = torch.Generator().manual_seed(7)
        return [torch.randn(n, self.channels, generator=generator) for n in LENGTHS]

    def run(self, model: nn.Module, videos: list[Tensor], length: int) -> BranchOutput:
        """`videos` padded with large numbers to `length`."""
        feat_BTD = torch.full((len(videos), length, self.channels), 50.0)
        mask_BT = torch.zeros(len(videos), length, dtype=torch.bool)
        for b, feat_TD in enumerate(videos):
            feat_BTD[b, : len(feat_TD)] = feat_TD
            mask_BT[b, : len(feat_TD)] = True
        output: BranchOutput = model(feat_BTD, mask_BT)
        return output

    def test_shapes_and_probabilities(self) -> None:
        output = self.run(self.build().eval(), self.videos(), 13)
        assert output.cas_BTC.shape == output.prob_BTC.shape == (2, 13, CLASSES)
        assert output.feat_BTD.shape[:2] == (2, 13)
        prob_BTC = output.prob_BTC[output.mask_BT].detach()
        assert float(prob_BTC.min()) >= 0
        assert float(prob_BTC.sum(-1).max()) <= 1 + 1e-6
        assert float(prob_BTC.max()) > 0.1

    def test_padding_changes_nothing(self) -> None:
        model = self.build().eval()
        both = self.run(model, self.videos(), 21)
        for b, feat_TD in enumerate(self.videos()):
            alone = self.run(model, [feat_TD], len(feat_TD))
            for name in ("cas_BTC", "prob_BTC", "feat_BTD"):
                torch.testing.assert_close(
                    getattr(both, name)[b, : len(feat_TD)], getattr(alone, name)[0]
                )

    def test_padding_gets_no_gradient(self) -> None:
        model = self.build().train()
        feat_BTD = torch.randn(2, 13, self.channels).requires_grad_()
        mask_BT = torch.arange(13) < torch.tensor(LENGTHS)[:, None]
        output = model(feat_BTD, mask_BT)
        (output.cas_BTC[mask_BT].sum() + output.feat_BTD[mask_BT].sum()).backward()
        assert feat_BTD.grad is not None
        assert not feat_BTD.grad[~mask_BT].any()
        assert torch.isfinite(feat_BTD.grad).all()

    def test_order_of_videos_does_not_matter(self) -> None:
        model = self.build().eval()
        there = self.run(model, self.videos(), 13)
        back = self.run(model, self.videos()[::-1], 13)
        torch.testing.assert_close(there.cas_BTC, back.cas_BTC.flip(0))

    def test_one_snippet_is_a_video_too(self) -> None:
        output = self.run(self.build().eval(), [torch.ones(1, self.channels)], 1)
        assert torch.isfinite(output.cas_BTC).all()


class LearningContract(BranchContract):
    """A branch with parameters of its own."""

    def test_everything_that_learns_gets_a_gradient(self) -> None:
        torch.manual_seed(0)
        model = self.build().train()
        output = self.run(model, self.videos(), 13)
        (output.prob_BTC[output.mask_BT].square().sum() + output.feat_BTD.sum()).backward()
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                assert parameter.grad is not None, name
                assert parameter.grad.any(), name


class SoftmaxContract(LearningContract):
    """A branch whose probabilities are nothing but the softmax of its CAS."""

    def test_probabilities_are_the_softmax(self) -> None:
        output = self.run(self.build().eval(), self.videos(), 13)
        torch.testing.assert_close(output.prob_BTC, output.cas_BTC.softmax(-1))


class OwnLossContract(LearningContract):
    """A CBP branch with a video-level loss of its own."""

    def loss(self, output: BranchOutput, label_BC: Tensor) -> Tensor:
        """The loss, without anything random."""
        raise NotImplementedError

    def labels(self) -> Tensor:
        return torch.eye(CLASSES)[[2, 0]]

    def test_padding_does_not_change_the_loss(self) -> None:
        model = self.build().eval()
        exact = self.loss(self.run(model, self.videos(), 13), self.labels())
        padded = self.loss(self.run(model, self.videos(), 21), self.labels())
        assert exact.shape == ()
        torch.testing.assert_close(padded, exact)

    def test_padding_gets_no_gradient_from_the_loss(self) -> None:
        model = self.build().train()
        feat_BTD = torch.randn(2, 13, self.channels).requires_grad_()
        mask_BT = torch.arange(13) < torch.tensor(LENGTHS)[:, None]
        self.loss(model(feat_BTD, mask_BT), self.labels()).backward()
        assert feat_BTD.grad is not None
        assert feat_BTD.grad[mask_BT].any()
        assert not feat_BTD.grad[~mask_BT].any()

    def test_a_step_against_its_gradient_lowers_the_loss(self) -> None:
        model = self.build().eval()
        before = self.loss(self.run(model, self.videos(), 13), self.labels())
        before.backward()
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.grad is not None:
                    parameter.sub_(1e-3 * parameter.grad / (1 + parameter.grad.norm()))
        assert self.loss(self.run(model, self.videos(), 13), self.labels()) < before
