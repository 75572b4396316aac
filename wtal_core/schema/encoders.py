"""Parameters of encoders (`encoders`, `i3d`, `clip` of dataset.yaml), of training small ones."""

from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

BackendName = Literal["torch", "compile", "openvino"]
Precision = Literal["fp32", "bf16"]


@dataclass(frozen=True)
class EncoderParams:
    """Who computes the networks, and in which numbers; the features' store records both.

    The defaults are the reference, and what a data set means that does not say: the same features
    on every machine. `auto` is the fastest that this machine has, see `encoders.backends`.
    """

    backend: Literal["auto", "torch", "compile", "openvino"] = "torch"
    precision: Literal["auto", "fp32", "bf16"] = "fp32"

    def __post_init__(self) -> None:
        for name, known in (("backend", BackendName), ("precision", Precision)):
            if getattr(self, name) not in ("auto", *get_args(known)):
                raise ValueError(
                    f"encoders.{name} is one of auto, {', '.join(get_args(known))}, "
                    f"got {getattr(self, name)!r}"
                )


@dataclass(frozen=True)
class I3dParams:
    """The two streams. A checkpoint says itself how wide its network is."""

    rgb: str = "encoders/i3d_rgb"  # checkpoint folder of the RGB stream, within the dataset's
    flow: str = "encoders/i3d_flow"  # checkpoint folder of the flow stream
    batch: int = 8  # snippets encoded at a time: memory against speed
    imported: str = ""  # folder of imported features, within the dataset's; empty: encode videos
    sha256: str = ""  # of that folder's content; `wtal import features` writes both keys

    def __post_init__(self) -> None:
        _check_at_least(1, "i3d", batch=self.batch)
        _check_imported("i3d", self.imported, self.sha256)


@dataclass(frozen=True)
class ClipParams:
    """The image and text towers. A checkpoint says itself which model of open_clip it is."""

    weights: str = "encoders/clip"  # checkpoint folder, within the dataset's
    batch: int = 32  # images encoded at a time: memory against speed
    imported: str = ""  # folder of imported features, within the dataset's; empty: encode videos
    sha256: str = ""  # of that folder's content; `wtal import features` writes both keys

    def __post_init__(self) -> None:
        _check_at_least(1, "clip", batch=self.batch)
        _check_imported("clip", self.imported, self.sha256)


@dataclass(frozen=True)
class I3dPretrainParams:
    """Training of a narrow I3D as a clip classifier."""

    width: float = 0.25  # share of I3D's channels
    epochs: int = 12
    batch: int = 16  # clips a step
    lr: float = 2e-3  # peak of the one-cycle schedule
    weight_decay: float = 1e-3
    label_smoothing: float = 0.05
    dropout: float = 0.1
    shift: int = 2  # px, largest random displacement of a clip; never a flip: directions matter
    brightness: float = 0.1  # largest random change of gain and offset, RGB only
    holdout: float = 0.1  # share of the clips that only measures accuracy

    def __post_init__(self) -> None:
        _check_training("i3d", self.epochs, self.batch, self.lr, self.weight_decay)
        _check_at_least(0, "i3d", shift=self.shift, brightness=self.brightness)
        if self.width <= 0:
            raise ValueError(f"i3d: width must be positive, got {self.width}")
        for name in ("label_smoothing", "dropout", "holdout"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"i3d: {name} must lie in [0, 1), got {getattr(self, name)}")


@dataclass(frozen=True)
class ClipPretrainParams:
    """Shape of a small CLIP and its contrastive training on image–caption pairs."""

    embed_dim: int = 64  # E, channels that image and text share
    image_size: int = 40  # px, side of the square that the image tower sees
    patch: int = 8  # px
    vision_width: int = 64
    vision_layers: int = 3
    text_width: int = 64
    text_layers: int = 2
    head_width: int = 32  # channels of one attention head, both towers
    context_length: int = 48  # tokens; must hold the prompts and the longest class name
    epochs: int = 40
    batch: int = 128  # pairs a step
    lr: float = 2e-3  # peak of the one-cycle schedule
    weight_decay: float = 0.05
    shift: int = 3  # px, largest random displacement of an image
    brightness: float = 0.2  # largest random change of gain and offset
    holdout: float = 0.1  # share of the pairs that only measures retrieval

    def __post_init__(self) -> None:
        _check_training("clip", self.epochs, self.batch, self.lr, self.weight_decay)
        _check_at_least(0, "clip", shift=self.shift, brightness=self.brightness)
        sizes = {k: v for k, v in asdict(self).items() if k.endswith(("_width", "_layers"))}
        _check_at_least(1, "clip", embed_dim=self.embed_dim, patch=self.patch, **sizes)
        _check_at_least(3, "clip", context_length=self.context_length)
        if self.batch < 2:
            raise ValueError(f"clip: batch must be >= 2, a pair needs another, got {self.batch}")
        if self.image_size % self.patch:
            raise ValueError(
                f"clip: image_size must be a multiple of patch, got {self.image_size}, {self.patch}"
            )
        for name in ("vision_width", "text_width"):
            if getattr(self, name) % self.head_width:
                raise ValueError(
                    f"clip: {name} must be a multiple of head_width, "
                    f"got {getattr(self, name)}, {self.head_width}"
                )
        if not 0 <= self.holdout < 1:
            raise ValueError(f"clip: holdout must lie in [0, 1), got {self.holdout}")

    def config(self) -> dict[str, Any]:
        """What `encoders.clip.build_clip` takes; a checkpoint keeps it as meta `config`."""
        return {
            "embed_dim": self.embed_dim,
            "vision_cfg": {
                "image_size": self.image_size,
                "patch_size": self.patch,
                "width": self.vision_width,
                "layers": self.vision_layers,
                "head_width": self.head_width,
            },
            "text_cfg": {
                "context_length": self.context_length,
                "width": self.text_width,
                "heads": self.text_width // self.head_width,
                "layers": self.text_layers,
            },
            "quick_gelu": True,
        }


def _check_training(section: str, epochs: int, batch: int, lr: float, weight_decay: float) -> None:
    _check_at_least(1, section, epochs=epochs, batch=batch)
    _check_at_least(0, section, weight_decay=weight_decay)
    if lr <= 0:
        raise ValueError(f"{section}: lr must be positive, got {lr}")


def _check_at_least(least: float, section: str, **values: float) -> None:
    for name, value in values.items():
        if value < least:
            raise ValueError(f"{section}: {name} must be >= {least}, got {value}")


def _check_imported(section: str, folder: str, sha256: str) -> None:
    """Both or neither: the hash is how the pipeline notices that other features were imported."""
    if bool(folder) != bool(sha256):
        raise ValueError(
            f"{section}: imported and sha256 stand together; `wtal import features` writes both"
        )
    if folder and (folder.startswith("/") or ".." in folder.split("/")):
        raise ValueError(f"{section}: imported must lie in the data set's folder, got {folder!r}")
    if sha256 and (len(sha256) != 64 or set(sha256) - set("0123456789abcdef")):
        raise ValueError(f"{section}: sha256 must be 64 hexadecimal digits, got {sha256!r}")
