"""What one machine needs for one unit of each kind of work; measured, or made up in a test.

Memory is what the work takes beyond that of a process that has just imported its modules.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Linear:
    """Seconds (or bytes) that grow with the amount: `constant` + `slope` times units."""

    constant: float
    slope: float

    def __call__(self, units: float) -> float:
        return self.constant + self.slope * units


def fit_line(small: tuple[float, float], big: tuple[float, float]) -> Linear:
    """The line through two (units, cost) points; never falling, never below 0.

    Noise can put the small point above the line of the big one, so that the cost of nothing would
    be negative, or more units cheaper; then the big point, which is closer to the real amount,
    decides.
    """
    (small_units, small_cost), (big_units, big_cost) = small, big
    if big_units <= small_units:
        raise ValueError(f"want two amounts, the smaller first, got {small_units}, {big_units}")
    slope = max(0.0, (big_cost - small_cost) / (big_units - small_units))
    constant = big_cost - slope * big_units
    if constant < 0:
        return Linear(0.0, big_cost / big_units)
    return Linear(constant, slope)


@dataclass(frozen=True)
class StepCost:
    """One training step of a branch, by the snippets of its padded batch (B times T)."""

    seconds: Linear
    memory: Linear | None  # bytes at the peak; None where nobody can say


@dataclass(frozen=True)
class VideoRates:
    """Decoding and flow: seconds in one worker while all work. A px is one pixel of one frame."""

    decode_s_px: float  # of the source: decoding, conversion to RGB
    store_s_px: float  # of the stored frames: resizing, FFV1, writing
    frame_bytes_px: float  # of the stored frames
    flow_s_px: float  # of a field: reading the frames, the flow, quantising, writing
    flow_bytes_px: float
    memory: int | None = None  # bytes of one worker at its peak


@dataclass(frozen=True)
class EncoderRates:
    """Seconds a snippet in one worker while all work, reading the pictures included."""

    i3d_rgb_s: float
    i3d_flow_s: float
    clip_s: float
    i3d_memory: int | None = None  # bytes of one worker at its peak
    clip_memory: int | None = None


@dataclass(frozen=True)
class MethodRates:
    """Training, scoring and localization: one process with all cores."""

    warm_up: StepCost
    b_step: StepCost
    f_step: StepCost
    score_cbp_s: float  # a snippet
    score_vlp_s: float
    text_s: float  # building the text tower
    localize_s: float  # a video of the test split
    evaluate_s: float  # a video of the test split, pseudo-labels included
    cbp_bytes: int  # of a checkpoint
    vlp_bytes: int


@dataclass(frozen=True)
class MachineRates:
    """Starting Python, hashing, writing."""

    start_s: float  # a process that imports OpenCV and PyAV
    start_torch_s: float  # a process that imports torch and open_clip
    start_evaluate_s: float  # the stage evaluate, which needs torch and no encoder
    start_bytes: int  # memory of the first, and of the second
    start_torch_bytes: int
    sha256_s_byte: float
    md5_s_byte: float
    write_s_byte: float
    picture_s: float  # one picture of the summary


@dataclass(frozen=True)
class Rates:
    """All of them; a part is None where the data set has no such work."""

    machine: MachineRates
    method: MethodRates
    video: VideoRates | None = None
    encoders: EncoderRates | None = None
