"""Frame times without decoding agree with those of decoding."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from tests.closure import ROOT
from wtal_core.errors import BadVideo
from wtal_core.video.clock import read_times
from wtal_core.video.decode import decode

VIDEOS = ROOT.parent / "shared/reference/videos"


def write_video(path: Path, pts_ms: list[int], codec: str) -> None:
    """A grey video with a frame at each of these milliseconds."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        stream.codec_context.time_base = stream.time_base = Fraction(1, 1000)
        for n, pts in enumerate(pts_ms):
            frame = av.VideoFrame.from_ndarray(np.full((32, 32, 3), 5 * n, np.uint8), "rgb24")
            frame.pts, frame.time_base = pts, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


@pytest.mark.parametrize(("name", "codec"), [("v.mkv", "ffv1"), ("v.mp4", "libx264")])
def test_a_variable_rate(tmp_path: Path, name: str, codec: str) -> None:
    """libx264 stores frames in another order than they are shown; the file begins at 70 ms."""
    pts_ms = [70, 110, 400, 420, 1000, 1040, 1080, 1500, 1510, 1800]
    write_video(tmp_path / name, pts_ms, codec)
    pts_s, end_s = read_times(tmp_path / name)
    assert pts_s == pytest.approx((np.array(pts_ms) - 70) / 1000, abs=1e-3)
    shown = list(decode(tmp_path / name))
    assert pts_s.tolist() == pytest.approx([one.pts_s for one in shown])
    assert end_s == pytest.approx(shown[-1].pts_s + shown[-1].duration_s)


@pytest.mark.reference
@pytest.mark.skipif(not VIDEOS.is_dir(), reason="no ../shared/reference/videos")
def test_real_clips() -> None:
    """Matroska, AVI, QuickTime, a variable rate, frames out of order."""
    clips = [p for p in VIDEOS.rglob("*") if p.suffix in (".mp4", ".mkv", ".avi", ".mov")]
    assert len(clips) >= 9
    for clip in clips:
        shown = list(decode(clip))
        pts_s, end_s = read_times(clip)
        assert pts_s.tolist() == pytest.approx([one.pts_s for one in shown], abs=1e-4), clip.name
        assert end_s == pytest.approx(shown[-1].pts_s + shown[-1].duration_s, abs=1e-3)


def test_what_is_no_video(tmp_path: Path) -> None:
    (tmp_path / "v.mp4").write_bytes(b"")
    with pytest.raises(BadVideo, match="E102"):
        read_times(tmp_path / "v.mp4")
