"""Paints planned videos, clips and images of the synthetic world, frame by frame."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from wtal_core.synthetic.motions import MOTIONS, Pose
from wtal_core.synthetic.world import SCENES, Actor, VideoPlan

SPRITE = 48  # px, side of an object's picture; its body is 20 px wide at a 64 px frame
MARGIN = 8  # px of scenery beyond the frame, for the camera's shake


def hue_rgb(hue: float, saturation: float = 0.85, value: float = 0.9) -> tuple[int, int, int]:
    """RGB 0..255 of an HSV colour, each of the three in 0..1."""
    hsv = np.array([[[hue * 180, saturation * 255, value * 255]]], dtype=np.uint8)
    r, g, b = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)[0, 0].tolist()
    return r, g, b


def look(class_index: int) -> tuple[int, float]:
    """Shape (0..5) and hue (0..1) of a class's object; together they tell the class."""
    return class_index % 6, (class_index * 5 % 12) / 12 + class_index // 12 / 24


def sprite(shape: int, hue: float, arms_up: bool) -> np.ndarray:
    """Picture of an object with its arms up or down: (48, 48, 4) float32 RGBA, alpha 0..1.

    A dark mark on one side makes turning visible; raised arms have bright hands.
    """
    scale = 4  # painted large and shrunk: smooth edges
    side = SPRITE * scale
    rgba = np.zeros((side, side, 4), np.uint8)
    c = side // 2
    r = 10 * scale
    limb = (240, 240, 240, 255) if arms_up else (90, 90, 90, 255)
    for sign in (-1, 1):
        elbow = (c + sign * int(1.2 * r), c)
        hand = (c + sign * int(1.5 * r), c - int(1.7 * r)) if arms_up else (elbow[0], c + r)
        cv2.line(rgba, (c, c), elbow, limb, 3 * scale)
        cv2.line(rgba, elbow, hand, limb, 3 * scale)
        if arms_up:
            cv2.circle(rgba, hand, 3 * scale, (255, 240, 80, 255), -1)
    sides = (64, 4, 3, 5, 6, 8)[shape]
    spin = math.pi / 4 if sides == 4 else -math.pi / 2
    angles = spin + np.arange(sides) * 2 * math.pi / sides
    radii = np.full(sides, float(r)) * (1.15 if sides < 5 else 1.0)
    if sides == 8:
        radii[1::2] *= 0.5  # a four-pointed star
    points = np.stack([c + radii * np.cos(angles), c + radii * np.sin(angles)], axis=1)
    cv2.fillPoly(rgba, [points.astype(np.int32)], (*hue_rgb(hue), 255))
    cv2.circle(rgba, (c + r // 2, c - r // 4), r // 4, (30, 30, 30, 255), -1)
    cv2.rectangle(rgba, (c - r // 2, c + r // 4), (c, c + r // 2), (30, 30, 30, 255), -1)
    small = cv2.resize(rgba, (SPRITE, SPRITE), interpolation=cv2.INTER_AREA).astype(np.float32)
    small[..., 3] /= 255
    return small


def scenery(scene: int, side: int, rng: np.random.Generator) -> np.ndarray:
    """Background of a video: (side, side, 3) float32, two tones by scene and a texture by `rng`."""
    sky = np.array(hue_rgb(scene / len(SCENES), 0.3, 0.7), np.float32)
    ground = np.array(hue_rgb(scene / len(SCENES) + 0.45 / len(SCENES), 0.45, 0.45), np.float32)
    horizon = int(side * rng.uniform(0.45, 0.7))
    picture = np.empty((side, side, 3), np.float32)
    picture[:horizon], picture[horizon:] = sky, ground
    coarse = rng.normal(0, 1, (6, 6, 1)).astype(np.float32)
    fine = rng.normal(0, 1, (20, 20, 1)).astype(np.float32)
    for texture, strength in ((coarse, 18.0), (fine, 10.0)):
        smooth = cv2.resize(texture, (side, side), interpolation=cv2.INTER_CUBIC)
        picture += strength * smooth[..., None]
    return cv2.GaussianBlur(picture, (3, 3), 0.6)


@dataclass
class Stage:
    """Scenery, light, camera and bystanders of one video; `frame` paints one moment of it."""

    size: int
    backdrop: np.ndarray
    shake: float
    noise: float
    rng: np.random.Generator
    light: float
    phases: np.ndarray
    bystanders: np.ndarray  # (n, 5): x, y, speed, radius, grey

    @classmethod
    def build(cls, scene: int, seed: int, size: int, shake: float, noise: float) -> "Stage":
        rng = np.random.default_rng(seed)
        backdrop = scenery(scene, size + 2 * MARGIN, rng)
        count = int(rng.integers(1, 4))
        bystanders = np.stack(
            [
                rng.uniform(0, 1, count),
                rng.choice([0.12, 0.88], count) + rng.uniform(-0.05, 0.05, count),
                rng.uniform(-0.12, 0.12, count),
                rng.uniform(1.5, 3.0, count),
                rng.uniform(40, 200, count),
            ],
            axis=1,
        )
        light = float(rng.uniform(0.04, 0.14))
        return cls(size, backdrop, shake, noise, rng, light, rng.uniform(0, 6.28, 4), bystanders)

    def frame(self, t: float, figures: list[tuple[np.ndarray, float, float, Pose]]) -> np.ndarray:
        """RGB (size, size, 3) uint8 at `t` seconds; figures are (sprite, x px, y px, pose)."""
        p = self.phases
        cx = self.shake * (math.sin(5.1 * t + p[0]) + 0.6 * math.sin(11.3 * t + p[1]))
        cy = self.shake * (math.sin(4.3 * t + p[2]) + 0.6 * math.sin(9.7 * t + p[3]))
        shift = np.array([[1, 0, cx - MARGIN], [0, 1, cy - MARGIN]], np.float32)
        picture: np.ndarray = cv2.warpAffine(
            self.backdrop, shift, (self.size, self.size), flags=cv2.INTER_LINEAR
        )
        for x, y, speed, radius, grey in self.bystanders:
            centre = (
                int(16 * (((x + speed * t) % 1.2 - 0.1) * self.size + cx)),
                int(16 * (y * self.size + cy)),
            )
            cv2.circle(picture, centre, int(16 * radius), (grey, grey, grey), -1, cv2.LINE_AA, 4)
        for image, x, y, pose in figures:
            _paste(picture, image, x + cx, y + cy, pose, self.size / 64)
        picture *= 1 + self.light * math.sin(0.6 * t + p[0])
        if self.noise > 0:
            picture += self.noise * self.rng.standard_normal(picture.shape, dtype=np.float32)
        return np.clip(picture, 0, 255).astype(np.uint8)


def _paste(
    picture: np.ndarray, image: np.ndarray, x: float, y: float, pose: Pose, unit: float
) -> None:
    """Blends a sprite into `picture` in place; `unit` is the length of one px of a 64 px frame."""
    angle = math.radians(pose.rotation)
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    shape = np.array([[pose.scale_x, pose.shear], [0.0, pose.scale_y]])
    matrix = unit * turn @ shape
    centre = np.array([x + unit * pose.dx, y + unit * pose.dy])
    offset = centre - matrix @ np.array([SPRITE / 2, SPRITE / 2])
    affine = np.concatenate([matrix, offset[:, None]], axis=1).astype(np.float32)
    side = picture.shape[0]
    layer = cv2.warpAffine(image, affine, (side, side), flags=cv2.INTER_LINEAR)
    alpha = layer[..., 3:]
    picture *= 1 - alpha
    picture += layer[..., :3] * alpha


def render_video(plan: VideoPlan, size: int, shake: float, noise: float) -> Iterator[np.ndarray]:
    """All frames of a planned video at its own frame rate, (size, size, 3) uint8 each."""
    stage = Stage.build(plan.scene, plan.scene_seed, size, shake, noise)
    sprites = {
        (a.class_index, up): sprite(*look(a.class_index), up)
        for a in plan.actors
        for up in (False, True)
    }
    for index in range(round(plan.duration_s * plan.fps)):
        t = index / plan.fps
        figures = [f for a in plan.actors if (f := _figure(a, t, sprites, size)) is not None]
        yield stage.frame(t, figures)


def _figure(
    actor: Actor, t: float, sprites: dict[tuple[int, bool], np.ndarray], size: int
) -> tuple[np.ndarray, float, float, Pose] | None:
    for piece in actor.pieces:
        if piece.start_s <= t < piece.end_s:
            done = (t - piece.start_s) / (piece.end_s - piece.start_s)
            x = piece.x0 + (piece.x1 - piece.x0) * done
            pose = MOTIONS[piece.motion](t - piece.start_s)
            return sprites[actor.class_index, piece.arms_up], x * size, piece.y * size, pose
    return None
