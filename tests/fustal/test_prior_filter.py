"""The prior-based filter: cases computed by hand."""

import numpy as np
import pytest

from wtal_core.fustal.prior_filter import judge, sum_support
from wtal_core.fustal.proposals import Proposals
from wtal_core.schema.fustal_filter import FustalFilterParams
from wtal_core.segments import Segments

# tIoU of the first with the second .5, with the third .1; of the second and third nothing.
PROPOSALS = Segments.build(
    ["v"] * 4,
    ["hop", "run", "hop", "hop"],
    [0.0, 0.0, 9.0, 30.0],
    [10.0, 5.0, 10.0, 31.0],
    [0.9, 0.4, 0.41, 0.8],
)


def with_density(segments: Segments) -> Proposals:
    """Rising densities that have nothing to do with the proposals' own overlaps."""
    return Proposals(segments, np.arange(0.0, 5.0 * len(segments), 5.0, dtype=np.float64))


def test_support_sums_the_overlap_with_all_others_of_any_class() -> None:
    assert sum_support(PROPOSALS.seg_N2).tolist() == pytest.approx([0.6, 0.5, 0.1, 0.0])
    assert sum_support(np.zeros((0, 2))).tolist() == []
    assert sum_support(np.array([[1.0, 2.0]])).tolist() == [0.0]
    twins = np.array([[1.0, 2.0]] * 3)
    assert sum_support(twins).tolist() == [2.0, 2.0, 2.0]


@pytest.mark.parametrize(
    ("rule", "kept"),
    [
        ("score", [True, False, True, True]),  # above 0.4, not at it
        ("prior", [True, True, False, False]),
        ("both", [True, False, False, False]),
    ],
)
def test_each_rule_by_hand(rule: str, kept: list[bool]) -> None:
    found = judge(with_density(PROPOSALS), FustalFilterParams(rule=rule))  # type: ignore[arg-type]
    assert found.kept_N.tolist() == kept
    assert found.score_holds_N.tolist() == [True, False, True, True]
    assert found.support_holds_N.tolist() == [True, True, False, False]


def test_support_at_its_limit_is_enough() -> None:
    pair = Segments.build(["v"] * 2, ["hop"] * 2, [0.0, 4.0], [6.0, 10.0], [0.5, 0.5])
    (support, _) = sum_support(pair.seg_N2)
    assert support == pytest.approx(0.2)
    assert judge(with_density(pair), FustalFilterParams(min_support=support)).kept_N.all()
    assert not judge(
        with_density(pair), FustalFilterParams(min_support=support + 1e-9)
    ).kept_N.any()


def test_support_by_the_runs_before_suppression() -> None:
    """Densities 0, 5, 10, 15: the last has no neighbour left, and most of all before."""
    params = FustalFilterParams(support="runs", min_support=10.0)
    found = judge(with_density(PROPOSALS), params)
    assert found.kept_N.tolist() == [False, False, True, True]
    assert found.support_N.tolist() == [0.0, 5.0, 10.0, 15.0]


def test_a_video_without_proposals() -> None:
    assert judge(with_density(Segments.empty()), FustalFilterParams()).kept_N.tolist() == []
