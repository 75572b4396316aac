"""bfloat16 in training: close to float32, finite, and out of the losses."""

import dataclasses
from collections.abc import Mapping

import pytest
import torch
from torch import Tensor, nn

from wtal_core.branches.cbp import CBP
from wtal_core.branches.output import BranchOutput
from wtal_core.branches.vlp import VLP
from wtal_core.encoders.clip import PromptedText, build_clip
from wtal_core.schema.branches import CbpParams, VlpParams
from wtal_core.schema.losses import LossParams
from wtal_core.schema.training import StepParams
from wtal_core.training.batches import Batch, Sample, collate
from wtal_core.training.loop import make_objective, train
from wtal_core.training.precision import run_branch
from wtal_core.training.state import seeded
from wtal_core.training.weights import learning

NAMES = ("Diving", "CleanAndJerk", "HighJump")
EMBED, CHANNELS, LENGTHS = 20, 14, (37, 22, 9)
OBJECTIVE = make_objective(LossParams(), cls=1.0, kd=1.0, fb=0.05)


def build_cbp() -> CBP:
    params = CbpParams(width=24, heads=2, embed=1, stem=1, levels=1, drop_path=0.0, window=2)
    return CBP(CHANNELS, len(NAMES), dataclasses.replace(params, input_dropout=0.0, dropout=0.0))


def build_vlp() -> VLP:
    config = {
        "embed_dim": EMBED,
        "vision_cfg": {
            "image_size": 16, "patch_size": 8, "width": 32, "layers": 1, "head_width": 16,
        },
        "text_cfg": {"context_length": 19, "width": 24, "heads": 2, "layers": 2},
    }  # fmt: skip
    text = PromptedText(build_clip(config), NAMES)
    params = VlpParams(prefix=2, suffix=3, layers=1, heads=2, positions=41, init_std=0.1)
    return VLP(text, EMBED, len(NAMES), params)


def samples(channels: int) -> list[Sample]:
    generator = torch.Generator().manual_seed(4)
    found = []
    for n, length in enumerate(LENGTHS):
        label_C = nn.functional.one_hot(torch.tensor(n), 3).float()
        target_TC = (torch.arange(length)[:, None] % 4 == 0) & (label_C > 0)
        feat_TD = torch.randn(length, channels, generator=generator)
        found.append(Sample(f"v{n}", feat_TD, label_C, target_TC.to(torch.int8)))
    return found


def step(model: nn.Module, batch: Batch, precision: str) -> tuple[Mapping[str, Tensor], Tensor]:
    """The losses of a step, and the gradient of everything that learns as one vector."""
    output = run_branch(model, batch.feat_BTD, batch.mask_BT, precision)
    assert {output.cas_BTC.dtype, output.prob_BTC.dtype, output.feat_BTD.dtype} == {torch.float32}
    total, terms = OBJECTIVE(output, batch, torch.Generator().manual_seed(5))
    grads = torch.autograd.grad(total, learning(model))
    assert {grad.dtype for grad in grads} == {torch.float32}
    return terms, torch.cat([grad.flatten() for grad in grads])


@pytest.mark.parametrize(("build", "channels"), [(build_cbp, CHANNELS), (build_vlp, EMBED)])
def test_a_step_in_bf16_is_close_to_fp32_and_not_equal(build: type, channels: int) -> None:
    with seeded(1):
        model = build().train()
    batch = collate(samples(channels))
    terms, grad = step(model, batch, "fp32")
    rough_terms, rough_grad = step(model, batch, "bf16")
    assert set(terms) == {"cls", "kd", "fb"}
    for name, value in rough_terms.items():
        assert torch.isfinite(value)
        torch.testing.assert_close(value, terms[name], rtol=0.02, atol=0.0)
    assert torch.isfinite(rough_grad).all()
    assert not torch.equal(rough_grad, grad)
    assert float(nn.functional.cosine_similarity(rough_grad, grad, dim=0)) > 0.99


@pytest.mark.parametrize(("build", "channels"), [(build_cbp, CHANNELS), (build_vlp, EMBED)])
def test_logits_have_the_full_precision(build: type, channels: int) -> None:
    """Rounding them to bfloat16 would change them."""
    with seeded(1):
        model = build().eval()
    batch = collate(samples(channels))
    with torch.no_grad():
        cas_BTC = run_branch(model, batch.feat_BTD, batch.mask_BT, "bf16").cas_BTC
    real = cas_BTC[batch.mask_BT]
    assert (real.bfloat16().float() != real)[real != 0].float().mean() > 0.9


class Counted(nn.Module):
    """A branch whose own loss needs a feature and a count."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(CHANNELS, 3)

    def forward(self, feat_BTD: Tensor, mask_BT: Tensor) -> BranchOutput:
        cas_BTC = self.layer(feat_BTD)
        extra = {"rough": cas_BTC.amax(1), "count": mask_BT.sum(1)}
        return BranchOutput(cas_BTC, cas_BTC.softmax(-1), feat_BTD, mask_BT, extra)


def test_what_a_branchs_own_loss_needs_is_float32_too() -> None:
    batch = collate(samples(CHANNELS))
    output = run_branch(Counted(), batch.feat_BTD, batch.mask_BT, "bf16")
    assert output.extra["rough"].dtype == torch.float32
    assert output.extra["count"].dtype == torch.int64
    assert output.mask_BT.dtype == torch.bool


def test_training_in_bf16_follows_training_in_fp32() -> None:
    def total(precision: str) -> tuple[float, float]:
        with seeded(2):
            model = build_cbp()
        params = StepParams(epochs=20, min_steps=2, batch=2, lr=0.01, precision=precision)  # type: ignore[arg-type]
        rows = train(model, OBJECTIVE, samples(CHANNELS), params, seed=8)
        # Single epochs lie far apart: what processors round differently grows on the way.
        return rows[0]["total"], sum(row["total"] for row in rows[-10:]) / 10

    first, last = total("fp32")
    rough_first, rough_last = total("bf16")
    assert rough_first == pytest.approx(first, rel=0.02)
    assert rough_first != first
    assert last < 0.9 * first
    assert rough_last == pytest.approx(last, rel=0.05)
