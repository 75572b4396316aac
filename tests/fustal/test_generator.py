"""The generator's network: scores, padding, and that it learns."""

import pytest
import torch

from wtal_core.fustal.contrast import make_objective
from wtal_core.fustal.generator import Generator, score_video
from wtal_core.schema.fustal_generate import FustalGenerateParams
from wtal_core.training.batches import Sample
from wtal_core.training.loop import train
from wtal_core.training.precision import run_branch
from wtal_core.training.state import seeded

PARAMS = FustalGenerateParams(
    width=7, epochs=30, min_steps=1, batch=4, crop=30, lr=0.02, dropout=0.2
)


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def build(params: FustalGenerateParams = PARAMS) -> Generator:
    with seeded(0):
        return Generator(5, 3, params)


def test_what_it_returns() -> None:
    model = build().eval()
    feat_BTD = torch.randn(2, 11, 5, generator=torch.Generator().manual_seed(0))
    output = model(feat_BTD, torch.ones(2, 11, dtype=torch.bool))
    assert output.cas_BTC.shape == (2, 11, 3)
    assert output.feat_BTD.shape == (2, 11, 7)
    assert output.cas_BTC.min() >= 0
    assert output.feat_BTD.min() >= 0


def test_padding_changes_nothing() -> None:
    model = build().eval()
    feat_BTD = torch.randn(1, 9, 5, generator=torch.Generator().manual_seed(0))
    padded = torch.cat([feat_BTD, torch.full((1, 4, 5), 1e3)], dim=1)
    alone = model(feat_BTD, torch.ones(1, 9, dtype=torch.bool))
    with_rest = model(padded, torch.arange(13)[None] < 9)
    torch.testing.assert_close(with_rest.cas_BTC[:, :9], alone.cas_BTC)


def test_a_videos_scores_by_hand() -> None:
    """A network that passes two columns on: the CAS is they, pooled over 6 // 3 snippets."""
    model = Generator(2, 2, FustalGenerateParams(width=2))
    with torch.no_grad():
        model.embed.weight.zero_()
        model.embed.weight[[0, 1], [0, 1], 1] = 1.0
        assert model.embed.bias is not None
        model.embed.bias.zero_()
        model.classify.weight.copy_(torch.eye(2))
    feat_TD = torch.tensor([[4.0, 0], [2, 1], [-3, 0], [0, 3], [0, -9], [1, 0]])
    found = score_video(model, feat_TD, topk_ratio=3)
    assert found.cas_TC.tolist() == feat_TD.clamp(min=0).tolist()
    assert found.action_T.tolist() == [4, 3, 0, 3, 0, 1]
    torch.testing.assert_close(found.video_C, torch.tensor([3.0, 2.0]).softmax(0))


def test_in_bfloat16_scores_stay_in_float32() -> None:
    feat_BTD = torch.randn(1, 9, 5, generator=torch.Generator().manual_seed(0))
    output = run_branch(build().eval(), feat_BTD, torch.ones(1, 9, dtype=torch.bool), "bf16")
    assert output.cas_BTC.dtype == output.feat_BTD.dtype == torch.float32
    assert (output.cas_BTC != output.cas_BTC.bfloat16()).any()  # the last product is one of fp32


def samples() -> list[Sample]:
    generator = torch.Generator().manual_seed(4)
    made = []
    for n in range(6):
        feat_TD = 0.2 * torch.randn(24 + n, 5, generator=generator)
        feat_TD[7:15, n % 3] += 3
        made.append(Sample(f"v{n}", feat_TD, torch.eye(3)[n % 3]))
    return made


def test_it_learns_where_the_action_is() -> None:
    model = build()
    rows = train(model, make_objective(PARAMS), samples(), PARAMS.step(), seed=1)
    assert list(rows[0]) == ["epoch", "lr", "total", "cls", "within", "cross"]
    assert rows[-1]["cls"] < rows[0]["cls"] / 3
    for n, sample in enumerate(samples()):
        found = score_video(model, sample.feat_TD, PARAMS.topk_ratio)
        assert int(found.video_C.argmax()) == n % 3
        inside, outside = found.action_T[8:14], torch.cat([found.action_T[:6], found.action_T[16:]])
        assert inside.min() > outside.max()
