"""Plans the synthetic world: which object does what, when and where, in every video. No pixels.

A class is an *object* (visible in one frame) doing a *motion* (visible in flow only). An object
visits: it walks in, idles, acts, idles, may act again, walks out. An action is a shared phase, a
short peak particular to the class, and the shared phase again. Its arms are up during the whole
action and down otherwise: the pose that one frame shows. Some visits hold no action at all.
"""

from dataclasses import dataclass

import numpy as np

from wtal_core.schema.world import WorldParams
from wtal_core.synthetic.motions import PEAK_MOTIONS, shared_motion_of

NOUNS = (
    "Kite", "Drum", "Robot", "Teapot", "Lamp", "Boat", "Crate", "Star", "Wheel", "Cactus", "Rocket",
    "Ball", "Clock", "Shell", "Bell", "Crown", "Anvil", "Flower", "Bottle", "Mask", "Shield",
    "Coin", "Balloon", "Lantern",
)  # fmt: skip
SCENES = ("meadow", "beach", "desert", "harbour", "forest", "street")
FRAME_RATES = (25.0, 25.0, 25.0, 30.0, 24.0, 20.0)
SPLITS = {"train": 1, "test": 2, "clips": 3, "images": 4}  # separate streams of random numbers


@dataclass(frozen=True)
class Piece:
    """What an actor does from `start_s` to `end_s`, from place `x0` to `x1` (0..1 of the frame)."""

    start_s: float
    end_s: float
    motion: str
    arms_up: bool
    x0: float
    x1: float
    y: float


@dataclass(frozen=True)
class Actor:
    """One object and its consecutive pieces; it is on screen from the first to the last."""

    class_index: int
    pieces: tuple[Piece, ...]


@dataclass(frozen=True)
class Instance:
    """One ground-truth action, in seconds."""

    start_s: float
    end_s: float
    class_index: int


@dataclass(frozen=True)
class VideoPlan:
    """One untrimmed video; `scene_seed` fixes its background, lighting, shake and noise."""

    name: str
    subset: str
    duration_s: float
    fps: float
    scene: int
    scene_seed: int
    actors: tuple[Actor, ...]
    instances: tuple[Instance, ...]
    labels: tuple[int, ...]


def class_names(classes: int) -> tuple[str, ...]:
    """Camel-case names as THUMOS14 writes them: object, then verb (`KiteSpin`)."""
    return tuple(f"{noun}{verb}" for noun, verb in zip(NOUNS[:classes], PEAK_MOTIONS, strict=False))


def home_scene(class_index: int) -> int:
    """The scene where an object is most often met: co-occurrence that a language model learns."""
    return class_index % len(SCENES)


def plan_world(params: WorldParams) -> tuple[VideoPlan, ...]:
    """All videos of both splits, train first. Every class leads about equally many videos."""
    plans = []
    for subset, count in (("train", params.train_videos), ("test", params.test_videos)):
        for index in range(count):
            rng = np.random.default_rng([params.seed, SPLITS[subset], index])
            plans.append(
                _plan_video(f"{subset}_{index:03d}", subset, index % params.classes, rng, params)
            )
    return tuple(plans)


def _plan_video(
    name: str, subset: str, leader: int, rng: np.random.Generator, params: WorldParams
) -> VideoPlan:
    duration_s = round(float(rng.uniform(params.min_length_s, params.max_length_s)), 2)
    labels = [leader]
    if rng.random() < params.two_label_fraction:
        labels.append(int((leader + rng.integers(1, params.classes)) % params.classes))
    actors: list[Actor] = []
    instances: list[Instance] = []
    clock_s = float(rng.uniform(1.0, 5.0))
    turn = 0
    while clock_s < duration_s - 10.0:
        label = labels[turn % len(labels)]
        # the first visit of each label acts, so that every video-level label is true
        acts = turn < len(labels) or rng.random() < 0.85
        actor, acted = _plan_visit(label, clock_s, duration_s - 0.5, acts, rng, params)
        actors.append(actor)
        instances.extend(acted)
        clock_s = actor.pieces[-1].end_s + float(rng.uniform(3.0, 8.0))
        turn += 1
    shown = tuple(sorted({i.class_index for i in instances}))
    scene = home_scene(leader) if rng.random() < 0.4 else int(rng.integers(len(SCENES)))
    return VideoPlan(
        name=name,
        subset=subset,
        duration_s=duration_s,
        fps=float(rng.choice(FRAME_RATES)),
        scene=scene,
        scene_seed=int(rng.integers(2**31)),
        actors=tuple(actors),
        instances=tuple(instances),
        labels=shown,
    )


def _plan_visit(
    label: int,
    start_s: float,
    limit_s: float,
    acts: bool,
    rng: np.random.Generator,
    params: WorldParams,
) -> tuple[Actor, list[Instance]]:
    """One visit of an object from `start_s`, over before `limit_s`; it acts at most twice."""
    x, y = float(rng.uniform(0.35, 0.65)), float(rng.uniform(0.45, 0.6))
    door = float(rng.choice([-0.25, 1.25]))
    pieces: list[Piece] = []
    instances: list[Instance] = []
    clock_s = start_s

    def add(length_s: float, motion: str, arms_up: bool, x0: float, x1: float) -> None:
        nonlocal clock_s
        pieces.append(Piece(clock_s, clock_s + length_s, motion, arms_up, x0, x1, y))
        clock_s += length_s

    add(float(rng.uniform(0.7, 1.1)), "walk", False, door, x)
    add(float(rng.uniform(0.7, 2.0)), "idle", False, x, x)
    for _ in range((1 + int(rng.random() < 0.4)) if acts else 0):
        length_s = float(rng.uniform(3.5, 8.0))
        if instances and clock_s + length_s + 2.5 > limit_s:
            break
        length_s = min(length_s, limit_s - clock_s - 1.5)
        peak_s = max(0.8, params.peak_fraction * length_s)
        before_s = float(rng.uniform(0.3, 0.7)) * (length_s - peak_s)
        first_s = clock_s
        shared = shared_motion_of(label)
        add(before_s, shared, True, x, x)
        add(peak_s, list(PEAK_MOTIONS)[label], True, x, x)
        add(length_s - peak_s - before_s, shared, True, x, x)
        instances.append(Instance(first_s, clock_s, label))
        add(float(rng.uniform(0.8, 1.8)), "idle", False, x, x)
    if not acts:  # a lookalike: the object strolls about and idles on
        stroll = float(np.clip(x + rng.uniform(-0.25, 0.25), 0.25, 0.75))
        add(float(rng.uniform(1.0, 2.0)), "walk", False, x, stroll)
        add(float(rng.uniform(1.0, 3.0)), "idle", False, stroll, stroll)
        x = stroll
    add(float(rng.uniform(0.7, 1.1)), "walk", False, x, float(rng.choice([-0.25, 1.25])))
    return Actor(label, tuple(pieces)), instances
