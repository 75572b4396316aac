"""How an object of the synthetic world moves: place, rotation and shape as functions of time.

A *peak* motion is particular to one class, a *shared* motion belongs to the phases of several
classes, and `idle` and `walk` belong to none.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

CLASSES_PER_SHARED_MOTION = 6  # so that a shared phase reads about 1/6 under a softmax


@dataclass(frozen=True)
class Pose:
    """Where and how the sprite stands, relative to its place: px at a 64 px frame, degrees."""

    dx: float = 0.0
    dy: float = 0.0
    rotation: float = 0.0
    scale_x: float = 1.0
    scale_y: float = 1.0
    shear: float = 0.0


def _wave(t: float, hertz: float) -> float:
    return math.sin(2 * math.pi * hertz * t)


def _turn(t: float, hertz: float) -> float:
    return math.cos(2 * math.pi * hertz * t)


Motion = Callable[[float], Pose]

# verb of the class name → its peak motion
PEAK_MOTIONS: dict[str, Motion] = {
    "Spin": lambda t: Pose(rotation=400 * t),
    "Whirl": lambda t: Pose(rotation=-400 * t),
    "Pulse": lambda t: Pose(scale_x=1 + 0.35 * _wave(t, 1.6), scale_y=1 + 0.35 * _wave(t, 1.6)),
    "Shake": lambda t: Pose(dx=6 * _wave(t, 1.9)),
    "Bounce": lambda t: Pose(dy=6 * _wave(t, 1.9)),
    "Slash": lambda t: Pose(dx=5 * _wave(t, 1.9), dy=5 * _wave(t, 1.9)),
    "Dodge": lambda t: Pose(dx=5 * _wave(t, 1.9), dy=-5 * _wave(t, 1.9)),
    "Orbit": lambda t: Pose(dx=6 * _turn(t, 1.3), dy=6 * _wave(t, 1.3)),
    "Circle": lambda t: Pose(dx=6 * _turn(t, 1.3), dy=-6 * _wave(t, 1.3)),
    "Squash": lambda t: Pose(scale_x=1 + 0.4 * _wave(t, 1.6), scale_y=1 - 0.4 * _wave(t, 1.6)),
    "Lean": lambda t: Pose(shear=0.7 * _wave(t, 1.6)),
    "Rock": lambda t: Pose(rotation=55 * _wave(t, 1.6)),
    "Hop": lambda t: Pose(dy=-10 * abs(_wave(t, 0.9)), scale_y=1 + 0.2 * _wave(t, 1.8)),
    "Swing": lambda t: Pose(dx=6 * _wave(t, 1.3), rotation=40 * _wave(t, 1.3)),
    "Flip": lambda t: Pose(scale_y=_turn(t, 1.2)),
    "Twist": lambda t: Pose(scale_x=_turn(t, 1.2)),
    "Jump": lambda t: Pose(dy=-12 * max(0.0, _wave(t, 1.0))),
    "Dash": lambda t: Pose(dx=14 * (((t * 1.1) % 1.0) - 0.5)),
    "Dive": lambda t: Pose(dy=14 * (((t * 1.1) % 1.0) - 0.5)),
    "Retreat": lambda t: Pose(dx=-14 * (((t * 1.1) % 1.0) - 0.5)),
    "Rise": lambda t: Pose(dy=-14 * (((t * 1.1) % 1.0) - 0.5)),
    "Grow": lambda t: Pose(
        scale_x=0.6 + 0.8 * ((t * 1.1) % 1.0), scale_y=0.6 + 0.8 * ((t * 1.1) % 1.0)
    ),
    "Shrink": lambda t: Pose(
        scale_x=1.4 - 0.8 * ((t * 1.1) % 1.0), scale_y=1.4 - 0.8 * ((t * 1.1) % 1.0)
    ),
    "Stretch": lambda t: Pose(scale_y=1 + 0.5 * _wave(t, 1.2)),
}

# phases that several classes share
SHARED_MOTIONS: dict[str, Motion] = {
    "bob": lambda t: Pose(dy=3.0 * _wave(t, 0.8)),
    "sway": lambda t: Pose(dx=3.0 * _wave(t, 0.8)),
    "nod": lambda t: Pose(rotation=18 * _wave(t, 0.8)),
    "breathe": lambda t: Pose(scale_x=1 + 0.15 * _wave(t, 0.8), scale_y=1 + 0.15 * _wave(t, 0.8)),
}

# what objects do when no action happens
BACKGROUND_MOTIONS: dict[str, Motion] = {
    "idle": lambda t: Pose(dx=0.3 * _wave(t, 0.23), dy=0.3 * _wave(t, 0.31)),
    "walk": lambda t: Pose(dy=0.8 * abs(_wave(t, 1.2))),
}

MOTIONS: dict[str, Motion] = PEAK_MOTIONS | SHARED_MOTIONS | BACKGROUND_MOTIONS


def shared_motion_of(class_index: int) -> str:
    """The shared phase of a class: classes 0–5 share one, 6–11 the next, …"""
    return list(SHARED_MOTIONS)[class_index // CLASSES_PER_SHARED_MOTION % len(SHARED_MOTIONS)]
