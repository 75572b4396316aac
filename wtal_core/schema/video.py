"""Parameters of decoding and optical flow (sections `video` and `flow` of dataset.yaml)."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class VideoParams:
    """How a video file becomes frames."""

    fps: float = 25.0  # frames per second after resampling
    short_side: int = 256  # pixels of the shorter side after resizing; 0 keeps the size
    crop: int = 224  # side of the square that the encoders cut out; <= short_side

    def __post_init__(self) -> None:
        if not 0 < self.fps <= 240:
            raise ValueError(f"video.fps must lie in (0, 240], got {self.fps}")
        if self.short_side < 0 or self.short_side == 1:
            raise ValueError(f"video.short_side must be 0 or at least 2, got {self.short_side}")
        if self.crop < 1 or (self.short_side and self.crop > self.short_side):
            raise ValueError(
                f"video.crop must lie in 1..short_side ({self.short_side}), got {self.crop}"
            )


@dataclass(frozen=True)
class FlowParams:
    """Optical flow between consecutive frames; TV-L1's defaults are OpenCV's."""

    method: Literal["tvl1", "tvl1_fast", "dis"] = "tvl1"
    # Who computes TV-L1: opencv is the reference; numba and compiled are our own code for it and
    # give the same bytes as each other; cuda is the same on a GPU, whose flow records tell apart;
    # auto is cuda where there is one, else compiled where there is a compiler, else numba, and
    # OpenCV for what our code does not have (dis, an illumination channel).
    backend: Literal["opencv", "auto", "numba", "compiled", "cuda"] = "auto"
    bound: float = 20.0  # pixels; flow is clipped to ±bound and stored in 8 bits
    time_step: float = 0.25  # τ of the dual ascent
    attachment: float = 0.15  # λ, weight of the data term: smaller is smoother
    tightness: float = 0.3  # θ, coupling of flow and its auxiliary variable
    illumination: float = 0.0  # γ, weight of the brightness-change channel; 0 is off
    scales: int = 5  # levels of the image pyramid
    scale_step: float = 0.8  # size of a level over the size of the finer one
    warps: int = 5  # warps of the second image at each level
    epsilon: float = 0.01  # inner iterations stop below this mean change
    inner_iterations: int = 30
    outer_iterations: int = 10
    median_filter: int = 5  # side of the median filter on the flow; 1 is off
    preset: Literal["ultrafast", "fast", "medium"] = "medium"  # of DIS

    def __post_init__(self) -> None:
        if self.method not in ("tvl1", "tvl1_fast", "dis"):
            raise ValueError(f"flow.method is one of tvl1, tvl1_fast, dis, got {self.method!r}")
        if self.backend not in ("opencv", "auto", "numba", "compiled", "cuda"):
            raise ValueError(
                f"flow.backend is one of opencv, auto, numba, compiled, cuda, got {self.backend!r}"
            )
        if self.backend in ("numba", "compiled", "cuda") and self.needs_opencv:
            raise ValueError(
                f"flow.backend {self.backend} has neither dis nor an illumination channel; "
                "for them set it to auto or opencv"
            )
        if self.preset not in ("ultrafast", "fast", "medium"):
            raise ValueError(f"flow.preset: ultrafast, fast or medium, got {self.preset!r}")
        for name in ("bound", "time_step", "attachment", "tightness", "epsilon"):
            if not getattr(self, name) > 0:
                raise ValueError(f"flow.{name} must be positive, got {getattr(self, name)}")
        for name in ("scales", "warps", "inner_iterations", "outer_iterations"):
            if getattr(self, name) < 1:
                raise ValueError(f"flow.{name} must be at least 1, got {getattr(self, name)}")
        if not 0 < self.scale_step < 1:
            raise ValueError(f"flow.scale_step must lie in (0, 1), got {self.scale_step}")
        if self.illumination < 0:
            raise ValueError(f"flow.illumination must be at least 0, got {self.illumination}")
        if self.median_filter not in (1, 3, 5):
            raise ValueError(f"flow.median_filter is 1, 3 or 5, got {self.median_filter}")

    @property
    def needs_opencv(self) -> bool:
        """Whether only OpenCV has what is asked for."""
        return self.method == "dis" or self.illumination > 0

    @property
    def ours(self) -> bool:
        """Whether our own code computes the flow."""
        return self.backend != "opencv" and not self.needs_opencv
