"""The plan of the synthetic world holds what the method needs, and follows from its seed alone."""

from dataclasses import replace
from itertools import pairwise

import pytest

from wtal_core.schema.world import WorldParams
from wtal_core.synthetic.labels import ground_truth, weak_labels
from wtal_core.synthetic.motions import BACKGROUND_MOTIONS, PEAK_MOTIONS, shared_motion_of
from wtal_core.synthetic.world import VideoPlan, class_names, plan_world

PARAMS = WorldParams(seed=5)


@pytest.fixture(scope="module")
def plans() -> tuple[VideoPlan, ...]:
    return plan_world(PARAMS)


def test_same_seed_same_world_other_seed_other_world(plans: tuple[VideoPlan, ...]) -> None:
    assert plan_world(PARAMS) == plans
    assert plan_world(replace(PARAMS, seed=6)) != plans


def test_more_videos_leave_the_others_as_they_were(plans: tuple[VideoPlan, ...]) -> None:
    more = plan_world(replace(PARAMS, train_videos=PARAMS.train_videos + 1))
    assert set(plans) < set(more)
    assert len(more) == len(plans) + 1


def test_every_class_is_learnt_and_tested(plans: tuple[VideoPlan, ...]) -> None:
    for subset in ("train", "test"):
        shown = {c for plan in plans if plan.subset == subset for c in plan.labels}
        assert shown == set(range(PARAMS.classes))


def test_foreground_takes_about_a_third(plans: tuple[VideoPlan, ...]) -> None:
    acted = sum(i.end_s - i.start_s for plan in plans for i in plan.instances)
    assert 0.28 < acted / sum(plan.duration_s for plan in plans) < 0.4


def test_videos_vary(plans: tuple[VideoPlan, ...]) -> None:
    assert len({plan.fps for plan in plans}) >= 3
    assert len({plan.duration_s for plan in plans}) > len(plans) // 2
    assert any(len(plan.labels) == 2 for plan in plans)
    assert sum(len(plan.instances) for plan in plans) > 2 * len(plans)
    assert any(not any(p.arms_up for p in a.pieces) for plan in plans for a in plan.actors)


def test_labels_are_the_classes_of_the_instances(plans: tuple[VideoPlan, ...]) -> None:
    for plan in plans:
        assert set(plan.labels) == {i.class_index for i in plan.instances}
        assert all(0 < i.start_s < i.end_s < plan.duration_s for i in plan.instances)


def test_an_instance_is_shared_phase_peak_shared_phase(plans: tuple[VideoPlan, ...]) -> None:
    for plan in plans:
        for actor in plan.actors:
            acted = [p for p in actor.pieces if p.arms_up]
            own = list(PEAK_MOTIONS)[actor.class_index]
            shared = shared_motion_of(actor.class_index)
            assert [p.motion for p in acted] == [shared, own, shared] * (len(acted) // 3)
            assert {p.motion for p in actor.pieces if not p.arms_up} <= set(BACKGROUND_MOTIONS)
            assert all(a.end_s == b.start_s for a, b in pairwise(actor.pieces))


def test_six_classes_share_a_phase() -> None:
    shared = [shared_motion_of(c) for c in range(12)]
    assert [shared.count(m) for m in dict.fromkeys(shared)] == [6, 6]


def test_weak_labels_hold_no_segment_and_nothing_of_the_test_split(
    plans: tuple[VideoPlan, ...],
) -> None:
    classes = class_names(PARAMS.classes)
    weak = weak_labels(plans, classes)
    for plan in plans:
        entry = weak["videos"][plan.name]
        assert set(entry) == {"file", "subset"} | ({"labels"} if plan.subset == "train" else set())
    truth = ground_truth(plans, classes)["database"]
    assert sum(len(v["annotations"]) for v in truth.values()) == sum(
        len(plan.instances) for plan in plans
    )


@pytest.mark.parametrize(
    ("wrong", "key"),
    [
        ({"classes": 1}, "world.classes"),
        ({"classes": 25}, "world.classes"),
        ({"min_length_s": 60.0}, "world.min_length_s"),
        ({"min_length_s": 14.0}, "world.min_length_s"),
        ({"peak_fraction": 1.0}, "world.peak_fraction"),
        ({"images": 0}, "images"),
    ],
)
def test_values_out_of_range_are_named(wrong: dict[str, float], key: str) -> None:
    with pytest.raises(ValueError, match=key):
        replace(PARAMS, **wrong)  # type: ignore[arg-type]


def test_the_shortest_videos_still_show_an_action() -> None:
    for seed in range(5):
        shortest = replace(PARAMS, seed=seed, min_length_s=15.0, max_length_s=15.0)
        assert all(plan.instances for plan in plan_world(shortest))
