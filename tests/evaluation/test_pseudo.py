"""Foreground and background IoU of ternary labels, by hand."""

import numpy as np
import pytest

from wtal_core.evaluation.pseudo import pseudo_label_iou, segments_to_mask
from wtal_core.grid import SnippetGrid
from wtal_core.segments import Segments

# one video of 7 snippets, 3 classes of which it carries the first two
LABELS = np.array(
    [[1, 0, 0], [1, -1, 0], [-1, 0, 0], [0, 0, 0], [0, 1, 0], [0, 0, 0], [1, -1, 0]], dtype=np.int8
)
TRUTH = np.array(
    [[1, 0, 0], [1, 1, 0], [1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 0], [0, 0, 0]], dtype=bool
)


def test_uncertain_left_out() -> None:
    quality = pseudo_label_iou([LABELS], [TRUTH])
    # class 0, without snippet 2: found 0 1 6, true 0 1 3; class 1, without snippet 1: found = true
    np.testing.assert_allclose(quality.fg_iou_C, [2 / 4, 1, np.nan])
    assert quality.fg_miou == pytest.approx(0.75)
    # background, without snippet 2 (6 is certain: foreground of class 0): found 3 5, true 5 6
    assert quality.bg_iou == pytest.approx(1 / 3)


def test_uncertain_as_background() -> None:
    quality = pseudo_label_iou([LABELS], [TRUTH], "background")
    # class 0: found 0 1 6, true 0 1 2 3; class 1: found 4, true 1 4
    np.testing.assert_allclose(quality.fg_iou_C, [2 / 5, 1 / 2, np.nan])
    # background: found 2 3 5, true 5 6
    assert quality.bg_iou == pytest.approx(1 / 4)


def test_snippets_are_pooled_over_videos_not_averaged() -> None:
    long, short = np.ones((6, 1), dtype=np.int8), np.zeros((2, 1), dtype=np.int8)
    quality = pseudo_label_iou([long, short], [np.ones((6, 1), bool), np.ones((2, 1), bool)])
    assert quality.fg_miou == pytest.approx(6 / 8)


def test_perfect_labels() -> None:
    quality = pseudo_label_iou([TRUTH.astype(np.int8)], [TRUTH])
    assert (quality.fg_miou, quality.bg_iou) == (1.0, 1.0)


def test_nothing_certain_is_no_number() -> None:
    quality = pseudo_label_iou([np.full((3, 2), -1, np.int8)], [np.ones((3, 2), bool)])
    assert np.isnan(quality.fg_miou)
    assert np.isnan(quality.bg_iou)


def test_labels_and_masks_must_fit() -> None:
    with pytest.raises(ValueError, match=r"video 1: .*\(7, 3\).*\(6, 3\)"):
        pseudo_label_iou([LABELS, LABELS], [TRUTH, TRUTH[:6]])
    with pytest.raises(ValueError, match="got 1 and 2"):
        pseudo_label_iou([LABELS], [TRUTH, TRUTH])


def test_a_snippet_is_foreground_when_its_centre_is() -> None:
    grid = SnippetGrid(fps=25, window=16, stride=16)  # centres .32 .96 1.6 2.24 2.88
    segments = Segments.build(["v", "v", "v"], ["b", "a", "b"], [0.96, 0, 2.3], [2.24, 0.33, 2.8])
    mask_TC = segments_to_mask(segments, grid, 5, ("a", "b", "c"))
    assert mask_TC.T.astype(int).tolist() == [[1, 0, 0, 0, 0], [0, 1, 1, 0, 0], [0, 0, 0, 0, 0]]


def test_masks_are_of_one_video_and_of_known_classes() -> None:
    grid = SnippetGrid(fps=25, window=16, stride=16)
    two = Segments.build(["v", "w"], ["a", "a"], [0, 0], [1, 1])
    with pytest.raises(ValueError, match="one video"):
        segments_to_mask(two, grid, 4, ("a",))
    with pytest.raises(ValueError, match=r"\['a'\] are none of the 1 classes"):
        segments_to_mask(two.take(np.array([0])), grid, 4, ("b",))
