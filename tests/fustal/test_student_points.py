"""Points: where the rows of all levels stand."""

import torch

from wtal_core.fustal.student.points import NO_LEVEL, lay_points, pack_levels


def test_three_levels_by_hand() -> None:
    points = lay_points([3, 2, 1], 4.0, "cpu")
    assert points.level_P.tolist() == [0, 0, 0, NO_LEVEL, 1, 1, NO_LEVEL, 2, NO_LEVEL]
    real_P = points.level_P != NO_LEVEL
    assert points.at_P[real_P].tolist() == [0, 1, 2, 0, 2, 0]
    assert points.stride_P[real_P].tolist() == [1, 1, 1, 2, 2, 4]
    assert points.low_P[real_P].tolist() == [0, 0, 0, 4, 4, 8]
    assert points.high_P[real_P].tolist() == [4, 4, 4, 8, 8, torch.inf]
    assert bool((points.low_P > points.high_P)[~real_P].all())


def test_one_level_takes_every_length() -> None:
    points = lay_points([2], 4.0, "cpu")
    assert points.low_P[:2].tolist() == [0, 0]
    assert points.high_P[:2].tolist() == [torch.inf, torch.inf]


def test_neighbours_stay_within_their_level() -> None:
    """Rows 0-2 are level 0, 4-5 level 1, 7 level 2; 8 is the last and of none."""
    points = lay_points([3, 2, 1], 4.0, "cpu")
    back = points.beside(torch.tensor([2, 5, 7]), -torch.arange(4))
    assert back.tolist() == [[2, 1, 0, 8], [5, 4, 8, 8], [7, 8, 8, 8]]
    on = points.beside(torch.tensor([0, 5]), torch.arange(4))
    assert on.tolist() == [[0, 1, 2, 8], [5, 8, 8, 8]]


def test_levels_are_packed_with_a_row_behind_each() -> None:
    x_B3D = torch.arange(1.0, 13.0).reshape(2, 3, 2)
    x_B2D = -torch.ones(2, 2, 2)
    mask_B3 = torch.tensor([[True, True, True], [True, True, False]])
    mask_B2 = torch.tensor([[True, True], [True, False]])
    x_BPD, mask_BP = pack_levels([(x_B3D, mask_B3), (x_B2D, mask_B2)])
    assert x_BPD.shape == (2, 7, 2)
    assert x_BPD[1, :, 0].tolist() == [7, 9, 11, 0, -1, -1, 0]
    assert mask_BP.int().tolist() == [[1, 1, 1, 0, 1, 1, 0], [1, 1, 0, 0, 1, 0, 0]]
