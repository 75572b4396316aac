"""Crops and batches of videos with segments."""

from dataclasses import replace

import pytest
import torch

from wtal_core.fustal.student.samples import (
    StudentVideo,
    collate_videos,
    crop_video,
    draw_student_batches,
)
from wtal_core.schema.student import StudentParams

PARAMS = StudentParams(crop=10, crop_share=0.2, crop_keep=0.5, batch=2, min_steps=5)


def make_video(length: int, segments: list[tuple[float, float]], name: str = "v") -> StudentVideo:
    """Each snippet's feature is its number."""
    feat_TD = torch.arange(float(length))[:, None].repeat(1, 3)
    seg_N2 = torch.tensor(segments).reshape(-1, 2)
    class_N = torch.arange(len(segments)) % 2
    return StudentVideo(name, feat_TD, torch.tensor([1.0, 1.0]), seg_N2, class_N)


def draws(video: StudentVideo, params: StudentParams, count: int = 60) -> list[StudentVideo]:
    generator = torch.Generator().manual_seed(0)
    return [crop_video(video, params, generator) for _ in range(count)]


def test_crops_are_of_allowed_lengths_and_keep_what_they_show() -> None:
    video = make_video(30, [(3.5, 8.5), (12.5, 14.5), (20.5, 29.5)])
    seen = draws(video, PARAMS)
    assert {len(one.feat_TD) for one in seen} == set(range(6, 11))
    for one in seen:
        start, length = int(one.feat_TD[0, 0]), len(one.feat_TD)
        kept = []
        for (a, b), label in zip(video.seg_N2.tolist(), video.class_N.tolist(), strict=True):
            shown = max(a, start - 0.5), min(b, start + length - 0.5)
            if shown[1] - shown[0] >= (b - a) / 2:
                kept.append((shown[0] - start, shown[1] - start, label))
        found = [
            (*seg, label)
            for seg, label in zip(one.seg_N2.tolist(), one.class_N.tolist(), strict=True)
        ]
        assert found == kept != []


def test_a_segment_longer_than_any_crop_is_kept_where_it_is_shown() -> None:
    """Half of it never fits into ten snippets, and each crop shows what it can."""
    for one in draws(make_video(60, [(10.5, 49.5)]), PARAMS, 20):
        assert one.class_N.tolist() == [0]
        assert one.seg_N2[0].tolist() == [-0.5, len(one.feat_TD) - 0.5]


def test_a_video_without_segments_is_cropped_too() -> None:
    for one in draws(make_video(25, []), PARAMS, 20):
        assert one.seg_N2.shape == (0, 2)
        assert len(one.feat_TD) <= 10


def test_a_whole_share_leaves_a_short_video_as_it_is() -> None:
    video = make_video(9, [(1.5, 4.5)])
    assert draws(video, replace(PARAMS, crop_share=1.0), 1)[0] is video


def test_a_batch_pads_features_and_segments() -> None:
    batch = collate_videos(
        [make_video(4, [(0.5, 1.5)]), make_video(6, []), make_video(5, [(0.5, 1.5), (2.5, 4.5)])]
    )
    assert batch.plain.feat_BTD.shape == (3, 6, 3)
    assert batch.seg_BG2.shape == (3, 2, 2)
    assert batch.real_BG.tolist() == [[True, False], [False, False], [True, True]]
    assert batch.class_BG.tolist() == [[0, 0], [0, 0], [0, 1]]
    assert batch.seg_BG2[2].tolist() == [[0.5, 1.5], [2.5, 4.5]]


def test_a_batch_without_any_segment() -> None:
    batch = collate_videos([make_video(4, []), make_video(3, [])])
    assert batch.real_BG.shape == (2, 0)
    assert batch.seg_BG2.shape == (2, 0, 2)


def test_an_epoch_sees_every_video_in_each_pass() -> None:
    videos = [make_video(7 + n, [(0.5, 3.5)], f"v{n}") for n in range(5)]
    generator = torch.Generator().manual_seed(0)
    batches = list(draw_student_batches(videos, PARAMS, generator))
    assert len(batches) == 6  # passes of three until there are five
    for half in (batches[:3], batches[3:]):
        assert sorted(n for one in half for n in one.plain.names) == [f"v{n}" for n in range(5)]


def test_segments_and_classes_go_together() -> None:
    with pytest.raises(ValueError, match="for 2 classes"):
        replace(make_video(5, [(0.5, 1.5)]), class_N=torch.tensor([0, 1]))
