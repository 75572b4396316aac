"""What is measured is the real loop, and the line fits the sizes that will come."""

import pytest
from torch import Tensor, nn

from wtal_core.branches.output import BranchOutput
from wtal_core.planning import measure_method
from wtal_core.planning.measure_method import Trial, count_bytes, mean_length, measure_step
from wtal_core.planning.workload import StepWork
from wtal_core.schema.losses import LossParams
from wtal_core.schema.training import StepParams

COLUMNS, CLASSES = 5, 3


class Plain(nn.Module):
    """One layer, which remembers the shapes that it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.last = nn.Linear(COLUMNS, CLASSES)
        self.shapes: list[tuple[int, ...]] = []

    def forward(self, feat_BTD: Tensor, mask_BT: Tensor) -> BranchOutput:
        """Logits, their softmax."""
        self.shapes.append(tuple(feat_BTD.shape))
        cas_BTC = self.last(feat_BTD)
        return BranchOutput(cas_BTC, cas_BTC.softmax(-1), feat_BTD, mask_BT)


def trial(model: nn.Module, batch: int = 4) -> Trial:
    weights = {"cls": 1.0, "kd": 1.0, "fb": 0.05}
    return Trial(model, COLUMNS, CLASSES, StepParams(batch=batch), LossParams(), weights)


def test_the_batches_have_the_real_shape() -> None:
    model = Plain()
    work = StepWork(epochs=2, steps=10, snippets=10 * 120.0, largest=150, videos=4.0)
    cost = measure_step(trial(model), work, budget_s=0.5)
    assert {shape[0] for shape in model.shapes} == {1, 2, 4}
    assert {shape[1] for shape in model.shapes if shape[0] > 1} == {120 // 4}
    assert cost.seconds(work.mean) > 0


@pytest.mark.parametrize(("mean", "expected"), [(108.0, 1.0 + 0.1 * 108), (12.0, 2.2)])
def test_the_line(monkeypatch: pytest.MonkeyPatch, mean: float, expected: float) -> None:
    """1 s and .1 s a snippet, with 100 bytes and 3 a snippet; one short video is taken as it is."""

    def fake(_: Trial, videos: int, length: int, budget_s: float) -> tuple[float, int]:
        return 1.0 + 0.1 * videos * length, 100 + 3 * videos * length

    monkeypatch.setattr(measure_method, "_measure", fake)
    work = StepWork(epochs=1, steps=1, snippets=mean, largest=int(mean), videos=mean // 12)
    cost = measure_step(trial(nn.Identity(), batch=9), work, budget_s=1.0)
    assert cost.seconds(mean) == pytest.approx(expected)
    assert cost.memory is not None
    assert cost.memory(mean) == pytest.approx(100 + 3 * mean)


def test_a_skipped_stage_is_not_measured() -> None:
    model = Plain()
    cost = measure_step(trial(model), StepWork(0, 0, 0.0, 0), budget_s=1.0)
    assert (cost.seconds(50), cost.memory, model.shapes) == (0.0, None, [])


def test_long_videos_are_typical_for_snippets() -> None:
    assert mean_length([10, 30]) == 25  # (100 + 900) / 40


def test_bytes_of_a_checkpoint() -> None:
    model = nn.Sequential(nn.Linear(7, 3), nn.Linear(3, 2))
    model[1].requires_grad_(False)
    assert count_bytes(model) == (7 * 3 + 3) * 4


class Slow(Plain):
    """Looks at the clock: so much for a call in evaluation mode, so much for a snippet."""

    def __init__(self, clock: list[float]) -> None:
        super().__init__()
        self.clock = clock

    def forward(self, feat_BTD: Tensor, mask_BT: Tensor) -> BranchOutput:
        self.clock[0] += 0.5 * feat_BTD.shape[1]
        return super().forward(feat_BTD, mask_BT)

    def eval(self) -> "Slow":
        self.clock[0] += 100.0
        return super().eval()


def test_scoring_counts_what_grows_with_the_videos(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(measure_method.time, "perf_counter", lambda: clock[0])
    found = measure_method.measure_scoring(Slow(clock), COLUMNS, length=6, budget_s=0.0)
    assert found == pytest.approx(0.5)
