"""Resampled metrics against the evaluator on test splits that really hold a video twice."""

import numpy as np
import pytest

from wtal_core.evaluation.bootstrap import draw_videos, resample_iou, resample_map
from wtal_core.evaluation.detection import evaluate_detections
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


def test_every_video_once_is_the_evaluator() -> None:
    (found_K,) = resample_map(PREDICTIONS, TRUTH, TIOUS, VIDEOS, np.ones((1, 5), dtype=np.int64))
    exact = evaluate_detections(PREDICTIONS, TRUTH, TIOUS)
    np.testing.assert_array_equal(found_K, list(exact.map().values()))
    assert 0 < found_K.min() < found_K.max() < 1


@pytest.mark.parametrize("counts", [(2, 1, 0, 3, 1), (1, 4, 1, 0, 0), (0, 0, 3, 2, 0)])
def test_a_video_that_counts_twice_is_there_twice(counts: tuple[int, ...]) -> None:
    (found_K,) = resample_map(PREDICTIONS, TRUTH, TIOUS, VIDEOS, np.array([counts]))
    times = dict(zip(VIDEOS, counts, strict=True))
    exact = evaluate_detections(repeated(PREDICTIONS, times), repeated(TRUTH, times), TIOUS)
    np.testing.assert_allclose(found_K, list(exact.map().values()), rtol=1e-12)


def test_a_class_that_was_not_drawn_is_left_out() -> None:
    """Alone in its resample, `jump` has its AP, and `run` none that would pull the mean down."""
    truth = Segments(
        np.array(["v0", "v1"]), np.array(["jump", "run"]), np.array([0.0, 0.0]),
        np.array([10.0, 10.0]), np.ones(2),
    )  # fmt: skip
    found_RK = resample_map(truth, truth, (0.5,), ("v0", "v1"), np.array([[2, 0], [1, 1]]))
    assert found_RK.tolist() == [[1.0], [1.0]]


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


def test_draws_are_fair_and_the_same_for_a_seed() -> None:
    times_RV = draw_videos(7, 4000, seed=1)
    assert (times_RV.sum(axis=1) == 7).all()
    np.testing.assert_allclose(times_RV.mean(axis=0), 1, atol=0.08)
    np.testing.assert_array_equal(times_RV, draw_videos(7, 4000, seed=1))
    assert (times_RV != draw_videos(7, 4000, seed=2)).any()
