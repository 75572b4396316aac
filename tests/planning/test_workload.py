"""Counting work: frames, sizes, padding, and who waits for whom; by hand."""

from pathlib import Path

import numpy as np
import pytest

from wtal_core.planning.workload import (
    count_training,
    count_video,
    fill_durations,
    fit_size,
    spread,
    stored_rows,
)
from wtal_core.schema.training import StepParams
from wtal_core.schema.video import VideoParams
from wtal_core.store import write_sequences
from wtal_core.video.glimpse import Header


def test_a_video_at_the_set_rate_and_size() -> None:
    header = Header(bytes=1000, duration_s=12.0, fps=30.0, width=320, height=240)
    one = count_video("v", "test", header, VideoParams(25.0, 120, 112), window=16, stride=8)
    assert (one.source_frames, one.source_px) == (360.0, 76800)
    assert (one.frames, one.fields, one.px) == (300, 299, 160 * 120)
    assert one.snippets == (300 - 16) // 8 + 1


def test_a_video_without_a_rate_counts_as_usual_and_one_frame_is_the_least() -> None:
    header = Header(bytes=10, duration_s=0.001, fps=0.0, width=50, height=80)
    one = count_video("v", "train", header, VideoParams(10.0, 0, 40), window=16, stride=16)
    assert one.source_frames == pytest.approx(0.025)
    assert (one.frames, one.fields, one.snippets, one.px) == (1, 0, 1, 4000)


@pytest.mark.parametrize(
    ("size", "short_side", "expected"),
    [((320, 240), 0, (320, 240)), ((340, 256), 128, (170, 128)), ((50, 80), 100, (100, 160))],
)
def test_the_shorter_side_decides(
    size: tuple[int, int], short_side: int, expected: tuple[int, int]
) -> None:
    assert fit_size(*size, short_side) == expected


def test_a_missing_length_follows_from_the_size_of_the_file() -> None:
    headers = {
        "a": Header(100, 10.0, 25.0, 8, 6),
        "b": Header(300, 10.0, 25.0, 8, 6),
        "c": Header(60, 0.0, 25.0, 8, 6),
    }
    filled, guessed = fill_durations(headers)
    assert guessed == ["c"]
    assert filled["c"].duration_s == pytest.approx(60 * 20 / 400)
    assert filled["a"] == headers["a"]
    assert fill_durations({"c": headers["c"]}) == ({}, ["c"])


def test_padded_snippets_of_a_single_batch_are_exact() -> None:
    work = count_training([7, 30, 12], StepParams(epochs=4, min_steps=5, batch=8, crop=20))
    assert (work.steps, work.largest) == (20, 3 * 20)
    assert work.snippets == 20 * 60
    assert work.mean == 60
    assert work.videos == 3


def test_several_batches_are_padded_each_to_its_own_longest() -> None:
    lengths = [10, 10, 1000, 1000]
    work = count_training(lengths, StepParams(epochs=3, min_steps=1, batch=2, crop=500))
    assert work.steps == 6
    assert work.snippets == 3 * (2 * 10 + 2 * 500)  # lengths so far apart never share a batch
    assert work.largest == 1000
    assert work.videos == 2


def test_a_skipped_stage_has_no_work() -> None:
    work = count_training([5, 6], StepParams(epochs=0))
    assert (work.steps, work.snippets, work.mean) == (0, 0.0, 0.0)


def test_a_store_fills_whole_chunks(tmp_path: Path) -> None:
    assert stored_rows([3, 4]) == 7
    assert stored_rows([1000, 24]) == 1024
    feat = np.zeros((1030, 7), np.float16)
    write_sequences(tmp_path / "s", [("v", {"feat": feat})], {"feat": ("T", "D")}, {})
    chunks = (p for p in (tmp_path / "s" / "feat" / "c").rglob("*") if p.is_file())
    assert sum(path.stat().st_size for path in chunks) == stored_rows([1030]) * 7 * 2


def test_free_workers_take_the_next_video() -> None:
    assert spread([3.0, 1.0, 1.0, 4.0], 2) == 6.0  # one: 3; the other: 1, 1, 4
    assert spread([3.0, 1.0], 1) == 4.0
    assert spread([], 3) == 0.0
