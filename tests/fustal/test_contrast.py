"""The generator's losses: cases computed by hand, and a slow reference."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from wtal_core.branches.output import BranchOutput
from wtal_core.fustal import contrast
from wtal_core.fustal.contrast import (
    cross_loss,
    label_loss,
    make_objective,
    nce,
    same_label_pairs,
    within_loss,
)
from wtal_core.fustal.mining import Mined, Picked
from wtal_core.schema.fustal_generate import FustalGenerateParams
from wtal_core.training.batches import Batch

TAU = 0.5
KINDS = ("easy_act", "easy_bkg", "hard_act", "hard_bkg")


def share(up: float, *down: float) -> float:
    """-log of the share, similarities being given."""
    return -math.log(math.exp(up / TAU) / sum(math.exp(x / TAU) for x in (up, *down)))


def test_nce_by_hand() -> None:
    """Similarities: to the key 0.6, to the others 0 and -1; lengths play no part."""
    query_QD = torch.tensor([[2.0, 0.0]])
    key_QD = torch.tensor([[0.3, 0.4]])
    other_QKD = torch.tensor([[[0.0, 7.0], [-5.0, 0.0], [9.0, 0.0]]])
    there_QK = torch.tensor([[True, True, False]])
    found = nce(query_QD, key_QD, other_QKD, there_QK, TAU)
    assert found.tolist() == pytest.approx([share(0.6, 0.0, -1.0)])


def test_pairs_have_the_very_same_labels() -> None:
    label_BC = torch.tensor([[1.0, 0, 1], [1, 0, 0], [1, 0, 1], [0, 1, 0], [1, 0, 1], [1, 0, 0]])
    pairs = [tuple(pair) for pair in same_label_pairs(label_BC).tolist()]
    assert sorted(pairs) == [(0, 2), (0, 4), (1, 5), (2, 4)]
    assert same_label_pairs(label_BC[3:5]).shape == (0, 2)


def picked(rows: list[list[int]]) -> Picked:
    k = max(1, max(map(len, rows)))
    index = [row + [0] * (k - len(row)) for row in rows]
    return Picked(
        torch.tensor(index), torch.arange(k) < torch.tensor([len(row) for row in rows])[:, None]
    )


def made() -> tuple[Tensor, dict[str, list[list[int]]]]:
    """Three videos of seven snippets, four channels; the last has no hard snippet of action."""
    feat_BTD = torch.randn(3, 7, 4, generator=torch.Generator().manual_seed(1))
    rows = {
        "easy_act": [[0, 3], [1, 2], [6]],
        "easy_bkg": [[5, 6], [0, 4], [2]],
        "hard_act": [[1], [3, 5], []],
        "hard_bkg": [[2, 4], [6], [0]],
    }
    return feat_BTD, rows


def mined(rows: dict[str, list[list[int]]]) -> Mined:
    return Mined(**{kind: picked(rows[kind]) for kind in KINDS})


def slow(feat_BTD: Tensor, rows: dict[str, list[list[int]]], query: int, key: int) -> list[float]:
    """Both terms of hard snippets of one video with easy ones of another; none where none are."""
    unit = torch.nn.functional.normalize
    found = []
    for hard, easy, other in (
        ("hard_act", "easy_act", "easy_bkg"),
        ("hard_bkg", "easy_bkg", "easy_act"),
    ):
        if not rows[hard][query]:
            found.append(float("nan"))
            continue
        q = unit(feat_BTD[query, rows[hard][query]].mean(0), dim=0)
        k = unit(feat_BTD[key, rows[easy][key]].mean(0), dim=0)
        down = [float(q @ unit(feat_BTD[key, n], dim=0)) for n in rows[other][key]]
        found.append(share(float(q @ k), *down))
    return found


def test_within_videos_against_a_slow_reference() -> None:
    feat_BTD, rows = made()
    terms = torch.tensor([slow(feat_BTD, rows, b, b) for b in range(3)])
    expected = terms[:2, 0].mean() + terms[:, 1].mean()
    assert float(within_loss(feat_BTD, mined(rows), TAU)) == pytest.approx(float(expected))


def test_across_videos_against_a_slow_reference() -> None:
    """Of both pairs, each in both directions: four terms a pair, summed, mean over pairs."""
    feat_BTD, rows = made()
    rows["hard_act"][2] = [4]
    pairs = [(0, 1), (1, 2)]
    expected = sum(
        sum(slow(feat_BTD, rows, j, i)) + sum(slow(feat_BTD, rows, i, j)) for i, j in pairs
    ) / len(pairs)
    found = cross_loss(feat_BTD, mined(rows), torch.tensor(pairs), TAU)
    assert float(found) == pytest.approx(expected, rel=1e-5)


def test_a_batch_without_pairs_adds_nothing() -> None:
    feat_BTD, rows = made()
    feat_BTD.requires_grad_()
    found = cross_loss(feat_BTD, mined(rows), torch.zeros(0, 2, dtype=torch.long), TAU)
    assert float(found.detach()) == 0
    found.backward()
    assert feat_BTD.grad is not None
    assert not feat_BTD.grad.any()


def test_the_loss_of_the_labels_by_hand() -> None:
    """Two classes, five snippets of which one is pooled: the logits 2 and 0."""
    cas_BTC = torch.tensor([[[0.5, 0], [2, 0], [0, 0], [1, 0], [0, 0], [99, 99]]])
    mask_BT = torch.arange(6)[None] < 5
    output = BranchOutput(cas_BTC, cas_BTC.softmax(-1), torch.zeros(1, 6, 3), mask_BT)
    p = math.exp(2) / (math.exp(2) + 1)
    found = label_loss(output, torch.tensor([[1.0, 0.0]]), topk_ratio=5)
    assert float(found) == pytest.approx(-(math.log(p) + math.log(p)) / 2)
    both = label_loss(output, torch.tensor([[1.0, 1.0]]), topk_ratio=5)
    assert float(both) == pytest.approx(-(math.log(p) + math.log(1 - p)) / 2)
    with pytest.raises(ValueError, match="needs a label"):
        label_loss(output, torch.zeros(1, 2), topk_ratio=5)


class TestObjective:
    params = FustalGenerateParams(
        contrast_weight=0.1, cross_weight=0.3, easy_ratio=3, hard_ratio=4, temperature=TAU
    )

    def batch(self, same: bool = True) -> tuple[BranchOutput, Batch]:
        generator = torch.Generator().manual_seed(2)
        cas_BTC = torch.rand(2, 24, 3, generator=generator)
        cas_BTC[:, 8:17] += 2
        feat_BTD = torch.randn(2, 24, 5, generator=generator)
        mask_BT = torch.arange(24) < torch.tensor([24, 22])[:, None]
        label_BC = torch.tensor([[0.0, 1, 0], [0, 1, 0] if same else [1.0, 0, 0]])
        output = BranchOutput(cas_BTC, cas_BTC.softmax(-1), feat_BTD, mask_BT)
        return output, Batch(("a", "b"), feat_BTD, mask_BT, label_BC, None, None)

    def run(self, params: FustalGenerateParams, same: bool = True) -> dict[str, float]:
        generator = torch.Generator().manual_seed(3)
        total, terms = make_objective(params)(*self.batch(same), generator)
        return {name: float(value) for name, value in {"total": total, **terms}.items()}

    def test_the_weighted_sum(self) -> None:
        found = self.run(self.params)
        assert found["within"] > 0
        assert found["cross"] > 0
        expected = found["cls"] + 0.1 * (found["within"] + 0.3 * found["cross"])
        assert found["total"] == pytest.approx(expected)

    def test_videos_of_other_labels_are_no_pair(self) -> None:
        assert self.run(self.params, same=False)["cross"] == 0

    @pytest.mark.parametrize("off", [{"cross_video": False}, {"cross_weight": 0.0}])
    def test_without_other_videos(
        self, off: dict[str, float], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(contrast, "cross_loss", None)  # not even called
        found = self.run(replace(self.params, **off))  # type: ignore[arg-type]
        assert set(found) == {"total", "cls", "within"}

    def test_without_contrast(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(contrast, "mine_snippets", None)
        found = self.run(replace(self.params, contrast_weight=0.0))
        assert set(found) == {"total", "cls"}
        assert found["total"] == found["cls"]
