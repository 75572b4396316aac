"""Resampled metrics against the evaluator on test splits that really hold a video twice."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from wtal_core.evaluation.bootstrap import draw_videos, resample_iou, resample_map
from wtal_core.evaluation.detection import evaluate_detections
from wtal_core.evaluation.protocols import PROTOCOLS
from wtal_core.evaluation.pseudo import pseudo_label_iou
from wtal_core.segments import Segments

TIOUS = (0.3, 0.5, 0.7)
VIDEOS = tuple(f"v{n}" for n in range(5))
CLASSES = ("jump", "run")


def random_segments(seed: int, per_video: int, scored: bool) -> Segments:
    """Distinct scores, and a video without anything."""
    rng = np.random.default_rng(seed)
    rows = [(v, CLASSES[rng.integers(2)]) for v in VIDEOS[:-1] for _ in range(per_video)]
    start = rng.uniform(0, 40, len(rows))
    return Segments(
        np.array([r[0] for r in rows]),
        np.array([r[1] for r in rows]),
        start,
        start + rng.uniform(4, 20, len(rows)),
        rng.permutation(len(rows)) / len(rows) if scored else np.ones(len(rows)),
    )


def repeated(segments: Segments, times: dict[str, int]) -> Segments:
    """Each video under as many names as it is to count."""
    parts = []
    for video, count in times.items():
        one = pick(segments, video)
        for copy in range(count):
            name = np.array([f"{video}_{copy}"] * len(one))
            parts.append(Segments(name, one.label, one.start_s, one.end_s, one.score))
    return Segments.join(parts)


def pick(segments: Segments, video: str) -> Segments:
    rows = np.flatnonzero(segments.video == video)
    return Segments(
        segments.video[rows], segments.label[rows], segments.start_s[rows],
        segments.end_s[rows], segments.score[rows],
    )  # fmt: skip


PREDICTIONS, TRUTH = random_segments(1, 11, True), random_segments(2, 4, False)


@pytest.mark.parametrize("protocol", sorted(PROTOCOLS))
@given(seed=st.integers(0, 10**6))
@settings(deadline=None, max_examples=25)
def test_every_video_once_is_the_evaluator(protocol: str, seed: int) -> None:
    predictions, truth = random_segments(seed, 11, True), random_segments(seed + 1, 4, False)
    once_1V = np.ones((1, len(VIDEOS)), dtype=np.int64)
    (found_K,) = resample_map(predictions, truth, TIOUS, VIDEOS, once_1V, protocol)
    exact = evaluate_detections(predictions, truth, TIOUS, protocol)
    np.testing.assert_allclose(found_K, list(exact.map().values()), rtol=1e-13)


@pytest.mark.parametrize("protocol", sorted(PROTOCOLS))
@given(seed=st.integers(0, 10**6), counts=st.lists(st.integers(0, 4), min_size=5, max_size=5))
@settings(deadline=None, max_examples=40)
def test_a_video_that_counts_twice_is_there_twice(
    protocol: str, seed: int, counts: list[int]
) -> None:
    predictions, truth = random_segments(seed, 11, True), random_segments(seed + 1, 4, False)
    times = dict(zip(VIDEOS, counts, strict=True))
    again = repeated(truth, times)
    assume(len(again))
    (found_K,) = resample_map(predictions, truth, TIOUS, VIDEOS, np.array([counts]), protocol)
    exact = evaluate_detections(repeated(predictions, times), again, TIOUS, protocol)
    np.testing.assert_allclose(found_K, list(exact.map().values()), rtol=1e-12)


@pytest.mark.parametrize(("protocol", "expected"), [("activitynet", 2 / 3), ("thumos14", 7 / 12)])
def test_copies_of_a_hit_behind_a_miss(protocol: str, expected: float) -> None:
    """A miss in `a`, then the hit of `b`, twice: precision 1/2 and 2/3, the envelope 2/3 twice."""
    predictions = Segments.build(["a", "b"], ["jump"] * 2, [50, 0], [60, 10], [0.9, 0.8])
    truth = Segments.build(["b"], ["jump"], [0], [10])
    ((found,),) = resample_map(predictions, truth, (0.5,), ("a", "b"), np.array([[1, 2]]), protocol)
    assert found == pytest.approx(expected, rel=1e-14)


def test_a_class_that_was_not_drawn_is_left_out() -> None:
    """Alone in its resample, `jump` has its AP, and `run` none that would pull the mean down."""
    truth = Segments(
        np.array(["v0", "v1"]), np.array(["jump", "run"]), np.array([0.0, 0.0]),
        np.array([10.0, 10.0]), np.ones(2),
    )  # fmt: skip
    found_RK = resample_map(truth, truth, (0.5,), ("v0", "v1"), np.array([[2, 0], [1, 1]]))
    assert found_RK.tolist() == [[1.0], [1.0]]


def test_a_resample_without_any_instance_has_no_value() -> None:
    truth = Segments.build(["v0"], ["jump"], [0], [10])
    found_RK = resample_map(truth, truth, (0.5,), ("v0", "v1"), np.array([[0, 2], [1, 1]]))
    np.testing.assert_array_equal(found_RK, [[np.nan], [1.0]])


def test_counts_for_every_video_are_needed() -> None:
    with pytest.raises(ValueError, match="v3"):
        resample_map(PREDICTIONS, TRUTH, TIOUS, VIDEOS[:3], np.ones((1, 3), dtype=np.int64))


@pytest.mark.parametrize("uncertain", ["ignore", "background"])
def test_iou_of_repeated_videos(uncertain: str) -> None:
    rng = np.random.default_rng(3)
    labels = [rng.integers(-1, 2, (6 + v, 2)).astype(np.int8) for v in range(5)]
    masks = [rng.random((6 + v, 2)) < 0.4 for v in range(5)]
    counts = (2, 0, 1, 3, 1)
    fg_R, bg_R = resample_iou(labels, masks, uncertain, np.array([counts, (1,) * 5]))  # type: ignore[arg-type]
    again = [v for v, count in enumerate(counts) for _ in range(count)]
    for r, chosen in enumerate((again, range(5))):
        exact = pseudo_label_iou([labels[v] for v in chosen], [masks[v] for v in chosen], uncertain)  # type: ignore[arg-type]
        assert fg_R[r] == pytest.approx(exact.fg_miou, rel=1e-12)
        assert bg_R[r] == pytest.approx(exact.bg_iou, rel=1e-12)


def test_labels_with_nothing_certain_have_no_iou() -> None:
    """Video 0 has one uncertain snippet; video 1 one right foreground snippet of class 1."""
    labels = [np.array([[-1, 0]], dtype=np.int8), np.array([[0, 1]], dtype=np.int8)]
    masks = [np.zeros((1, 2), dtype=bool), np.array([[False, True]])]
    fg_R, bg_R = resample_iou(labels, masks, "ignore", np.array([[2, 0], [1, 1]]))
    np.testing.assert_array_equal(fg_R, [np.nan, 1.0])
    np.testing.assert_array_equal(bg_R, [np.nan, np.nan])


def test_draws_are_fair_and_the_same_for_a_seed() -> None:
    times_RV = draw_videos(7, 4000, seed=1)
    assert (times_RV.sum(axis=1) == 7).all()
    np.testing.assert_allclose(times_RV.mean(axis=0), 1, atol=0.08)
    np.testing.assert_array_equal(times_RV, draw_videos(7, 4000, seed=1))
    assert (times_RV != draw_videos(7, 4000, seed=2)).any()
