"""Which file format for decoded frames and quantised flow? Prints a Markdown table per kind.

python -m benchmarks.frames_format [CLIP]: tiny synthetic frames (40x40), and CLIP (the default is
the reference clip beside the repository) at its own size. Times are of one process, page cache
warm; "snippet" is 16 consecutive frames at a random place.
"""

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numcodecs import Zstd  # type: ignore[import-untyped]

from wtal_core.schema.video import FlowParams
from wtal_core.video import frames as ours
from wtal_core.video.decode import decode
from wtal_core.video.flow import iter_flow

CLIP = Path(__file__).parents[2] / "shared/reference/videos/mmaction2/test.mp4"
SNIPPET = 16


@dataclass(frozen=True)
class Format:
    """Write an (F, H, W, C) array; read frames first to last, last excluded, None to the end."""

    write: Callable[[Path, np.ndarray], object]
    read: Callable[[Path, int, int | None], np.ndarray]


def raw() -> Format:
    """One .npy file, mapped into memory."""

    def write(path: Path, a: np.ndarray) -> None:
        with path.open("wb") as file:
            np.save(file, a)

    return Format(write, lambda path, i, j: np.array(np.load(path, mmap_mode="r")[i:j]))


def packed(
    encode: Callable[[np.ndarray], bytes], decode_one: Callable[[bytes], np.ndarray], group: int
) -> Format:
    """Blobs of `group` frames behind a table of their lengths."""

    def write(path: Path, a: np.ndarray) -> None:
        blobs = [encode(a[i : i + group]) for i in range(0, len(a), group)]
        path.write_bytes(
            np.array([len(blobs), *map(len, blobs)], "<i8").tobytes() + b"".join(blobs)
        )

    def read(path: Path, first: int, last: int | None) -> np.ndarray:
        with path.open("rb") as file:
            count = int.from_bytes(file.read(8), "little")
            ends = np.cumsum(np.frombuffer(file.read(8 * count), "<i8")) + 8 + 8 * count
            starts = np.r_[8 + 8 * count, ends[:-1]]
            begin, end = first // group, count if last is None else -(-last // group)
            file.seek(starts[begin])
            parts = [decode_one(file.read(ends[i] - starts[i])) for i in range(begin, end)]
        a = np.concatenate(parts)
        return a[first - begin * group :][: None if last is None else last - first]

    return Format(write, read)


def zstd(shape: tuple[int, ...], delta: bool) -> Format:
    """Groups of 16 frames, each frame less the one before if `delta`."""
    codec = Zstd(level=3)

    def encode(a: np.ndarray) -> bytes:
        a = np.concatenate([a[:1], np.diff(a, axis=0)]) if delta else a
        return bytes(codec.encode(np.ascontiguousarray(a)))

    def decode_one(blob: bytes) -> np.ndarray:
        a = np.frombuffer(codec.decode(blob), np.uint8).reshape(-1, *shape)
        return np.cumsum(a, axis=0, dtype=np.uint8) if delta else a

    return packed(encode, decode_one, SNIPPET)


def images(suffix: str, *options: int) -> Format:
    """One picture per frame, all in one file; flow as its x and y side by side in grey."""

    def encode(a: np.ndarray) -> bytes:
        flow = a.shape[-1] == 2
        picture = np.concatenate([a[0, ..., 0], a[0, ..., 1]], 1) if flow else a[0, ..., ::-1]
        return cv2.imencode(suffix, picture, options)[1].tobytes()

    def decode_one(blob: bytes) -> np.ndarray:
        picture = np.asarray(cv2.imdecode(np.frombuffer(blob, np.uint8), cv2.IMREAD_UNCHANGED))
        if picture.ndim == 2:
            return np.stack(np.split(picture, 2, axis=1), axis=-1)[None]
        return picture[None, ..., ::-1]

    return packed(encode, decode_one, 1)


def x264(encoder: str, pix_fmt: str, **options: str) -> Format:
    """H.264 in Matroska; read from the key frame before."""

    def write(path: Path, a: np.ndarray) -> None:
        with av.open(str(path), "w", format="matroska") as container:
            knobs = {"preset": "veryfast"} | options
            stream: Any = container.add_stream(encoder, rate=25, options=knobs)
            stream.height, stream.width, stream.pix_fmt = *a.shape[1:3], pix_fmt
            stream.codec_context.thread_count = 1
            for rgb in a:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(rgb, format="rgb24")))
            container.mux(stream.encode())

    def read(path: Path, first: int, last: int | None) -> np.ndarray:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            stream.codec_context.thread_count = 1
            container.seek(first * 40, stream=stream)  # milliseconds at 25 frames/s
            late = (f for f in container.decode(stream) if f.pts is not None)
            wanted = (f for f in late if round((f.pts or 0) / 40) >= first)
            count = None if last is None else last - first
            return np.stack([f.to_ndarray(format="rgb24") for f in islice(wanted, count)])

    return Format(write, read)


def stored() -> Format:
    """What the project uses (video/frames.py): FFV1, all key frames."""

    def read(path: Path, first: int, last: int | None) -> np.ndarray:
        flow = path.suffix == ".flow"
        if last is None:
            return ours.read_flow(path) if flow else ours.read_frames(path)
        return (ours.read_flow_at if flow else ours.read_frames_at)(path, range(first, last))

    def write(path: Path, a: np.ndarray) -> None:
        if path.suffix == ".flow":
            ours.write_flow(path, a)
        else:
            ours.write_frames(path, a, 25.0)

    return Format(write, read)


def formats(a: np.ndarray) -> Iterator[tuple[str, Format]]:
    """The candidates that can hold `a`."""
    shape = a.shape[1:]
    yield "raw .npy", raw()
    yield "zstd-3, groups of 16", zstd(shape, delta=False)
    yield "zstd-3, groups of 16, differences", zstd(shape, delta=True)
    yield "FFV1, key frames only (chosen)", stored()
    yield "PNG", images(".png", cv2.IMWRITE_PNG_COMPRESSION, 1)
    yield "JPEG, quality 95", images(".jpg", cv2.IMWRITE_JPEG_QUALITY, 95)
    if shape[-1] == 3:
        yield "x264 RGB lossless, groups of 16", x264("libx264rgb", "rgb24", qp="0", g="16")
        yield "x264 4:2:0 crf 12, key frames only", x264("libx264", "yuv420p", crf="12", g="1")
        yield "x264 4:2:0 crf 12, groups of 16", x264("libx264", "yuv420p", crf="12", g="16")


def synthetic(count: int = 200, side: int = 40) -> np.ndarray:
    """(F, H, W, 3) waves, a moving disc and a little noise."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:side, :side]
    out = np.empty((count, side, side, 3), np.uint8)
    for f in range(count):
        disc = (x - 20 - 10 * np.sin(f / 7)) ** 2 + (y - 20 - 8 * np.cos(f / 5)) ** 2 < 40
        scene = 90 + 40 * np.sin(x / 6 + f / 50)[..., None] * (1, 0.8, 0.6)
        scene = scene + disc[..., None] * (90, -40, 30) + rng.normal(0, 1.5, scene.shape)
        out[f] = np.clip(scene, 0, 255)
    return out


def measure(a: np.ndarray, suffix: str) -> None:
    """Print one table."""
    print("| format | KB a frame | write frames/s | read frames/s | snippet ms | largest error |")
    print("|---|---|---|---|---|---|")
    starts = np.random.default_rng(1).integers(0, len(a) - SNIPPET, 10)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"a{suffix}"
        for name, form in formats(a):
            ticks = [time.perf_counter()]
            form.write(path, a)
            ticks.append(time.perf_counter())
            back = form.read(path, 0, None)
            ticks.append(time.perf_counter())
            for i in starts:
                found = form.read(path, int(i), int(i) + SNIPPET)
                assert len(found) == SNIPPET
            ticks.append(time.perf_counter())
            write_s, read_s, snippets_s = np.diff(ticks)
            error = int(np.abs(back.astype(int) - a).max())
            size = path.stat().st_size / len(a) / 1e3
            snippet = snippets_s / len(starts) * 1e3
            print(
                f"| {name} | {size:.2f} | {len(a) / write_s:.0f} | "
                f"{len(a) / read_s:.0f} | {snippet:.1f} | {error or 'none'} |"
            )
            path.unlink()


def main() -> None:
    """Measure all formats on all kinds of content."""
    clip = Path(sys.argv[1]) if len(sys.argv) > 1 else CLIP
    real = np.stack([frame.rgb for frame in islice(decode(clip), 100)])
    for title, a in (("synthetic", synthetic()), (clip.name, real)):
        print(f"\n{title}, RGB, {a.shape}\n")
        measure(a, ".rgb")
        fields = np.stack(list(iter_flow(a, FlowParams(method="dis"))))
        print(f"\n{title}, flow, {fields.shape}\n")
        measure(fields, ".flow")


if __name__ == "__main__":
    main()
