"""Peak memory of a process that encodes a film of 3 minutes, then one of 30; printed as JSON.

python -m tests.predicting.long_film FOLDER, where `tiny_trained.make_trained` has been
"""

import json
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from tests.video.films import picture
from wtal_core.encoders.windows import flow_or_still, snippet_batches
from wtal_core.grid import SnippetGrid
from wtal_core.planning.memory import peak_bytes
from wtal_core.predicting.encoding import Encoders
from wtal_core.predicting.settings import RunSettings, read_settings
from wtal_core.video import flow, frames
from wtal_core.video.extract import extract_frames

MINUTES = (3, 30)
FPS = 5


def main(folder: Path) -> None:
    """Both ways, each on the short film first."""
    run = read_settings(folder / "data" / "toy", "r1", folder / "params.yaml")
    # few snippets of few frames: it is the frames and the flow that could pile up
    shaping = replace(run.video, fps=float(FPS), short_side=0)
    run = replace(run, video=shaping, grid=SnippetGrid(FPS, 8, 75))
    films = [write_long(folder / f"{minutes}.mp4", minutes * 60 * FPS) for minutes in MINUTES]
    encoders = Encoders(run, 2)
    found: dict[str, list[float]] = {"frames": [], "one pass": [], "stages": []}
    for film in films:
        as_stages(film, run)
        found["stages"].append(peak_mb())
    # the peak of the stages' way, which needs less, hides nothing of this one's
    for film in films:
        found["frames"].append(encoders.encode(film).frames)
        found["one pass"].append(peak_mb())
    print(json.dumps(found))


def as_stages(film: Path, run: RunSettings) -> None:
    """What stages frames, flow and features_i3d read and write, less the network."""
    stored, fields = film.with_suffix(".frames.mkv"), film.with_suffix(".flow.mkv")
    n = extract_frames(film, stored, run.video).frames
    frames.write_flow(fields, flow.iter_flow(frames.iter_frames(stored), run.flow, 2), FPS)
    still = next(frames.iter_frames(stored))
    for pictures in (
        frames.iter_frames(stored),
        flow_or_still(frames.iter_flow(fields), still),
    ):
        for _ in snippet_batches(pictures, n, run.grid, run.video.crop, run.i3d.batch):
            pass


def write_long(path: Path, count: int) -> Path:
    """A film of so many frames, 64x48."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.time_base = Fraction(1, FPS)
        pictures = [picture(number, 48, 64) for number in range(48)]
        for number in range(count):
            frame = av.VideoFrame.from_ndarray(np.roll(pictures[number % 48], number // 48, 1))
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def peak_mb() -> float:
    """Of this program since it began.

    Not `ru_maxrss`: there a child begins with what its parent has in use, which may be more than
    all that is looked for.
    """
    peak = peak_bytes()
    assert peak is not None, "only Linux tells it"
    return peak / 1e6


if __name__ == "__main__":
    main(Path(sys.argv[1]))
