"""Which snippets are contrasted: cases computed by hand, and a slow reference."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from wtal_core.fustal.mining import Mined, Picked, dilate, erode, median, mine_snippets, pick_top

# On from 3 to 8: the median of these twelve lies at 2.5.
ACTION_T = torch.tensor([1.0, 0.5, 2.0, 3.0, 4.0, 5.0, 9.0, 6.0, 3.5, 1.5, 0.9, 0.0])


def chosen(picked: Picked, video: int = 0) -> list[int]:
    return picked.index_BK[video][picked.there_BK[video]].tolist()


def mine(
    action_BT: Tensor, lengths: list[int], *, easy: int = 4, hard: int = 4, hidden: float = 0.0
) -> Mined:
    mask_BT = torch.arange(action_BT.shape[1]) < torch.tensor(lengths)[:, None]
    generator = torch.Generator().manual_seed(5)
    return mine_snippets(action_BT, mask_BT, easy, hard, 3, 6, hidden, generator)


def test_easy_snippets_are_the_highest_and_the_lowest() -> None:
    found = mine(ACTION_T[None], [12])
    assert chosen(found.easy_act) == [6, 7, 5]  # 12 // 4 of them
    assert chosen(found.easy_bkg) == [11, 1, 10]


def test_hard_snippets_lie_at_the_borders() -> None:
    """Eroded by 3: 4..7, by 6: 6 alone. Dilated by 3: 2..9, by 6: 0..10."""
    found = mine(ACTION_T[None], [12])
    assert chosen(found.hard_act) == [7, 5, 4]
    assert chosen(found.hard_bkg) == [0, 10, 1]
    few = mine(ACTION_T[None], [12], hard=6)
    assert chosen(few.hard_act) == [7, 5]
    assert chosen(few.hard_bkg) == [0, 10]


def test_a_border_of_too_few_snippets_is_not_filled_up() -> None:
    """On are 3 and 4: nothing is left of them by erosion, and of the border 5 snippets."""
    action_T = torch.tensor([0.0, 1, 2, 9, 8, 3, 4, 0, 0])
    action_T[[1, 2, 5, 6]] = 0
    found = mine(action_T[None], [9], hard=1)
    assert chosen(found.hard_act) == []
    assert sorted(chosen(found.hard_bkg)) == [0, 1, 6]


def test_a_flat_video_has_no_hard_snippets() -> None:
    found = mine(torch.full((1, 8), 2.0), [8])
    assert chosen(found.hard_act) == chosen(found.hard_bkg) == []
    assert chosen(found.easy_act) == [0, 1]


def test_the_beginning_of_a_video_erodes() -> None:
    """On are 0..3: the first has nothing before it, so it is no inside of an action."""
    action_T = torch.tensor([7.0, 8, 9, 6, 1, 0, 0, 0])
    found = mine(action_T[None], [8], hard=1)
    assert sorted(chosen(found.hard_act)) == [1, 2]


def test_padding_changes_nothing() -> None:
    short_T = ACTION_T[1:10]
    padded_BT = torch.stack([ACTION_T, torch.cat([short_T, torch.tensor([50.0, 60, 70])])])
    both = mine(padded_BT, [12, 9])
    alone = mine(short_T[None], [9])
    for kind in ("easy_act", "easy_bkg", "hard_act", "hard_bkg"):
        assert chosen(getattr(both, kind), 1) == chosen(getattr(alone, kind)), kind
        assert chosen(getattr(both, kind)) == chosen(getattr(mine(ACTION_T[None], [12]), kind))


def test_hidden_snippets_are_no_easy_ones() -> None:
    """Three of four hidden: the choice falls on others, whichever those are."""
    action_BT = torch.arange(1.0, 61.0)[None].repeat(7, 1)
    found = mine(action_BT, [60] * 7, easy=6, hidden=0.75)
    plain = set(range(50, 60))
    picks = [set(chosen(found.easy_act, b)) for b in range(7)]
    assert all(len(pick) == 10 for pick in picks)
    assert all(len(pick & plain) < 9 for pick in picks)
    assert len({frozenset(pick) for pick in picks}) > 1
    hard = {tuple(chosen(found.hard_act, b)) for b in range(7)}
    assert len(hard) == 1  # those are never hidden


def test_nothing_is_learnt_through_the_choice() -> None:
    action_BT = ACTION_T[None].clone().requires_grad_()
    found = mine(action_BT, [12])
    assert not found.easy_act.index_BK.requires_grad


def test_of_equal_scores_the_earlier_is_picked() -> None:
    mask_BT = torch.ones(1, 6, dtype=torch.bool)
    assert chosen(pick_top(torch.tensor([[1.0, 2, 2, 2, 0, 2]]), mask_BT, mask_BT, 3)) == [1, 2]


def test_the_median_of_the_snippets_that_are_there() -> None:
    score_BT = torch.tensor([[4.0, 1, 3, 99, 99], [5.0, 1, 2, 9, 99]])
    mask_BT = torch.arange(5) < torch.tensor([3, 4])[:, None]
    assert median(score_BT, mask_BT).tolist() == [3.0, 3.5]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.booleans(), min_size=1, max_size=15), st.integers(1, 7))
def test_windows_against_a_slow_reference(on: list[bool], width: int) -> None:
    """The window of erosion runs from t - width // 2 on; dilation of what is off is its mirror."""
    n, left = len(on), width // 2
    inside = lambda s: 0 <= s < n and on[s]  # noqa: E731
    eroded = [all(inside(t - left + k) for k in range(width)) for t in range(n)]
    dilated = [any(inside(t + left - k) for k in range(width)) for t in range(n)]
    on_BT = torch.tensor([on])
    assert erode(on_BT, width)[0].tolist() == eroded
    assert dilate(on_BT, width)[0].tolist() == dilated
