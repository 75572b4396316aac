"""What the FFmpeg inside PyAV can do."""

import av

# What people's videos come in, and FFV1, in which frames are stored.
NEEDED = ("h264", "hevc", "vp8", "vp9", "av1", "mpeg4", "mpeg2video", "mjpeg", "ffv1")


def lacking_codecs() -> list[str]:
    """The needed codecs that this FFmpeg does not know."""
    return [name for name in NEEDED if name not in av.codecs_available]


def library_versions() -> dict[str, str]:
    """FFmpeg's libraries, as PyAV brings them."""
    return {name: ".".join(map(str, v)) for name, v in sorted(av.library_versions.items())}
