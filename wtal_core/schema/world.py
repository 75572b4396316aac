"""Parameters of the synthetic world: another seed, size or class count gives another world."""

from dataclasses import dataclass


@dataclass(frozen=True)
class WorldParams:
    """Section `world` of params.yaml."""

    seed: int = 0  # the whole world follows from it: videos, clips, captions
    classes: int = 12  # ≥ 12 keeps the uniform softmax 1/C under thresholds.delta_l = .1
    train_videos: int = 48
    test_videos: int = 36
    size: int = 64  # px, side of a rendered square frame
    min_length_s: float = 32.0  # shortest untrimmed video; ≥ 15, so that each shows an action
    max_length_s: float = 56.0  # longest untrimmed video
    two_label_fraction: float = 0.25  # share of videos that show two classes
    peak_fraction: float = 0.25  # share of an action that is particular to its class
    noise: float = 4.0  # grey levels, standard deviation of the sensor noise
    shake: float = 0.6  # px, amplitude of the camera's shake
    clips_per_motion: int = 48  # trimmed clips a motion, for pre-training I3D
    images: int = 3000  # image–caption pairs, for pre-training CLIP

    def __post_init__(self) -> None:
        if not 2 <= self.classes <= 24:
            raise ValueError(f"world.classes must lie in 2..24, got {self.classes}")
        if self.min_length_s > self.max_length_s or self.min_length_s < 15:
            raise ValueError(
                "world.min_length_s must lie in 15..max_length_s (an action needs room), "
                f"got {self.min_length_s}"
            )
        if not 0 < self.peak_fraction < 1:
            raise ValueError(f"world.peak_fraction must lie in (0, 1), got {self.peak_fraction}")
        if min(self.train_videos, self.test_videos, self.clips_per_motion, self.images) < 1:
            raise ValueError(
                "world: train_videos, test_videos, clips_per_motion, images must be >= 1"
            )
