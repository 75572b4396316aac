"""Training of the student: it detects what it was shown, goes on after a kill, and relabels."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from wtal_core.errors import WtalError
from wtal_core.evaluation.detection import evaluate_detections
from wtal_core.fustal.student.decode import detect
from wtal_core.fustal.student.network import Student
from wtal_core.fustal.student.samples import StudentVideo
from wtal_core.fustal.student.training import label_videos, train_student
from wtal_core.schema.student import StudentParams
from wtal_core.segments import Segments
from wtal_core.training.loop import Row
from wtal_core.training.state import seeded
from wtal_core.training.weights import trainable_state

IN, CLASSES = 8, 3
TINY = StudentParams(
    head="actionformer",
    width=8, heads=2, embed=1, stem=1, levels=2, window=2, head_layers=1, bins=4,
    epochs=6, batch=3, lr=5e-3, ema_from=3, ema_decay=0.8, norm_start=10.0,
)  # fmt: skip
HEADS = pytest.mark.parametrize("head", ["actionformer", "trident"])


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def make_videos(count: int, seed: int = 0) -> list[StudentVideo]:
    """Segments of 3 to 17 snippets with gaps between; a class is a direction in feature space."""
    rng = np.random.default_rng(seed)
    direction_CD = 3 * rng.normal(size=(CLASSES, IN))
    videos = []
    for n in range(count):
        length, at = 40 + 7 * n, 2
        feat_TD = 0.2 * rng.normal(size=(length, IN))
        segments, labels = [], []
        while (end := at + int(rng.integers(3, 18))) < length - 2:
            label = int(rng.integers(CLASSES)) if n % 2 else n // 2 % CLASSES
            feat_TD[at:end] += direction_CD[label]
            segments.append((at - 0.5, end - 0.5))
            labels.append(label)
            at = end + int(rng.integers(3, 7))
        label_C = torch.zeros(CLASSES)
        label_C[labels] = 1
        feat = torch.tensor(feat_TD, dtype=torch.float32)
        videos.append(
            StudentVideo(f"v{n}", feat, label_C, torch.tensor(segments), torch.tensor(labels))
        )
    return videos


def build(params: StudentParams) -> Student:
    with seeded(0):
        return Student(IN, CLASSES, params)


class Stopped(Exception):
    """A kill, after an epoch is on disk."""


def run(
    params: StudentParams, videos: list[StudentVideo], stop_after: int = 0
) -> tuple[dict[str, Tensor], list[Row]]:
    """The mean weights and the curve; with `stop_after` of a run that was killed and went on."""
    kept: list[tuple[dict[str, Tensor], Mapping[str, Any]]] = []

    def keep_and_stop(epoch: int, tensors: dict[str, Tensor], meta: dict[str, Any]) -> None:
        if epoch == stop_after:
            kept.append(({name: t.clone() for name, t in tensors.items()}, meta))
            raise Stopped

    if stop_after:
        with pytest.raises(Stopped):
            train_student(build(params), videos, params, 3, on_epoch=keep_and_stop)
    resume = kept[0] if kept else None
    average, rows = train_student(build(params), videos, params, 3, resume=resume)
    return trainable_state(average), rows


def test_what_a_curve_holds() -> None:
    _, rows = run(TINY, make_videos(4))
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4, 5, 6]
    assert set(rows[0]) == {
        "epoch", "segments", "lr", "total", "cls", "reg", "video", "positives",
    }  # fmt: skip
    assert rows[-1]["total"] < rows[0]["total"]
    # Two steps an epoch, in the first of which the rate is half of what it becomes.
    assert rows[0]["lr"] == pytest.approx(0.75 * TINY.lr)
    assert rows[1]["lr"] == pytest.approx(TINY.lr)


@HEADS
def test_a_killed_run_ends_in_the_same_bytes(head: str) -> None:
    """Killed before the labels change, at the change, and among the model's own labels."""
    params, videos = replace(TINY, head=head), make_videos(4)  # type: ignore[arg-type]
    whole, rows = run(params, videos)
    for stop_after in (0, 2, 3, 5):
        weights, again = run(params, videos, stop_after)
        assert again == rows
        assert weights.keys() == whole.keys()
        assert all(torch.equal(weights[name], whole[name]) for name in whole)


def test_the_mean_weights_are_returned_and_not_the_last_ones() -> None:
    model = build(TINY)
    average, _ = train_student(model, make_videos(4), TINY, 3)
    last, mean = trainable_state(model), trainable_state(average)
    assert any(not torch.equal(last[name], mean[name]) for name in last)


def test_labels_change_behind_the_switch_alone() -> None:
    videos = make_videos(4)
    average = build(TINY).eval()
    assert label_videos(average, videos, TINY, 3) is videos
    assert label_videos(average, videos, replace(TINY, ema_labels=False), 99) is videos
    relabelled = label_videos(average, videos, TINY, 4)
    for before, after in zip(videos, relabelled, strict=True):
        assert after.feat_TD is before.feat_TD
        assert set(after.class_N.tolist()) <= set(before.label_C.nonzero().flatten().tolist())
        # An untrained model is sure of nothing: the best one alone.
        assert len(after.class_N) == 1


def test_the_switch_is_seen_in_the_curve() -> None:
    videos = make_videos(5)
    total = sum(len(video.class_N) for video in videos)
    _, rows = run(replace(TINY, ema_min_score=1.0), videos)
    assert [row["segments"] for row in rows] == [total] * 3 + [5] * 3


def test_a_video_without_segments_is_learnt_by_its_labels() -> None:
    videos = make_videos(4)
    bare = replace(videos[0], seg_N2=torch.zeros(0, 2), class_N=torch.zeros(0, dtype=torch.long))
    params = replace(TINY, ema_labels=False)
    with_labels, _ = run(params, [bare, *videos[1:]])
    other = replace(bare, label_C=1 - bare.label_C)
    with_others, _ = run(params, [other, *videos[1:]])
    assert any(not torch.equal(with_labels[n], with_others[n]) for n in with_labels)
    blind = replace(params, video_weight=0.0)
    first, _ = run(blind, [bare, *videos[1:]])
    second, _ = run(blind, [other, *videos[1:]])
    assert all(torch.equal(first[n], second[n]) for n in first)


def test_nothing_to_learn_from_is_refused() -> None:
    bare = replace(
        make_videos(1)[0], seg_N2=torch.zeros(0, 2), class_N=torch.zeros(0, dtype=torch.long)
    )
    with pytest.raises(WtalError, match="no training video has a pseudo-segment"):
        train_student(build(TINY), [bare], TINY, 0)


def test_a_loss_that_is_not_finite_names_its_videos() -> None:
    videos = make_videos(2)
    videos[1].feat_TD[3] = float("nan")
    with pytest.raises(WtalError, match=r"epoch 1, step 1.*not finite.*v1"):
        train_student(build(TINY), videos, TINY, 0)


@pytest.mark.slow
@HEADS
def test_it_overfits_what_it_is_shown(head: str) -> None:
    """The detector itself is right: mAP above .95 on the videos that it learnt, tight ends, too."""
    params = StudentParams(
        head=head,  # type: ignore[arg-type]
        width=32, heads=2, embed=1, stem=1, levels=3, window=4, bins=8,
        epochs=90, batch=3, lr=2e-3, weight_decay=0.0, norm_start=10.0,
        ema_labels=False, ema_decay=0.9,
        candidates=200, max_per_video=100,
    )  # fmt: skip
    videos = make_videos(6)
    average, _ = train_student(build(params), videos, params, 0)
    found = [
        name_segments(videos[i].name, one.seg_N2, one.class_N, one.score_N)
        for i, one in detect(average, [video.feat_TD for video in videos], params)
    ]
    truth = [
        name_segments(v.name, v.seg_N2.double().numpy(), v.class_N.numpy(), np.ones(len(v.class_N)))
        for v in videos
    ]
    tious = (0.3, 0.5, 0.7, 0.9)
    result = evaluate_detections(Segments.join(found), Segments.join(truth), tious, "activitynet")
    reached = result.map()
    assert min(reached[0.3], reached[0.5], reached[0.7]) > 0.95
    assert reached[0.9] > 0.7


def name_segments(video: str, seg_N2: Any, class_N: Any, score_N: Any) -> Segments:
    """In snippets from the beginning of the first."""
    begin_N, end_N = (seg_N2 + 0.5).T
    return Segments.build(
        [video] * len(class_N), [f"c{c}" for c in class_N], begin_N, end_N, score_N
    )
