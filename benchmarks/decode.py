"""Our decoding beside OpenCV's: a video to RGB and grey pictures of the size that features take.

python -m benchmarks.decode [--clips DIR] [--trials 5] [--smoke] [--out DIR]
writes benchmarks/results/decode.json, .md and .svg, in some three minutes. Each way decodes a clip
in one thread, resizes to a short side of 256 pixels and makes a grey picture beside the RGB one.
The ways take turns on each clip; a ratio is that of two times of the same turn, and the median over
the turns counts. Beside the times: our timestamps against those of the container's packets.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import av
import cv2
import numpy as np
import typer

from benchmarks.harness import RESULTS, Row, take_turns, three, times_faster, write
from wtal_core.synthetic.encode import write_video
from wtal_core.video.clock import read_times
from wtal_core.video.decode import decode
from wtal_core.video.resample import resize

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared" / "reference" / "videos"
SHORT_SIDE = 256
TARGET = 0.9
EXACT_S = 1e-9  # beyond the rounding of seconds as floating-point numbers
LEAST_FRAMES = 100  # of a clip; over shorter ones opening the file would be measured
COMPARED = 50  # frames of a clip whose pictures are compared
Way = Callable[[Path], Iterator[object]]  # file -> something for each frame


def by_opencv(clip: Path) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The anchor: VideoCapture with FFmpeg, one thread."""
    for bgr in _opencv_frames(clip):
        small = resize(bgr, SHORT_SIDE)
        yield cv2.cvtColor(small, cv2.COLOR_BGR2RGB), cv2.cvtColor(small, cv2.COLOR_BGR2GRAY)


def by_us(clip: Path) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """What stage frames and `wtal predict` decode with."""
    for frame in decode(clip):
        small = resize(frame.rgb, SHORT_SIDE)
        yield small, cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)


def by_swscale(clip: Path) -> Iterator[list[np.ndarray]]:
    """PyAV, where FFmpeg resizes and converts, once for each kind of picture."""
    for frame in bare(clip):
        scale = SHORT_SIDE / min(frame.width, frame.height)
        width, height = round(scale * frame.width), round(scale * frame.height)
        yield [
            frame.reformat(width, height, layout, threads=1).to_ndarray()
            for layout in ("rgb24", "gray")
        ]


def bare(clip: Path) -> Iterator[av.VideoFrame]:
    """The limit: decoding alone, pictures left as the codec has them."""
    with av.open(str(clip)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        yield from container.decode(stream)


WAYS: dict[str, Way] = {
    "opencv": by_opencv, "ours": by_us, "PyAV, swscale": by_swscale, "decoding alone": bare,
}  # fmt: skip
ANCHOR = "opencv"


def main(
    clips: Annotated[Path, typer.Option(help="where videos lie")] = SHARED,
    trials: Annotated[int, typer.Option(help="turns of all ways on each clip")] = 5,
    smoke: Annotated[bool, typer.Option("--smoke", help="does it run? no figures")] = False,
    out: Annotated[Path, typer.Option(help="folder of the results")] = RESULTS,
) -> None:
    """Measure, and write the figures, a page and a plot."""
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as made:
        chosen = [] if smoke else find_clips(clips)
        enlarged = Path(made) / "720p.mp4"
        enlarge(chosen[-1] if chosen else None, enlarged, (180, 320) if smoke else (720, 1280))
        found: dict[str, Any] = {"trials": 1 if smoke else trials, "short_side": SHORT_SIDE}
        found["clips"] = {clip.name: measure(clip, found["trials"]) for clip in [*chosen, enlarged]}
    clips_found = found["clips"].values()
    for clock in ("faster_cpu", "faster_wall"):
        found[clock] = three(statistics.median(row[clock] for row in clips_found))
    write(out, "decode", found, judge(found), describe(found))


def judge(found: dict[str, Any]) -> list[Row]:
    """The rows of the common table: the median over the clips, and the clip that does worst."""
    by_clip = found["clips"]
    least = min(by_clip, key=lambda name: by_clip[name]["faster_cpu"])
    late = [row["late_s"] for row in by_clip.values()]
    levels = max(row["levels_most"] for row in by_clip.values())
    accuracy = f"timestamps off by {1e3 * max(late):g} ms, pictures by {levels} of 255 at most"
    bare_ms = statistics.median(row["ms"]["decoding alone"] for row in by_clip.values())
    ours_ms = statistics.median(row["ms"]["ours"] for row in by_clip.values())
    return [
        Row(
            what=f"decode + resize to RGB and grey, {which}",
            anchor="OpenCV, one thread",
            target=TARGET,
            measured=measured,
            accuracy=accuracy,
            accurate=all(0 <= one <= EXACT_S for one in late) and levels <= 1,
            limit=f"decoding alone {bare_ms:.2g} of {ours_ms:.2g} ms a frame",
        )
        for which, measured in (
            (f"median of {len(by_clip)} clips", found["faster_cpu"]),
            (f"{least}, the least", by_clip[least]["faster_cpu"]),
        )
    ]


def find_clips(folder: Path) -> list[Path]:
    """The videos under a folder that are long enough, by name."""
    paths = sorted(p for p in folder.rglob("*") if p.suffix in (".mp4", ".mkv", ".avi", ".mov"))
    return [path for path in paths if len(read_times(path)[0]) >= LEAST_FRAMES]


def enlarge(clip: Path | None, target: Path, size: tuple[int, int]) -> Path:
    """Write 100 frames of a clip, of (height, width) `size`, with noise as a sensor adds it.

    Without a clip they are made up.
    """
    rng = np.random.default_rng(0)
    height, width = size
    y, x = np.mgrid[:height, :width]
    scenes = (frame.rgb for frame in decode(clip)) if clip else (
        np.stack([x + n, y - n, x + y], axis=-1).astype(np.uint8) for n in range(100)
    )  # fmt: skip

    def noisy() -> Iterator[np.ndarray]:
        for rgb in islice(scenes, 100):
            large = cv2.resize(rgb, (width, height), interpolation=cv2.INTER_CUBIC)
            noise = rng.normal(0, 4, (height, width, 1)).astype(np.int16)
            yield np.clip(large + noise, 0, 255).astype(np.uint8)

    write_video(target, noisy(), 25)
    return target


def measure(clip: Path, trials: int) -> dict[str, Any]:
    """Times of all ways in turns, and how exact ours is."""
    counts = {name: _run(way, clip) for name, way in WAYS.items()}  # fills caches
    clocks = {name: partial(_run, way, clip) for name, way in WAYS.items()}
    cpu = take_turns(clocks, trials)
    wall = take_turns(clocks, trials, time.perf_counter)
    print(f"{clip.name}: {counts['ours']} frames", file=sys.stderr)
    return {
        "frames": counts,
        "ms": {name: three(1e3 * statistics.median(cpu[name]) / counts[name]) for name in WAYS},
        "faster_cpu": times_faster(cpu[ANCHOR], cpu["ours"]),
        "faster_wall": times_faster(wall[ANCHOR], wall["ours"]),
        "swscale_cpu": times_faster(cpu[ANCHOR], cpu["PyAV, swscale"]),
        **compare_times(clip),
        **compare_pictures(clip),
    }


def compare_times(clip: Path) -> dict[str, float]:
    """Largest distance in seconds of ours, and of OpenCV's, to the container's timestamps.

    -1 where there are not as many frames as the container has.
    """
    true_F = read_times(clip)[0]
    ours_F = np.array([frame.pts_s for frame in decode(clip)])
    reader = cv2.VideoCapture(str(clip), cv2.CAP_FFMPEG)
    opencv = []
    while reader.grab():
        opencv.append(reader.get(cv2.CAP_PROP_POS_MSEC) / 1e3)
    theirs_F = np.array(opencv) - opencv[0]
    return {
        name: float(f"{np.abs(at_F - true_F).max():.2g}") if len(at_F) == len(true_F) else -1.0
        for name, at_F in (("late_s", ours_F), ("opencv_late_s", theirs_F))
    }


def compare_pictures(clip: Path) -> dict[str, float]:
    """Distance of our RGB pictures to OpenCV's in levels of 255, over the first frames."""
    pairs = zip(decode(clip), _opencv_frames(clip), strict=False)
    apart = [
        np.abs(ours.rgb.astype(np.int16) - bgr[..., ::-1]) for ours, bgr in islice(pairs, COMPARED)
    ]
    return {
        "levels": three(float(np.mean([one.mean() for one in apart]))),
        "levels_most": int(max(one.max() for one in apart)),
    }


def describe(found: dict[str, Any]) -> list[str]:
    """The Markdown page."""
    lines = [
        "# Decoding to RGB and grey",
        "",
        f"Written by `python -m benchmarks.decode`: each clip decoded, resized to a short side of "
        f"{found['short_side']} pixels, RGB and grey, one thread; milliseconds of CPU time a "
        f"frame, medians of {found['trials']} turns. `faster` is OpenCV's time over ours, target "
        f"at least {TARGET}. `late` is the largest distance of a timestamp to the container's in "
        "ms, ours and OpenCV's (–: it gave another number of frames); `levels` the mean and the "
        "largest distance of our RGB pictures to OpenCV's, of 255.",
        "",
        f"| clip | frames | {' | '.join(WAYS)} | faster | by the clock | late | OpenCV | levels |",
        f"|---|---|{'---|' * len(WAYS)}---|---|---|---|---|",
    ]
    for name, row in found["clips"].items():
        times = " | ".join(f"{row['ms'][way]:.3g}" for way in WAYS)
        lines.append(
            f"| {name} | {row['frames']['ours']} | {times} | {row['faster_cpu']:.2f}x | "
            f"{row['faster_wall']:.2f}x | {_late(row['late_s'])} | {_late(row['opencv_late_s'])} | "
            f"{row['levels']:.2g}, {row['levels_most']} |"
        )
    lines += [
        "",
        f"Median over the clips: {found['faster_cpu']:.2f}x by CPU time, "
        f"{found['faster_wall']:.2f}x by the clock.",
    ]
    return lines


def _opencv_frames(clip: Path) -> Iterator[np.ndarray]:
    reader = cv2.VideoCapture(str(clip), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
    while (read := reader.read())[0]:
        yield read[1]


def _run(way: Way, clip: Path) -> int:
    return sum(1 for _ in way(clip))


def _late(seconds: float) -> str:
    return "–" if seconds < 0 else f"{1e3 * seconds:.2g}"


if __name__ == "__main__":
    typer.run(main)
