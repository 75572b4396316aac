"""The five types of false positives, worked out by hand."""

import numpy as np
import pytest

from wtal_core.diagnosis.false_positives import FALSE, SPARED, TYPES, classify, impact, profile
from wtal_core.evaluation.detection import rank_detections
from wtal_core.evaluation.protocols import protocol_of
from wtal_core.segments import Segments

TRUTH = Segments.build(["v", "v", "w"], ["a", "b", "b"], [0, 20, 50], [10, 30, 60])
# In order of rank: what each is at tIoU 0.5.
OF_A = [
    ((0, 10), "true positive"),
    ((0, 9), "double detection"),
    ((20, 30), "wrong label"),
    ((0, 4), "localisation"),
    ((20, 24), "confusion"),
    ((40, 50), "background"),
    ((9.5, 19.5), "background"),  # it touches the instance: tIoU .5 / 19.5
]
PREDICTED = Segments.build(
    ["v"] * 7 + ["w"],
    ["a"] * 7 + ["a"],
    [times[0] for times, _ in OF_A] + [50],
    [times[1] for times, _ in OF_A] + [60],
    [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2],
)


def types_of(
    predicted: Segments, truth: Segments, tious: list[float], protocol: str = "activitynet",
    ambiguous: Segments | None = None,
) -> list[list[list[str]]]:  # fmt: skip
    ranked = rank_detections(predicted, truth, tious, protocol, ambiguous)
    found = classify(ranked, np.array(tious), protocol_of(protocol))
    names = {SPARED: "spared", **dict(enumerate(TYPES))}
    return [[[names[int(t)] for t in type_N] for type_N in type_KN] for type_KN in found]


def test_each_type_by_hand() -> None:
    of_a, of_b = types_of(PREDICTED, TRUTH, [0.5])
    assert of_a == [[kind for _, kind in OF_A] + ["wrong label"]]  # the last one: b's, in w
    assert of_b == [[]]


def test_a_threshold_of_its_own_for_each_row() -> None:
    """At 0.3 the two overlaps of 0.4 are good enough: the one is a copy, the other mislabelled."""
    of_a, _ = types_of(PREDICTED, TRUTH, [0.5, 0.3])
    assert [of_a[1][3], of_a[1][4]] == ["double detection", "wrong label"]
    assert of_a[0][3:5] == ["localisation", "confusion"]


def test_of_equal_overlaps_the_own_label_counts() -> None:
    twins = Segments.build(["v", "v"], ["dive", "cliff"], [0, 0], [10, 10])
    predicted = Segments.build(["v"] * 3, ["dive"] * 3, [0, 0, 0], [10, 10, 3], [0.9, 0.8, 0.7])
    _, of_dive = types_of(predicted, twins, [0.5])
    assert of_dive == [["true positive", "double detection", "localisation"]]


def test_the_greatest_overlap_decides() -> None:
    """An instance of another label is overlapped more than the own one, though both suffice."""
    truth = Segments.build(["v", "v"], ["a", "b"], [0, 0], [10, 14])
    predicted = Segments.build(["v", "v"], ["a", "a"], [0, 0], [10, 14], [0.9, 0.8])
    of_a, _ = types_of(predicted, truth, [0.5])
    assert of_a == [["true positive", "wrong label"]]


def test_reaching_the_threshold_is_enough_or_not_by_protocol() -> None:
    truth = Segments.build(["v"], ["a"], [0], [10])
    predicted = Segments.build(["v"] * 2, ["a"] * 2, [0, 0], [10, 5], [0.9, 0.8])
    assert types_of(predicted, truth, [0.5])[0] == [["true positive", "double detection"]]
    # exactly 0.5 does not exceed 0.5
    assert types_of(predicted, truth, [0.5], "thumos14")[0] == [["true positive", "localisation"]]


def test_what_lies_on_an_ambiguous_interval_is_neither() -> None:
    unsure = Segments.build(["v"], ["Ambiguous"], [45], [46])
    of_a, _ = types_of(PREDICTED, TRUTH, [0.5], "thumos14", unsure)
    assert of_a[0][5] == "spared"
    ranked = rank_detections(PREDICTED, TRUTH, [0.5], "thumos14", unsure)
    found = classify(ranked, np.array([0.5]), protocol_of("thumos14"))
    # 7 of the 8 remain, one per range (class a has one instance): the spared one takes no place
    shares = profile(found, ranked, 8)
    assert shares[5].tolist() == [0, 0, 0, 0, 0, 1]
    assert np.isnan(shares[7]).all()


def test_the_profile_counts_ranges_of_as_many_predictions_as_instances() -> None:
    """Class a has 1 instance, class b 2; b's predictions: hit, localisation, hit."""
    of_b = Segments.build(["v", "v", "w"], ["b"] * 3, [20, 20, 50], [30, 23, 60], [0.9, 0.8, 0.7])
    predicted = Segments.join([PREDICTED, of_b])
    ranked = rank_detections(predicted, TRUTH, [0.5])
    found = classify(ranked, np.array([0.5]), protocol_of("activitynet"))
    shares = profile(found, ranked, 3)
    names = [dict(zip(TYPES, row.tolist(), strict=True)) for row in shares]
    # 1G: a's hit, b's hit and localisation; 2G: a's copy, b's second hit; 3G: a's wrong label
    assert names[0]["true positive"] == pytest.approx(2 / 3)
    assert names[0]["localisation"] == pytest.approx(1 / 3)
    assert names[1]["double detection"] == names[1]["true positive"] == 0.5
    assert names[2]["wrong label"] == 1
    assert shares.sum(axis=1) == pytest.approx([1, 1, 1])


def test_impact_is_the_gain_of_map_without_a_type() -> None:
    """Background first, then the hit: AP 1/2; class b has no prediction, AP 0. Mean over both."""
    predicted = Segments.build(["v"] * 3, ["a"] * 3, [40, 0, 0], [50, 10, 4], [0.9, 0.8, 0.7])
    ranked = rank_detections(predicted, TRUTH, [0.5])
    found = classify(ranked, np.array([0.5]), protocol_of("activitynet"))
    gain = impact(found, ranked, interpolated=True)
    assert tuple(gain) == FALSE
    assert gain["background"] == pytest.approx((1 - 0.5) / 2)
    assert gain["localisation"] == 0  # it ranks behind the hit


def test_nothing_predicted() -> None:
    ranked = rank_detections(Segments.empty(), TRUTH, [0.5])
    found = classify(ranked, np.array([0.5]), protocol_of("activitynet"))
    assert [t.shape for t in found] == [(1, 0), (1, 0)]
    assert np.isnan(profile(found, ranked, 2)).all()
