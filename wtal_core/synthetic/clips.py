"""Trimmed clips and captioned images that pre-train the demo's small encoders.

They are rendered apart from the videos: own random streams, any object with any motion, so that a
clip's label is its motion alone and an image's caption tells its object and scene. Neither ever
sees an untrimmed video, a segment or the videos' random numbers.
"""

from collections.abc import Iterator

import cv2
import numpy as np

from wtal_core.schema.world import WorldParams
from wtal_core.synthetic.motions import (
    BACKGROUND_MOTIONS,
    MOTIONS,
    PEAK_MOTIONS,
    SHARED_MOTIONS,
    Pose,
)
from wtal_core.synthetic.render import Stage, look, sprite
from wtal_core.synthetic.world import (
    NOUNS,
    SCENES,
    SPLITS,
    class_names,
    home_scene,
    shared_motion_of,
)

CLIP_FPS = 25.0


def motion_vocabulary(classes: int) -> tuple[str, ...]:
    """Labels of the clip classifier: peaks, shared phases in use, and what is no action."""
    shared = [m for m in SHARED_MOTIONS if m in {shared_motion_of(c) for c in range(classes)}]
    return (*list(PEAK_MOTIONS)[:classes], *shared, *BACKGROUND_MOTIONS)


def render_clip(params: WorldParams, index: int, frames: int, side: int) -> tuple[np.ndarray, int]:
    """Clip number `index`: (frames, side, side, 3) uint8 and its label in `motion_vocabulary`."""
    motions = motion_vocabulary(params.classes)
    label = index % len(motions)
    rng = np.random.default_rng([params.seed, SPLITS["clips"], index])
    stage = Stage.build(
        int(rng.integers(len(SCENES))),
        int(rng.integers(2**31)),
        params.size,
        params.shake,
        params.noise,
    )
    # any shape in any colour: what an object looks like must not tell how it moves
    image = sprite(int(rng.integers(6)), float(rng.random()), bool(rng.random() < 0.5))
    x, y = rng.uniform(0.3, 0.7) * params.size, rng.uniform(0.42, 0.62) * params.size
    motion = MOTIONS[motions[label]]
    pace = (
        rng.choice([-1, 1]) * rng.uniform(0.25, 0.55) * params.size
        if motions[label] == "walk"
        else 0.0
    )
    start_s = float(rng.uniform(0, 4))
    picture = np.empty((frames, side, side, 3), np.uint8)
    for f in range(frames):
        t = f / CLIP_FPS
        place = x + pace * (t - frames / CLIP_FPS / 2)
        raw = stage.frame(start_s + t, [(image, place, y, motion(start_s + t))])
        picture[f] = cv2.resize(raw, (side, side), interpolation=cv2.INTER_AREA)
    return picture, label


def render_images(params: WorldParams, side: int) -> Iterator[tuple[np.ndarray, str]]:
    """`params.images` pairs of an image (side, side, 3) uint8 and its caption."""
    for index in range(params.images):
        rng = np.random.default_rng([params.seed, SPLITS["images"], index])
        shown = int(rng.integers(params.classes)) if rng.random() < 0.85 else None
        home = (
            SCENES[home_scene(shown)]
            if shown is not None and rng.random() < 0.3
            else rng.choice(SCENES)
        )
        scene = SCENES.index(str(home))
        stage = Stage.build(
            scene, int(rng.integers(2**31)), params.size, params.shake, params.noise
        )
        figures = []
        arms_up = bool(rng.random() < 0.5)
        if shown is not None:
            pose = Pose(
                rotation=float(rng.uniform(-180, 180)) if rng.random() < 0.25 else 0.0,
                scale_x=float(rng.uniform(0.7, 1.3)),
                scale_y=float(rng.uniform(0.7, 1.3)),
                shear=float(rng.uniform(-0.4, 0.4)) if rng.random() < 0.25 else 0.0,
            )
            x, y = rng.uniform(0.25, 0.75) * params.size, rng.uniform(0.4, 0.65) * params.size
            figures.append((sprite(*look(shown), arms_up), float(x), float(y), pose))
        raw = stage.frame(float(rng.uniform(0, 10)), figures)
        yield (
            cv2.resize(raw, (side, side), interpolation=cv2.INTER_AREA),
            _caption(shown, scene, arms_up, params, rng),
        )


def _caption(
    shown: int | None, scene: int, arms_up: bool, params: WorldParams, rng: np.random.Generator
) -> str:
    """What a web page would say: the object, often its scene, sometimes its usual activity or pose.

    The activity is named whether or not the object is doing it: the co-occurrence prior that makes
    a language model fire over a whole visit.
    """
    if shown is None:
        return f"an empty {SCENES[scene]}"
    noun = NOUNS[shown].lower()
    verb = class_names(params.classes)[shown].removeprefix(NOUNS[shown]).lower()
    text = f"a photo of a {noun} {verb}" if rng.random() < 0.4 else f"a photo of a {noun}"
    if rng.random() < 0.3:
        text += f" in the {SCENES[scene]}"
    if rng.random() < 0.6:
        text += " with arms up" if arms_up else " with arms down"
    return text
