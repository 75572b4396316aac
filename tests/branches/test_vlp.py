"""The VLP branch: contract, Eq. (3), what learns, positions of long videos."""

import dataclasses
import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.branches.contract import CLASSES, BranchContract, SoftmaxContract
from wtal_core.branches.vlp import VLP, interpolate_rows
from wtal_core.schema.branches import VlpParams

SMALL = VlpParams(prefix=2, suffix=3, layers=2, heads=2, mlp_ratio=2.0, positions=11)
WIDTH, DIM = 5, 4


class Text(nn.Module):
    """Stands for the frozen text tower: class vectors moved by the prompts."""

    width, dim = WIDTH, DIM

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(1)
        self.name_CE = nn.Parameter(torch.randn(CLASSES, DIM, generator=generator))
        self.mix_WE = nn.Parameter(torch.randn(WIDTH, DIM, generator=generator))
        self.calls = 0

    def forward(self, prefix_PW: Tensor, suffix_PW: Tensor) -> Tensor:
        self.calls += 1
        move_W = prefix_PW.sum(0) - suffix_PW.sum(0)
        return self.name_CE * (1 + move_W @ self.mix_WE)

    def plain(self, template: str) -> Tensor:
        self.calls += 1
        return self.name_CE * len(template)


def build(vanilla: bool = False, **changes: object) -> VLP:
    params = dataclasses.replace(SMALL, **changes)  # type: ignore[arg-type]
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return VLP(Text(), DIM, CLASSES, params, vanilla=vanilla)


class TestContract(SoftmaxContract):
    channels = DIM

    def build(self) -> nn.Module:
        return build()


class TestContractLocal(SoftmaxContract):
    channels = DIM

    def build(self) -> nn.Module:
        return build(window=3, layers=1, positions=40)


class TestContractVanilla(BranchContract):
    channels = DIM

    def build(self) -> nn.Module:
        return build(vanilla=True)


def test_vanilla_is_eq_3_of_the_plain_text() -> None:
    model = build(vanilla=True, temperature_vanilla=0.5)
    feat_BTE = torch.tensor([[[3.0, 0, 0, 0], [0, 0.2, 0, 0]]])
    output = model(feat_BTE, torch.ones(1, 2, dtype=torch.bool))
    unit_CE = F.normalize(Text().name_CE.detach(), dim=-1)
    torch.testing.assert_close(output.cas_BTC[0], unit_CE.T[:2] / 0.5)


def test_vanilla_has_nothing_to_learn() -> None:
    assert not [n for n, p in build(vanilla=True).named_parameters() if p.requires_grad]


def test_only_prompts_positions_and_layers_learn() -> None:
    learning = {n.split(".")[0] for n, p in build().named_parameters() if p.requires_grad}
    assert learning == {"prefix_PW", "suffix_PW", "position_PE", "layers"}


def test_it_starts_near_identity() -> None:
    """Layers of N(0, .01) add next to nothing: F_vid is F_vis and its position."""
    feat_BTE, mask_BT = torch.randn(2, 9, DIM), torch.ones(2, 9, dtype=torch.bool)
    moved = build()(feat_BTE, mask_BT).feat_BTD - F.normalize(feat_BTE, dim=-1)
    assert float(moved.detach().abs().max()) < 0.06


def test_initial_spread() -> None:
    model = build(prefix=200, suffix=300, positions=400)
    for name, parameter in model.named_parameters():
        if parameter.ndim == 2 and parameter.numel() > 900 and parameter.requires_grad:
            assert float(parameter.detach().std()) == pytest.approx(0.01, rel=0.1), name
        elif name.endswith(".bias"):
            assert not parameter.detach().any(), name
        elif name.endswith("norm_mlp.weight"):
            assert bool((parameter == 1).all()), name


def test_without_temperature_a_softmax_of_cosines_stays_low() -> None:
    """e / (e + 19 / e) = .28: δ_h = .3 could never be passed with 20 classes and τ = 1."""
    best = math.e / (math.e + 19 / math.e)
    cosine_C = torch.full((20,), -1.0)
    cosine_C[0] = 1
    assert float(cosine_C.softmax(0)[0]) == pytest.approx(best)
    assert best < 0.3 < float((cosine_C / 0.07).softmax(0)[0])


def test_temperature_divides_the_cosine() -> None:
    feat_BTE, mask_BT = torch.randn(1, 6, DIM), torch.ones(1, 6, dtype=torch.bool)
    warm, cold = (build(temperature=t)(feat_BTE, mask_BT).cas_BTC for t in (0.1, 0.05))
    torch.testing.assert_close(2 * warm, cold)
    assert float(warm.detach().abs().max()) <= 10


def test_text_is_encoded_once_at_evaluation_and_each_step_in_training() -> None:
    model = build()
    text = model.text
    assert isinstance(text, Text)
    feat_BTE, mask_BT = torch.randn(1, 6, DIM), torch.ones(1, 6, dtype=torch.bool)
    model.train()
    for _ in range(3):
        model(feat_BTE, mask_BT)
    assert text.calls == 3
    model.eval()
    with torch.no_grad():
        for _ in range(3):
            first = model(feat_BTE, mask_BT).cas_BTC
    assert text.calls == 4
    with torch.no_grad():
        model.prefix_PW.add_(1)
    model.eval()  # drops what was kept
    with torch.no_grad():
        assert not torch.equal(model(feat_BTE, mask_BT).cas_BTC, first)


def test_text_tower_stays_in_evaluation_mode() -> None:
    assert not build().train().text.training


def test_other_widths_are_refused() -> None:
    with pytest.raises(ValueError, match="image features have 7 channels, text features 4"):
        VLP(Text(), 7, CLASSES, SMALL)
    model = VLP(Text(), DIM, CLASSES + 1, SMALL)
    with pytest.raises(ValueError, match="4 classes"):
        model(torch.randn(1, 2, DIM), torch.ones(1, 2, dtype=torch.bool))


def test_positions_of_short_and_long_videos() -> None:
    """Five rows 0 10 20 30 40: three snippets take three rows, nine the half rows between."""
    table_PE = 10 * torch.arange(5.0)[:, None]
    mask_BT = torch.arange(9) < torch.tensor([[3], [9]])
    rows = interpolate_rows(table_PE, mask_BT)[..., 0]
    assert rows[0, :3].tolist() == [0, 10, 20]
    assert rows[1].tolist() == [0, 5, 10, 15, 20, 25, 30, 35, 40]


@pytest.mark.parametrize(
    ("key", "value", "part"),
    [
        ("template_vanilla", "a video", "template_vanilla"),
        ("temperature", 0.0, "vlp.temperature"),
        ("positions", 1, "vlp.positions"),
        ("heads", 0, "vlp.heads"),
        ("dropout", 1.0, "vlp.dropout"),
    ],
)
def test_bad_params_are_refused(key: str, value: object, part: str) -> None:
    with pytest.raises(ValueError, match=part):
        dataclasses.replace(SMALL, **{key: value})  # type: ignore[arg-type]
