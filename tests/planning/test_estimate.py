"""Costs under made-up rates, worked out by hand."""

from dataclasses import replace

import pytest

from wtal_core.planning.estimate import Cost, Estimator, Run
from wtal_core.planning.rates import (
    EncoderRates,
    Linear,
    MachineRates,
    MethodRates,
    Rates,
    StepCost,
    VideoRates,
)
from wtal_core.planning.workload import MethodWork, StepWork, VideoWork

MACHINE = MachineRates(
    start_s=1.0,
    start_torch_s=5.0,
    start_evaluate_s=4.0,
    start_bytes=100,
    start_torch_bytes=1000,
    sha256_s_byte=0.0,
    md5_s_byte=0.0,
    write_s_byte=0.0,
    picture_s=2.0,
)
VIDEO = VideoRates(
    decode_s_px=0.001,
    store_s_px=0.01,
    frame_bytes_px=2.0,
    flow_s_px=0.1,
    flow_bytes_px=0.5,
    memory=30,
)
ENCODERS = EncoderRates(i3d_rgb_s=3.0, i3d_flow_s=2.0, clip_s=0.5, i3d_memory=70, clip_memory=80)
METHOD = MethodRates(
    warm_up=StepCost(Linear(1.0, 0.01), Linear(400.0, 2.0)),
    b_step=StepCost(Linear(2.0, 0.02), Linear(500.0, 3.0)),
    f_step=StepCost(Linear(3.0, 0.03), None),
    score_cbp_s=0.1,
    score_vlp_s=0.2,
    text_s=7.0,
    localize_s=0.3,
    evaluate_s=0.4,
    cbp_bytes=1000,
    vlp_bytes=600,
)
RATES = Rates(MACHINE, METHOD, VIDEO, ENCODERS)
RUN = Run(
    workers=2,
    rounds={"r1": "r0", "r2": "r1"},
    warm_up=StepWork(epochs=2, steps=10, snippets=500.0, largest=70),
    b_step=StepWork(epochs=3, steps=20, snippets=1200.0, largest=80),
    f_step=StepWork(epochs=4, steps=30, snippets=2400.0, largest=90),
    max_per_video=5,
    pictures=3,
)
# 10 frames of 4 px from 20 frames of 6 px; one of 5 frames from 10.
VIDEOS = [
    VideoWork("a", "train", 90, 1.0, 20.0, 6, 10, 4, 3),
    VideoWork("b", "test", 50, 0.5, 10.0, 6, 5, 4, 2),
]
WORK = MethodWork(train=(30, 20), test=(11,), classes=4, i3d_columns=6, clip_columns=5)


def find(costs: list[Cost], stage: str) -> Cost:
    (one,) = [cost for cost in costs if cost.stage == stage]
    return one


def test_frames_and_flow() -> None:
    estimator = Estimator(RATES, RUN)
    frames, flow = estimator.frames(VIDEOS), estimator.flow(VIDEOS)
    # The longer video alone: 20 * 6 * .001 + 10 * 4 * .01; two starts before it.
    assert frames.seconds == pytest.approx(2 * 1.0 + 0.12 + 0.4)
    assert (frames.out_bytes, frames.item_bytes) == (120.0, 120.0)
    assert frames.memory == 100 + 2 * (100 + 30)
    assert flow.seconds == pytest.approx(2 * 1.0 + 9 * 4 * 0.1)
    assert flow.out_bytes == (9 + 4) * 4 * 0.5


def test_one_worker_does_all() -> None:
    estimator = Estimator(RATES, replace(RUN, workers=1))
    assert estimator.flow(VIDEOS).seconds == pytest.approx(2 + (9 + 4) * 4 * 0.1)


def test_features_are_rows_of_half_floats() -> None:
    estimator = Estimator(RATES, RUN)
    i3d, clip = estimator.features_i3d(VIDEOS, 6), estimator.features_clip(VIDEOS, 5)
    # Jobs of 9, 6, 6 and 4 s: one worker takes 9 and 4, the other 6 and 6.
    assert i3d.seconds == pytest.approx(2 * 5.0 + 13.0)
    assert i3d.out_bytes == 5 * 6 * 2
    assert i3d.memory == 1000 + 2 * (1000 + 70)
    assert clip.seconds == pytest.approx(2 * 5.0 + 1.5)
    assert clip.out_bytes == 5 * 5 * 2


def test_hashing_and_writing_count() -> None:
    slow = replace(MACHINE, sha256_s_byte=0.01, md5_s_byte=0.1, write_s_byte=1.0)
    estimator = Estimator(replace(RATES, machine=slow), replace(RUN, copies=3))
    before = Estimator(RATES, RUN).frames(VIDEOS).seconds
    after = estimator.frames(VIDEOS).seconds
    # 90 bytes of the longer video are hashed; 120 bytes of results hashed once, copied twice.
    assert after - before == pytest.approx(90 * 0.01 + 120 * (0.1 + 2 * 1.0))


def test_every_stage_of_the_method_once() -> None:
    costs = Estimator(RATES, RUN).method(WORK)
    assert [cost.stage for cost in costs] == [
        "warm_up",
        "b_step@r1", "f_step@r1", "b_step@r2", "f_step@r2",
        "infer_r0", "evaluate_r0", "infer@r1", "evaluate@r1", "infer@r2", "evaluate@r2",
        "summary",
    ]  # fmt: skip


def test_training() -> None:
    costs = Estimator(RATES, RUN).method(WORK)
    warm_up = find(costs, "warm_up")
    assert warm_up.seconds == pytest.approx(5 + 10 * (1 + 0.01 * 50))
    assert (warm_up.out_bytes, warm_up.scratch_bytes) == (1000, 3 * 3 * 1000)
    assert warm_up.memory == 1000 + 50 * 6 * 2 + 400 + 2 * 70  # I3D's features alone
    # 50 training snippets; VLP does not speak before it has learnt.
    first, second = find(costs, "b_step@r1"), find(costs, "b_step@r2")
    assert first.seconds == pytest.approx(5 + 7 + 50 * 0.1 + 20 * (2 + 0.02 * 60))
    assert second.seconds - first.seconds == pytest.approx(50 * 0.2)
    assert first.out_bytes == 600 + 50 * 4 * (1 + 4)
    assert first.memory == 1000 + 50 * (6 + 5) * 2 + 500 + 3 * 80
    assert find(costs, "f_step@r2").seconds == pytest.approx(
        5 + 7 + 50 * (0.1 + 0.2) + 30 * (3 + 0.03 * 80)
    )
    assert find(costs, "f_step@r1").memory is None


def test_saving_each_epoch_takes_time() -> None:
    slow = replace(MACHINE, write_s_byte=0.001)
    run = replace(RUN, copies=1)
    before = find(Estimator(RATES, run).method(WORK), "warm_up").seconds
    after = find(Estimator(replace(RATES, machine=slow), run).method(WORK), "warm_up").seconds
    assert after - before == pytest.approx(2 * 3 * 1000 * 0.001)  # weights and Adam, per epoch


def test_results() -> None:
    costs = Estimator(RATES, RUN).method(WORK)
    infer = find(costs, "infer@r1")
    assert infer.seconds == pytest.approx(5 + 7 + 11 * (0.1 + 0.2) + 0.3)
    assert infer.out_bytes == 11 * 4 * 12 + 5 * 120
    assert find(costs, "evaluate@r2").seconds == pytest.approx(4 + 0.4)
    assert find(costs, "summary").seconds == pytest.approx(1 + 3 * 2)


def test_imported_features_are_passed_on() -> None:
    cost = Estimator(RATES, RUN).passed_on("features_clip", rows=50, columns=5)
    assert (cost.seconds, cost.out_bytes, cost.item_bytes) == (5.0, 500, 0.0)


def test_what_was_not_measured_is_not_made_up() -> None:
    estimator = Estimator(Rates(MACHINE, METHOD), RUN)
    with pytest.raises(ValueError, match="not measured"):
        estimator.frames(VIDEOS)
