"""Bins of instances, missed instances, and normalised precision, worked out by hand."""

import numpy as np
import pytest

from wtal_core.diagnosis.characteristics import characterise
from wtal_core.diagnosis.instances import (
    find_missed,
    missed_share,
    normalised_map,
    normalised_precision,
    sensitivity,
)
from wtal_core.evaluation.detection import Ranked, rank_detections
from wtal_core.evaluation.protocols import protocol_of
from wtal_core.segments import Segments

# In v (100 s) two of a, of 2 and 10 s, and one of b, of 40 s; in w (50 s) one of a, of 25 s.
TRUTH = Segments.build(["v", "v", "v", "w"], ["a", "a", "b", "a"], [0, 20, 50, 10], [2, 30, 90, 35])
DURATIONS = {"v": 100.0, "w": 50.0}
VIDEOS = ["v", "w"]


def ranked_of(predicted: Segments, tious: tuple[float, ...] = (0.5,)) -> list[Ranked]:
    return rank_detections(predicted, TRUTH, tious)


def test_properties_of_instances_in_published_bins() -> None:
    ranked = ranked_of(Segments.build(["w"], ["a"], [0], [1]))
    rules = protocol_of("activitynet")
    length, coverage, count = characterise(ranked, VIDEOS, DURATIONS, rules, "thumos14")
    # a: 2, 10, 25 s; b: 40 s. Up to 3, 6, 12, 18 s and above.
    assert [length.sizes[b] for b in length.bin_G] == ["XS", "M", "XL", "XL"]
    # .02 .1 .5 .4 of the video; 0.02 itself belongs to the first bin
    assert [coverage.sizes[b] for b in coverage.bin_G] == ["XS", "XL", "XL", "XL"]
    # two of a in v, one in w, one of b
    assert [count.sizes[b] for b in count.bin_G] == ["S", "S", "XS", "XS"]
    assert length.edges == (-np.inf, 3, 6, 12, 18, np.inf)


def test_quantiles_make_bins_of_equal_size() -> None:
    length = np.arange(1.0, 21)
    truth = Segments.build(["v"] * 20, ["a"] * 20, np.zeros(20), length)
    ranked = rank_detections(Segments.empty(), truth, [0.5])
    rules = protocol_of("activitynet")
    by_length, _, count = characterise(ranked, ["v"], {"v": 100.0}, rules, "quantiles")
    assert np.bincount(by_length.bin_G).tolist() == [4, 4, 4, 4, 4]
    assert by_length.edges[1:-1] == (4, 8, 12, 16)
    # all 20 are in the same video: one bin
    assert count.sizes == ("all",)
    with pytest.raises(ValueError, match="quantiles"):
        characterise(ranked, ["v"], {"v": 100.0}, rules, "thirds")  # type: ignore[arg-type]


def test_snippets_are_turned_into_seconds() -> None:
    truth = Segments.build(["v", "v"], ["a", "a"], [0, 16], [6.4, 32])
    ranked = rank_detections(Segments.empty(), truth, [0.5], "wtalc-grid")
    rules = protocol_of("wtalc-grid")
    length, *_ = characterise(ranked, ["v"], {"v": 64.0}, rules, "thumos14")
    assert [length.sizes[b] for b in length.bin_G] == ["M", "L"]  # 6.4 and 16 s


def test_normalised_precision_by_hand() -> None:
    """One of 2 instances hit first, then a miss, then the other; a mean class has 4."""
    hit_KN = np.array([[True, False, True]])
    found = normalised_precision(hit_KN, ~hit_KN, 2, 4.0)
    # R n / (R n + F): 2 / 2, 2 / (2 + 1), 4 / (4 + 1)
    assert found.tolist() == [pytest.approx([1, 2 / 3, 4 / 5])]


def test_missed_instances_and_their_shares() -> None:
    """Of a, the one of 10 s is found at 0.5 and the one in w at neither; b is found at 0.2 only."""
    predicted = Segments.build(["v", "v"], ["a", "b"], [20, 50], [30, 60], [0.9, 0.8])
    ranked = ranked_of(predicted, (0.5, 0.2))
    missed_KG = find_missed(ranked)
    assert missed_KG.tolist() == [[True, False, True, True], [True, False, True, False]]
    length, *_ = characterise(ranked, VIDEOS, DURATIONS, protocol_of("activitynet"), "thumos14")
    shares = missed_share(missed_KG, length)
    # XS: missed twice; M: never; XL: (w twice, b once) of 2 instances at 2 thresholds
    assert shares[[0, 2, 4]].tolist() == [1, 0, 0.75]
    assert np.isnan(shares[[1, 3]]).all()


def test_a_hit_among_too_many_misses_finds_nothing() -> None:
    """n is 2 (3 of a, 1 of b), so a hit on a gives R n = 2 / 3, and that over 12 2 / 3 is .0526."""
    for misses, found in ((12, True), (13, False)):
        predicted = Segments.build(
            ["v"] * (misses + 1), ["a"] * (misses + 1),
            [40.0] * misses + [20], [45.0] * misses + [30],
            np.arange(misses + 1, 0, -1),
        )  # fmt: skip
        assert find_missed(ranked_of(predicted))[0, 1] != found


def test_sensitivity_keeps_all_misses_and_the_bins_own_hits() -> None:
    predicted = Segments.build(
        ["v", "v", "v"], ["a"] * 3, [20, 60, 0], [30, 70, 2], [0.9, 0.8, 0.7]
    )
    ranked = ranked_of(predicted)
    length, *_ = characterise(ranked, VIDEOS, DURATIONS, protocol_of("activitynet"), "thumos14")
    of_size = dict(zip(length.sizes, sensitivity(ranked, length), strict=True))
    # M: the hit of rank 1 on the one instance. XS: behind the miss, R n / (R n + F) = 2 / (2 + 1).
    assert of_size["M"] == pytest.approx(1)
    assert of_size["XS"] == pytest.approx(2 / 3)
    assert of_size["XL"] == 0  # a's in w and b's, both classes without a hit
    assert np.isnan(of_size["S"])
    # base: a has hits at 1 and 3 of 3 instances: envelope 1 and (4/3) / (7/3); b has none
    assert normalised_map(ranked) == pytest.approx((1 + 4 / 7) / 3 / 2)
