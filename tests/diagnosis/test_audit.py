"""Audits: who is drawn, and what the annotated videos say of all."""

from collections import Counter

import numpy as np
import pytest

from wtal_core.diagnosis.audit import draw_sample, estimate
from wtal_core.diagnosis.intervals import student_widening
from wtal_core.evaluation.detection import evaluate_detections
from wtal_core.segments import Segments

TIOUS = (0.3, 0.5)


def make_split(videos: int, seed: int) -> tuple[Segments, Segments, dict[str, float]]:
    """Predictions, truth and durations: 3 classes, instances found well, badly or not at all."""
    rng = np.random.default_rng(seed)
    true: list[tuple[str, str, float, float]] = []
    predicted: list[tuple[str, str, float, float, float]] = []
    for v in range(videos):
        name, label = f"v{v:03d}", "abc"[rng.integers(3)]
        for i in range(int(rng.integers(1, 4))):
            start = 20 * i + float(rng.uniform(0, 5))
            true.append((name, label, start, start + 8))
            shift = float(rng.choice([0, 3, 7], p=[0.5, 0.3, 0.2]))
            predicted.append((name, label, start + shift, start + 8 + shift, float(rng.random())))
        if rng.random() < 0.5:
            wrong = "abc"[rng.integers(3)]
            predicted.append((name, wrong, 70, 75, float(rng.random())))
    return (
        Segments.build(*zip(*predicted, strict=True)),
        Segments.build(*zip(*true, strict=True)),
        {f"v{v:03d}": 80.0 for v in range(videos)},
    )


def of(segments: Segments, videos: list[str]) -> Segments:
    return segments.take(np.isin(segments.video, videos))


def test_every_video_has_the_same_chance() -> None:
    predicted, _, durations = make_split(10, 1)
    drawn = Counter(
        v for seed in range(3000) for v in draw_sample(predicted, [*durations], 4, seed)
    )
    assert sum(drawn.values()) == 4 * 3000
    # 0.4 of 3000 with a standard deviation of 27
    assert set(drawn) == set(durations)
    assert all(abs(count - 1200) < 110 for count in drawn.values())


def test_the_sample_follows_the_predicted_classes() -> None:
    """40 videos predicted a, 20 b, 20 without anything: 8 draw 4, 2 and 2, whatever the seed."""
    names = [f"v{v:02d}" for v in range(80)]
    predicted = Segments.build(
        names[:60], ["a"] * 40 + ["b"] * 20, np.zeros(60), np.ones(60), np.full(60, 0.5)
    )
    # what is best decides
    weak = Segments.build(names[:60], ["b"] * 60, np.zeros(60), np.ones(60), np.full(60, 0.1))
    for seed in range(20):
        drawn = draw_sample(Segments.join([weak, predicted]), names, 8, seed)
        kinds = Counter("a" if v < "v40" else "b" if v < "v60" else "-" for v in drawn)
        assert kinds == {"a": 4, "b": 2, "-": 2}
        assert drawn == sorted(set(drawn))


def test_the_sample_is_bounded_and_repeats_by_its_seed() -> None:
    predicted, _, durations = make_split(9, 2)
    names = [*durations]
    assert draw_sample(predicted, names, 9, 5) == names
    assert draw_sample(predicted, names, 3, 5) == draw_sample(predicted, names[::-1], 3, 5)
    for k in (0, 10):
        with pytest.raises(ValueError, match="1 to 9"):
            draw_sample(predicted, names, k, 0)


def test_an_audit_of_all_videos_is_the_evaluation() -> None:
    predicted, truth, durations = make_split(12, 3)
    found = estimate(predicted, truth, durations, 12, TIOUS, resamples=50)
    exact = evaluate_detections(predicted, truth, TIOUS)
    assert found.map.value == pytest.approx(exact.ap_CK.mean())
    assert found.map.width == pytest.approx(0, abs=1e-12)
    assert {t: i.value for t, i in found.by_tiou.items()} == pytest.approx(exact.map())
    assert [(n, c) for n, c, _ in found.classes] == [
        (label, count) for label, count in zip(exact.classes, exact.instances_C, strict=True)
    ]


def test_predictions_of_other_videos_do_not_count() -> None:
    predicted, truth, durations = make_split(20, 4)
    names = draw_sample(predicted, [*durations], 7, 0)
    chosen = {name: durations[name] for name in names}
    found = estimate(predicted, of(truth, names), chosen, 20, TIOUS, resamples=20)
    alone = evaluate_detections(of(predicted, names), of(truth, names), TIOUS)
    assert found.map.value == pytest.approx(alone.ap_CK.mean())
    assert (found.audited, found.videos, found.few) == (7, 20, True)


def test_more_videos_of_a_split_narrow_the_interval_twice_over() -> None:
    """By what they say, and by the share of the split that they are."""
    predicted, truth, durations = make_split(60, 5)
    names = sorted(durations)[:30]
    chosen = dict.fromkeys(names, 80.0)
    half, tenth = (
        estimate(predicted, of(truth, names), chosen, videos, TIOUS, resamples=400).map.width
        for videos in (60, 300)
    )
    assert half / tenth == pytest.approx(np.sqrt(0.5) / np.sqrt(0.9))


def test_a_class_without_an_instance_in_the_sample_is_named() -> None:
    predicted = Segments.build(["v", "w"], ["a", "b"], [0, 0], [5, 5], [0.9, 0.8])
    truth = Segments.build(["v"], ["a"], [0], [5])
    found = estimate(predicted, truth, {"v": 9.0}, 2, TIOUS, resamples=5)
    assert found.absent == ("b",)
    # half of one video is none: there is a value and no interval
    assert found.map.value == 1
    assert np.isnan(found.map.low)


@pytest.mark.parametrize(("k", "least"), [(6, 42), (12, 39), (24, 42)])
def test_the_interval_holds_the_truth_about_as_often_as_it_says(k: int, least: int) -> None:
    """45 simulated audits; without widening, those of 6 videos hold 80 % (36)."""
    predicted, truth, durations = make_split(48, 6)
    exact = evaluate_detections(predicted, truth, TIOUS).ap_CK.mean()
    held = 0
    for seed in range(45):
        names = draw_sample(predicted, [*durations], k, seed)
        chosen = dict.fromkeys(names, 80.0)
        found = estimate(
            predicted, of(truth, names), chosen, 48, TIOUS, resamples=100, seed=seed
        ).map
        held += found.low <= exact <= found.high
    assert held >= least


def test_students_widening_is_the_table() -> None:
    """Quantiles of 97.5 % as every book of tables has them."""
    table = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 8: 2.306, 11: 2.201, 29: 2.045}
    for freedom, t in table.items():
        assert student_widening(freedom) * 1.95996 == pytest.approx(t, rel=0.003)
    assert student_widening(10**6) == pytest.approx(1, abs=1e-5)
    with pytest.raises(ValueError, match="1 or more, got 0"):
        student_widening(0)
