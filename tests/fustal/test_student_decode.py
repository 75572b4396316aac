"""From points to detections."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from wtal_core.fustal.student.decode import Found, choose_best, choose_labels, detect, thin_out
from wtal_core.fustal.student.heads import PlainBoundaries
from wtal_core.fustal.student.network import Student, StudentOutput
from wtal_core.fustal.student.points import lay_points
from wtal_core.localize.nms import suppress
from wtal_core.schema.student import StudentParams
from wtal_core.segments import Segments
from wtal_core.training.state import seeded

PARAMS = StudentParams(min_score=0.1, candidates=5, nms_sigma=0.5, max_per_video=3)


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def make_output(
    scores: dict[tuple[int, int], float], offsets: dict[int, list[float]]
) -> StudentOutput:
    """Video 1 of two: levels of 4 and 2 rows (points 0-3 and 5-6), three classes."""
    points = lay_points([4, 2], 4.0, "cpu")
    logit_BPC = torch.full((2, 8, 3), -9.0)
    logit_BPC[0] = 9.0
    offset_BP2 = torch.zeros(2, 8, 2)
    for (point, label), score in scores.items():
        logit_BPC[1, point, label] = torch.logit(torch.tensor(score))
    for point, pair in offsets.items():
        offset_BP2[1, point] = torch.tensor(pair)
    mask_BP = (points.level_P >= 0).repeat(2, 1)
    return StudentOutput(logit_BPC, PlainBoundaries(offset_BP2), mask_BP, points, 4)


def test_decoding_by_hand() -> None:
    """Point 6 stands at 2, in rows of two: [2 - 2 * .75, 2 + 2 * .5]; point 3 is cut at 3.5."""
    output = make_output(
        {(6, 2): 0.9, (3, 0): 0.7, (1, 1): 0.05, (2, 1): 0.2},
        {6: [0.75, 0.5], 3: [1.0, 4.0], 1: [1, 1], 2: [0, 0]},
    )
    found = choose_best(output, 1, 4, PARAMS)  # (1, 1) is too low, (2, 1) has no length
    assert found.seg_N2.tolist() == [[0.5, 3.0], [2.0, 3.5]]
    assert found.class_N.tolist() == [2, 0]
    assert found.score_N.tolist() == pytest.approx([0.9, 0.7])


def test_padding_is_never_a_detection() -> None:
    output = make_output({(p, 0): 0.9 for p in range(8)}, {p: [0.25, 0.25] for p in range(8)})
    params = replace(PARAMS, min_score=0.0, candidates=99)
    found = choose_best(output, 1, 4, params)
    assert len(found.score_N) == 6 * 3  # the rows 4 and 7 belong to no level
    starts = found.seg_N2[found.class_N == 0, 0].tolist()
    assert starts == [-0.25, 0.75, 1.75, 2.75, -0.5, 1.5]


def test_only_the_best_candidates_are_looked_at() -> None:
    output = make_output(
        {(p, 0): 0.9 - 0.1 * p for p in (0, 1, 2, 3)}, {p: [0.25, 0.25] for p in range(4)}
    )
    found = choose_best(output, 1, 4, replace(PARAMS, candidates=2))
    assert found.seg_N2[:, 0].tolist() == [-0.25, 0.75]


def random_found(seed: int, count: int) -> Found:
    rng = np.random.default_rng(seed)
    start_N = 20 * rng.random(count)
    seg_N2 = np.stack([start_N, start_N + 1 + 5 * rng.random(count)], 1)
    return Found(seg_N2, rng.integers(4, size=count), np.sort(rng.random(count))[::-1])


def test_thinning_is_the_localizers_soft_nms() -> None:
    found = random_found(0, 40)
    begin_N, end_N = found.seg_N2.T
    labels = [str(c) for c in found.class_N]
    named = Segments.build(["v"] * 40, labels, begin_N, end_N, found.score_N)
    kept = suppress(named, 0.5, 0.1, 9)
    ours = thin_out(found, replace(PARAMS, max_per_video=9))
    assert len(ours.score_N) == 9
    assert ours.score_N.tolist() == kept.score.tolist()
    assert ours.seg_N2.tolist() == kept.seg_N2.tolist()
    assert ours.class_N.tolist() == [int(c) for c in kept.label]


def test_nothing_found_stays_nothing() -> None:
    none = random_found(0, 0)
    assert len(thin_out(none, PARAMS).score_N) == 0
    assert len(choose_labels(none, np.array([1, 0, 1, 0], dtype=np.float32), 0.4).score_N) == 0


def test_labels_are_confident_and_of_the_video() -> None:
    found = Found(
        np.array([[0.0, 1], [1, 2], [2, 3], [3, 4]]),
        np.array([1, 0, 0, 0]),
        np.array([0.9, 0.6, 0.4, 0.3]),
    )
    label_C = np.array([1, 0, 1], dtype=np.float32)
    assert choose_labels(found, label_C, 0.35).seg_N2.tolist() == [[1, 2], [2, 3]]
    assert choose_labels(found, label_C, 0.4).seg_N2.tolist() == [[1, 2]]  # above, not at
    assert choose_labels(found, label_C, 0.8).seg_N2.tolist() == [[1, 2]]  # the best alone
    other_C = np.array([0, 0, 1], dtype=np.float32)
    assert choose_labels(found, other_C, 0.1).seg_N2.tolist() == []


@pytest.mark.parametrize("head", ["actionformer", "trident"])
def test_batches_give_what_single_videos_give(head: str) -> None:
    """Whatever shares a batch, and in the order of the videos' indices."""
    params = StudentParams(
        head=head,  # type: ignore[arg-type]
        width=8, heads=2, embed=1, stem=0, levels=2, bins=4, head_layers=0, batch=3,
    )  # fmt: skip
    with seeded(1):
        model = Student(5, 3, params)
        for parameter in model.parameters():
            parameter.data += 0.3 * torch.randn_like(parameter)
    generator = torch.Generator().manual_seed(0)
    features = [torch.randn(n, 5, generator=generator).half() for n in (19, 7, 30, 12, 7)]
    together = dict(detect(model, features, params))
    assert sorted(together) == [0, 1, 2, 3, 4]
    for i, feat_TD in enumerate(features):
        ((_, alone),) = detect(model, [feat_TD], params)
        assert len(alone.score_N) > 5
        # Rounding may swap near equals, so both are compared in one order.
        np.testing.assert_allclose(together[i].score_N, alone.score_N, atol=1e-5)
        a, b = (
            f.seg_N2[np.lexsort((*f.seg_N2.round(3).T, f.class_N))] for f in (together[i], alone)
        )
        np.testing.assert_allclose(a, b, atol=1e-3)
