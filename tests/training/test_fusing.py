"""The weight of the mixture, from video-level labels alone."""

import math

import pytest
import torch

from wtal_core.schema.localize import LocalizeParams
from wtal_core.schema.losses import LossParams
from wtal_core.training.fusing import choose_share, fused_loss
from wtal_core.training.scoring import VideoScores

LOCALIZE = LocalizeParams(branch="fused", fuse_weight="auto")
LABEL_NC = torch.eye(3)[:2]


def scores(prob_TC: list[list[float]]) -> VideoScores:
    return VideoScores(torch.tensor(prob_TC), torch.full((3,), torch.nan))


def one_snippet(*own: float) -> list[VideoScores]:
    """Video n gives its class, n, this probability, and the others half of the rest each."""
    rows = [[(1 - p) / 2] * 3 for p in own]
    for n, p in enumerate(own):
        rows[n][n] = p
    return [scores([row]) for row in rows]


def test_one_snippet_each_by_hand() -> None:
    """-log(.2 + .7 w) - log(.8 - .5 w) is least at w = .46 / .7, and .65 is next to it."""
    by_cbp, by_vlp = one_snippet(0.9, 0.3), one_snippet(0.2, 0.8)
    share, value = choose_share(by_cbp, by_vlp, LABEL_NC, LOCALIZE, LossParams())
    assert share == 0.65
    expected = -(math.log(0.2 + 0.7 * 0.65) + math.log(0.8 - 0.5 * 0.65)) / 2
    assert value == pytest.approx(expected, abs=1e-6)


def test_several_snippets_by_hand() -> None:
    """Four snippets and k = 2; UM's probabilities need not sum to one, so the classes' scores do.

    w = 1/2 mixes to class scores .5 .4 .3 .2, .1 .1 .3 .5 and .2 .2 .2 .2; the best two average to
    .45, .4 and .2, so the label has .45 / 1.05.
    """
    by_cbp = [scores([[0.8, 0.1, 0.1], [0.6, 0.1, 0.2], [0.2, 0.3, 0.2], [0.1, 0.6, 0.3]])]
    by_vlp = [scores([[0.2, 0.1, 0.3], [0.2, 0.1, 0.2], [0.4, 0.3, 0.2], [0.3, 0.4, 0.1]])]
    found = fused_loss(by_cbp, by_vlp, LABEL_NC[:1], 0.5, LOCALIZE, LossParams(topk_ratio=2))
    assert found == pytest.approx(-math.log(0.45 / 1.05), abs=1e-6)


@pytest.mark.parametrize(
    ("cbp", "vlp", "expected"),
    [((0.9, 0.9), (0.4, 0.5), 1.0), ((0.4, 0.5), (0.9, 0.9), 0.0), ((0.7, 0.6), (0.7, 0.6), 0.5)],
)
def test_a_better_branch_takes_all_and_equals_share(
    cbp: tuple[float, float], vlp: tuple[float, float], expected: float
) -> None:
    chosen = choose_share(one_snippet(*cbp), one_snippet(*vlp), LABEL_NC, LOCALIZE, LossParams())
    assert chosen[0] == expected


def test_a_class_that_nobody_sees_is_a_large_loss_not_an_infinite_one() -> None:
    blind = one_snippet(0.0, 0.5)
    assert 5 < fused_loss(blind, blind, LABEL_NC, 0.5, LOCALIZE, LossParams()) < 20


def test_the_form_of_the_loss_counts() -> None:
    by_cbp, by_vlp = one_snippet(0.9, 0.3), one_snippet(0.2, 0.8)
    ce, bce = (
        fused_loss(by_cbp, by_vlp, LABEL_NC, 0.5, LOCALIZE, LossParams(cls=kind))
        for kind in ("ce", "bce")
    )
    # Each video has .55 for its class, so .225 for each of the two absent ones.
    assert bce - ce == pytest.approx(-2 * math.log(1 - 0.225), abs=1e-5)
