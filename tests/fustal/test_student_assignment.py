"""Which point learns which segment."""

import pytest
import torch

from wtal_core.fustal.student.assignment import Targets, assign
from wtal_core.fustal.student.points import NO_LEVEL, Points, lay_points


def one_video(
    segments: list[tuple[float, float]], labels: list[int], rows: list[int], radius: float
) -> tuple[Targets, Points]:
    points = lay_points(rows, 4.0, "cpu")
    seg_1G2 = torch.tensor([segments]).reshape(1, -1, 2)
    class_1G = torch.tensor([labels], dtype=torch.long)
    real_1G = torch.ones(1, len(labels), dtype=torch.bool)
    return assign(points, seg_1G2, class_1G, real_1G, 3, radius), points


def learners(targets: Targets, points: Points, level: int) -> dict[float, list[float]]:
    """Place of each point of a level that learns a segment -> its offsets."""
    found = {}
    for row in torch.nonzero((targets.own_BP[0] >= 0) & (points.level_P == level)).flatten():
        found[points.at_P[row].item()] = targets.offset_BP2[0, row].tolist()
    return found


def test_a_short_segment_is_learnt_on_the_finest_level() -> None:
    """[2.5, 6.5]: rows 3 to 6 lie within, 1.5 of the centre 4.5 reaches 4 and 5 (not 3 and 6)."""
    targets, points = one_video([(2.5, 6.5)], [1], [12, 6], 1.5)
    assert learners(targets, points, 0) == {4.0: [1.5, 2.5], 5.0: [2.5, 1.5]}
    assert learners(targets, points, 1) == {}
    assert targets.class_BPC[0, 4].tolist() == [0, 1, 0]
    assert targets.class_BPC.sum() == 2
    assert set(targets.own_BP[0].tolist()) == {-1, 1}


def test_a_long_segment_is_learnt_on_a_coarse_level_in_its_rows() -> None:
    """[1, 13], centre 7: its ends are at least 6 away, the range of level 1 (4 to 8).

    Level 1 stands at 4, 6, 8, 10 within 3 of the centre (not 4 and 10: the limit is left out);
    6 is 5 behind the start and 7 before the end, in rows of two snippets 2.5 and 3.5.
    """
    targets, points = one_video([(1.0, 13.0)], [2], [16, 8, 4], 1.5)
    assert learners(targets, points, 0) == {}
    assert learners(targets, points, 1) == {6.0: [2.5, 3.5], 8.0: [3.5, 2.5]}
    # Level 2 takes from 8 on, and stands at 4, 8 and 12; 8 is at most 7 away from an end.
    assert learners(targets, points, 2) == {4.0: [0.75, 2.25], 12.0: [2.75, 0.25]}


def test_both_limits_of_a_range_count() -> None:
    """[0, 8] from 4: both ends are 4 away, which level 0 takes and level 1 takes."""
    targets, points = one_video([(0.0, 8.0)], [0], [10, 5], 0.5)
    assert learners(targets, points, 0) == {4.0: [4.0, 4.0]}
    assert learners(targets, points, 1) == {4.0: [2.0, 2.0]}


def test_the_shortest_of_several_wins() -> None:
    targets, points = one_video([(0.0, 7.0), (3.5, 6.5)], [0, 2], [9], 5.0)
    found = learners(targets, points, 0)
    assert found[4.0] == [0.5, 2.5]
    assert found[3.0] == [3.0, 4.0]
    assert targets.own_BP[0, :9].tolist() == [-1, 0, 0, 0, 2, 2, 2, -1, -1]
    assert targets.class_BPC[0, 4].tolist() == [0, 0, 1]


def test_equal_segments_share_a_point() -> None:
    """A dive from a cliff is a dive: both classes, the ends of the first."""
    targets, _ = one_video([(1.5, 4.5), (1.5, 4.5004)], [2, 0], [8], 5.0)
    assert targets.class_BPC[0, 3].tolist() == [1, 0, 1]
    assert targets.own_BP[0, 3] == 2
    assert targets.offset_BP2[0, 3].tolist() == [1.5, 1.5]


def test_no_point_outside_a_short_segment_learns_it() -> None:
    """[3.2, 3.8] holds no row: nothing learns it, however wide the radius."""
    targets, _ = one_video([(3.2, 3.8)], [1], [8, 4], 9.0)
    assert targets.class_BPC.sum() == 0


def test_no_segments_at_all() -> None:
    targets, points = one_video([], [], [6, 3], 1.5)
    assert targets.class_BPC.shape == (1, len(points.at_P), 3)
    assert targets.class_BPC.sum() == 0
    assert bool((targets.own_BP == -1).all())


@pytest.mark.parametrize("seed", range(4))
def test_like_a_loop_over_points_and_segments(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    rows, classes, radius, batch, most = [23, 12, 6], 4, 1.5, 3, 5
    points = lay_points(rows, 2.0, "cpu")
    start_BG = 20 * torch.rand(batch, most, generator=generator)
    seg_BG2 = torch.stack(
        [start_BG, start_BG + 0.5 + 14 * torch.rand(batch, most, generator=generator)], -1
    )
    class_BG = torch.randint(classes, (batch, most), generator=generator)
    real_BG = torch.arange(most) < torch.tensor([5, 3, 0])[:, None]
    targets = assign(points, seg_BG2, class_BG, real_BG, classes, radius)
    learnt = 0
    for b in range(batch):
        for p in range(len(points.at_P)):
            fits = []
            for g in range(most):
                start, end = seg_BG2[b, g].tolist()
                at, stride = points.at_P[p].item(), points.stride_P[p].item()
                far = max(at - start, end - at)
                low = 0 if points.level_P[p] == 0 else 2.0 * 2 ** (points.level_P[p].item() - 1)
                high = torch.inf if points.level_P[p] == 2 else 2.0 * 2 ** points.level_P[p].item()
                near = start < at < end and abs(at - (start + end) / 2) < radius * stride
                if real_BG[b, g] and points.level_P[p] != NO_LEVEL and near and low <= far <= high:
                    fits.append((end - start, g, [(at - start) / stride, (end - at) / stride]))
            if not fits:
                assert targets.own_BP[b, p] == -1
                assert targets.class_BPC[b, p].sum() == 0
                continue
            learnt += 1
            _, g, offsets = min(fits)
            assert targets.own_BP[b, p] == class_BG[b, g]
            assert targets.class_BPC[b, p].nonzero().flatten().tolist() == [class_BG[b, g].item()]
            assert targets.offset_BP2[b, p].tolist() == pytest.approx(offsets, abs=1e-5)
    assert learnt > 10
