"""Eq. (4) by hand, its edges, and the switches around it."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from wtal_core.pseudo_labels import (
    confidence,
    count_shares,
    distil,
    reach_consensus,
    recentre_odds,
    settle_conflicts,
    ternary_labels,
)
from wtal_core.schema.pseudo_labels import PseudoLabelParams
from wtal_core.schema.thresholds import ThresholdParams

PAPER = ThresholdParams()
OWN_FIRST = torch.tensor([1.0, 0.0])


def test_by_hand() -> None:
    prob_TC = torch.tensor([[0.9, 0.05], [0.2, 0.7], [0.05, 0.9], [0.31, 0.6], [0.09, 0.2]])
    # Above .3: foreground; between: uncertain; below .1: background; the absent class: background.
    expected = [[1, 0], [-1, 0], [0, 0], [1, 0], [0, 0]]
    assert ternary_labels(prob_TC, OWN_FIRST, 0.3, 0.1).tolist() == expected


def test_a_score_on_a_threshold_is_uncertain() -> None:
    prob_TC = torch.tensor([[0.5, 0.0], [0.25, 0.0]])
    assert ternary_labels(prob_TC, OWN_FIRST, 0.5, 0.25)[:, 0].tolist() == [-1, -1]


def test_argmax_rule_needs_an_own_class_to_win() -> None:
    prob_TC = torch.tensor([[0.4, 0.6], [0.6, 0.4]])
    assert ternary_labels(prob_TC, OWN_FIRST, 0.3, 0.1)[:, 0].tolist() == [1, 1]
    assert ternary_labels(prob_TC, OWN_FIRST, 0.3, 0.1, "argmax")[:, 0].tolist() == [-1, 1]


def test_two_labels_may_hold_at_once() -> None:
    """The second class wins nowhere, yet it is one that the video has beside the winner."""
    prob_TC = torch.tensor([[0.55, 0.35, 0.1]])
    both = torch.tensor([1.0, 1.0, 0.0])
    assert ternary_labels(prob_TC, both, 0.3, 0.1, "argmax").tolist() == [[1, 1, 0]]


def test_videos_in_a_batch_are_labelled_as_alone() -> None:
    prob_BTC = torch.rand(2, 7, 3, generator=torch.Generator().manual_seed(0))
    label_BC = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 1.0]])
    for rule in ("labelled", "argmax"):
        both = ternary_labels(prob_BTC, label_BC, 0.6, 0.3, rule)
        for b in range(2):
            alone = ternary_labels(prob_BTC[b], label_BC[b], 0.6, 0.3, rule)
            assert torch.equal(both[b], alone)


@given(st.floats(0.0, 1.0), st.floats(0.02, 0.98), st.floats(0.01, 0.97))
def test_every_score_has_one_label(score: float, high: float, low: float) -> None:
    if low >= high:
        low, high = high / 2, high
    label = int(
        ternary_labels(torch.tensor([[score]], dtype=torch.float64), torch.ones(1), high, low)
    )
    assert label == (1 if score > high else 0 if score < low else -1)


def test_thresholds_in_the_wrong_order_are_refused() -> None:
    with pytest.raises(ValueError, match=r"delta_l must be below delta_h, got 0.3 and 0.3"):
        ternary_labels(torch.zeros(3, 2), OWN_FIRST, 0.3, 0.3)


def test_conflicts_become_uncertain() -> None:
    label_TC = torch.tensor([[1, 1, 1, 0, 0, 0, -1, -1, -1]], dtype=torch.int8)
    partner_TC = torch.tensor([[1, 0, -1, 1, 0, -1, 1, 0, -1]], dtype=torch.int8)
    settled = settle_conflicts(label_TC, partner_TC)
    assert settled.tolist() == [[1, -1, 1, -1, 0, 0, -1, -1, -1]]
    assert settled.dtype == torch.int8


def test_consensus_asks_the_partner_where_the_teacher_is_unsure() -> None:
    label_TC = torch.tensor([[1, 1, 1, 0, 0, 0, -1, -1, -1]], dtype=torch.int8)
    partner_TC = torch.tensor([[1, 0, -1, 1, 0, -1, 1, 0, -1]], dtype=torch.int8)
    agreed = reach_consensus(label_TC, partner_TC)
    assert agreed.tolist() == [[1, -1, 1, -1, 0, 0, 1, 0, -1]]
    assert torch.equal(agreed, reach_consensus(partner_TC, label_TC))
    assert agreed.dtype == torch.int8


def test_confidence_by_hand() -> None:
    scores = torch.tensor([0.0, 0.25, 0.5, 0.75, 1.0])
    torch.testing.assert_close(confidence(scores), torch.tensor([1.0, 0.5, 0.0, 0.5, 1.0]))


def test_recentred_odds() -> None:
    """Odds .3/.7 and .1/.9 have the geometric mean .2182, so p / (1 - p) is multiplied by it."""
    prob = torch.tensor([0.5, 0.9, 0.2, 0.0, 1.0], dtype=torch.float64)
    found = recentre_odds(prob, PAPER)
    middle = (3 / 7 * 1 / 9) ** 0.5
    odds = torch.tensor([middle, 9 * middle, middle / 4], dtype=torch.float64)
    torch.testing.assert_close(found[:3], odds / (1 + odds), rtol=1e-6, atol=0)
    assert 0 < found[3] < found[2]
    assert found[1] < found[4] < 1


class TestDistil:
    """One video of four snippets, one class of two."""

    teacher = torch.tensor([[0.9, 0.1], [0.2, 0.8], [0.05, 0.95], [0.5, 0.5]])
    partner = torch.tensor([[0.9, 0.1], [0.6, 0.4], [0.7, 0.3], [0.02, 0.98]])

    def own_class(
        self, partner: bool = True, partner_is: str = "ignore", minmax: bool = False
    ) -> list[int]:
        params = PseudoLabelParams(partner=partner_is, minmax=minmax)  # type: ignore[arg-type]
        others = [self.partner] if partner else None
        (found,) = distil([self.teacher], others, OWN_FIRST[None], PAPER, params)
        assert found.label_TC[:, 1].tolist() == [0] * 4
        return [int(x) for x in found.label_TC[:, 0]]

    def test_teacher_alone(self) -> None:
        assert self.own_class(partner_is="ignore") == [1, -1, 0, 1]

    def test_without_a_partner_the_teacher_decides(self) -> None:
        for switch in ("ignore", "mean", "conflict", "consensus"):
            assert self.own_class(partner=False, partner_is=switch) == [1, -1, 0, 1]

    def test_mean_of_both(self) -> None:
        assert self.own_class(partner_is="mean") == [1, 1, 1, -1]  # .9, .4, .375, .26

    def test_conflict(self) -> None:
        assert self.own_class(partner_is="conflict") == [1, -1, -1, -1]

    def test_consensus(self) -> None:
        assert self.own_class(partner_is="consensus") == [1, 1, -1, -1]

    def test_minmax_stretches_before_thresholding(self) -> None:
        # (.2 - .05) / .85 = .18 stays uncertain, (.5 - .05) / .85 = .53
        assert self.own_class(minmax=True) == [1, -1, 0, 1]
        low = [torch.tensor([[0.02, 0.9], [0.04, 0.9], [0.03, 0.9]])]
        plain, stretched = (
            distil(low, None, OWN_FIRST[None], PAPER, PseudoLabelParams(minmax=switch))[0]
            for switch in (False, True)
        )
        assert plain.label_TC[:, 0].tolist() == [0, 0, 0]
        assert stretched.label_TC[:, 0].tolist() == [0, 1, 1]

    def test_a_distilled_teacher_is_recentred(self) -> None:
        """Even odds fall between the thresholds, and doubt goes either way alike."""
        score_TC = torch.tensor(
            [[0.67, 0.33], [0.65, 0.35], [0.5, 0.5], [0.35, 0.65], [0.33, 0.67]]
        )
        for learnt, switch, expected in (
            (True, True, [1, -1, -1, -1, 0]),
            (True, False, [1, 1, 1, 1, 1]),
            (False, True, [1, 1, 1, 1, 1]),
        ):
            (found,) = distil(
                [score_TC], None, OWN_FIRST[None], PAPER, PseudoLabelParams(recentre=switch),
                distilled=(learnt, not learnt),
            )  # fmt: skip
            assert found.label_TC[:, 0].tolist() == expected

    def test_a_distilled_partner_is_recentred(self) -> None:
        teacher, partner = torch.tensor([[0.4, 0.6]]), torch.tensor([[0.33, 0.67]])
        settled = [
            distil(
                [teacher], [partner], OWN_FIRST[None], PAPER, PseudoLabelParams(partner="conflict"),
                distilled=(False, learnt),
            )[0].label_TC[0, 0].item()
            for learnt in (False, True)
        ]  # fmt: skip
        assert settled == [1, -1]  # fg and fg; fg and bg

    def test_results_carry_no_gradient(self) -> None:
        score = self.teacher.clone().requires_grad_()
        (found,) = distil([score], None, OWN_FIRST[None], PAPER, PseudoLabelParams())
        assert not found.score_TC.requires_grad
        assert torch.equal(found.score_TC, self.teacher)


def test_shares_count_own_classes_only() -> None:
    found = distil(
        [TestDistil.teacher, TestDistil.teacher[:2]],
        None,
        torch.tensor([[1.0, 0.0], [1.0, 0.0]]),
        PAPER,
        PseudoLabelParams(),
    )
    shares = count_shares(found, torch.tensor([[1.0, 0.0], [1.0, 0.0]]))
    assert shares.foreground == pytest.approx(3 / 6)
    assert shares.background == pytest.approx(1 / 6)
    assert shares.uncertain == pytest.approx(2 / 6)
    assert shares.quantiles["50%"] == pytest.approx(0.5)
    assert "foreground 50.0%" in shares.describe()
