"""The features of one new video, streamed through the run's encoders.

Letters: T snippets, D columns of I3D's two streams, E channels of CLIP.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from wtal_core.annotations import read_json
from wtal_core.checkpoint import load_checkpoint
from wtal_core.encoders.backends import Backend, resolve
from wtal_core.encoders.clip_net import open_clip_images
from wtal_core.encoders.i3d_net import open_i3d
from wtal_core.encoders.nets import Net, find_machine
from wtal_core.errors import WtalError
from wtal_core.params import read_facts
from wtal_core.predicting.ahead import Ahead, hired
from wtal_core.predicting.flow_check import check_flow
from wtal_core.predicting.settings import RunSettings
from wtal_core.predicting.streaming import LiveFrames, stream_snippets
from wtal_core.schema.encoders import EncoderParams
from wtal_core.video.decode import probe
from wtal_core.video.flow import prepare

Follow = Callable[[float, float], object]  # seconds of video done, seconds in all (0: not known)
Forward = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Encoded:
    """The features of one video."""

    source: Path
    i3d_TD: np.ndarray  # float16, RGB before flow
    clip_TE: np.ndarray  # float16
    duration_s: float  # of the file's pictures
    frames: int  # at the run's frame rate
    width: int  # of those frames, upright
    height: int
    broken: int  # packets and frames that did not decode
    work_s: float  # seconds that it took


class Encoders:
    """The three networks of a run, ready for any number of videos."""

    def __init__(self, run: RunSettings, threads: int) -> None:
        """Load them. threads: pairs of frames, or batches of snippets, that are worked on at once.

        Raises WtalError for weights that cannot be read, and for flow that is not the run's.
        """
        check_flow(run)
        self.run, self.threads = run, threads
        self.nets = open_nets(run, threads)
        self.forward: dict[str, Forward] = {
            "rgb": _i3d_forward(self.nets["rgb"]),
            "flow": _i3d_forward(self.nets["flow"]),
            "clip": _clip_forward(self.nets["clip"]),
        }
        prepare(run.flow)

    def encode(self, source: Path, follow: Follow | None = None) -> Encoded:
        """Features of a video file, the same numbers as the stages'.

        Decoding, flow and the networks work at the same time, with queues of bounded length
        between them: in memory are the pictures of `threads` + 3 batches of each network, whatever
        the video's length. `follow` hears after each snippet how far the work is. An error in any
        part, or Ctrl+C, ends all parts: what is in work is finished, nothing new is begun.
        Raises BadVideo for a file that cannot be used, WtalError for one whose pictures are too
        small.
        """
        run, start = self.run, time.perf_counter()
        total_s = probe(source).duration_s
        frames = LiveFrames(source, run.video)
        snippets = stream_snippets(frames, run.flow, run.grid, self.threads)
        with (
            _one_thread_an_operation(),
            Ahead(snippets, 2 * self.nets["rgb"].rows) as ready,
            hired(self.threads) as pool,
        ):
            batches = {
                name: _Batches(self.forward[name], net.rows, pool, self.threads)
                for name, net in self.nets.items()
            }
            for number, snippet in enumerate(ready):
                batches["rgb"].add(snippet.rgb)
                batches["flow"].add(snippet.flow)
                batches["clip"].add(snippet.centre)
                if follow is not None:
                    follow(float(run.grid.end_s(number)), total_s)
            feat = {name: one.finish() for name, one in batches.items()}
        return Encoded(
            source=source,
            i3d_TD=np.concatenate([feat["rgb"], feat["flow"]], axis=1),
            clip_TE=feat["clip"],
            duration_s=frames.duration_s,
            frames=frames.count,
            width=frames.size[0],
            height=frames.size[1],
            broken=frames.tally.broken,
            work_s=time.perf_counter() - start,
        )


class _Batches:
    """Pictures in, rows of features out, a batch at a time, a few batches at once."""

    def __init__(self, forward: Forward, size: int, pool: ThreadPoolExecutor, ahead: int) -> None:
        self.forward, self.size, self.pool, self.ahead = forward, size, pool, ahead
        self.held: list[np.ndarray] = []
        self.running: deque[Future[np.ndarray]] = deque()
        self.done: list[np.ndarray] = []

    def add(self, picture: np.ndarray) -> None:
        self.held.append(picture)
        while self.running and self.running[0].done():  # an error is told when it happens
            self._take()
        if len(self.held) == self.size:
            self._send()

    def finish(self) -> np.ndarray:
        """All rows, in order."""
        if self.held:
            self._send()
        while self.running:
            self._take()
        return np.concatenate(self.done)

    def _send(self) -> None:
        self.running.append(self.pool.submit(self.forward, np.stack(self.held)))
        self.held = []
        if len(self.running) > self.ahead:
            self._take()

    def _take(self) -> None:
        self.done.append(self.running.popleft().result())


def check_columns(run: RunSettings, columns: int) -> None:
    """Raise WtalError where CBP learnt from features of another width than the encoders give."""
    learnt = read_json(run.checkpoint("cbp") / "meta.json")["meta"]["in_channels"]
    if columns != learnt:
        raise WtalError(
            f"{run.checkpoint('cbp')}: trained on {learnt} columns of I3D features, but the "
            f"encoders {run.weights['i3d_rgb']} and {run.weights['i3d_flow']} give {columns}; put "
            "the encoders there that made those features"
        )


def backend_of(run: RunSettings, kind: str) -> Backend:
    """What made the run's own features of one kind, i3d or clip, whatever dataset.yaml says now.

    Where no store says it (other people's features), what `encoders` stands for on this machine.
    """
    imported = run.i3d.imported if kind == "i3d" else run.clip.imported
    store = run.store(kind)
    if store is not None and not imported:
        return Backend.of_record(read_json(store / "zarr.json").get("attributes", {}))
    asked = read_facts(run.data / "dataset.yaml", "encoders", EncoderParams, optional=True)
    return resolve(asked, find_machine())


def open_nets(run: RunSettings, threads: int) -> dict[str, Net]:
    """The three networks, by the backends of the run's features, for so many threads.

    Raises WtalError for weights or a machine that do not fit.
    """
    backend, found = backend_of(run, "i3d"), {}
    for name in ("rgb", "flow"):
        tensors, meta = load_checkpoint(run.weights[f"i3d_{name}"])
        sizes = (run.grid.window, run.video.crop, run.video.crop)
        found[name] = open_i3d(meta["width"], tensors, sizes, backend, run.i3d.batch, threads)
    check_columns(run, sum(net.dim for net in found.values()))
    tensors, meta = load_checkpoint(run.weights["clip"])
    backend = backend_of(run, "clip")
    found["clip"] = open_clip_images(meta["config"], tensors, backend, run.clip.batch, threads)
    return found


def _i3d_forward(net: Net) -> Forward:
    def forward(clips_BFHWC: np.ndarray) -> np.ndarray:
        clips = torch.from_numpy(clips_BFHWC).permute(0, 4, 1, 2, 3).float() / 127.5 - 1
        return _to_half(net(clips))

    return forward


def _clip_forward(net: Net) -> Forward:
    return lambda rgb_BHWC: _to_half(net(torch.from_numpy(rgb_BHWC)))


def _to_half(feat_BD: torch.Tensor) -> np.ndarray:
    rows: np.ndarray = feat_BD.half().numpy()
    return rows


@contextmanager
def _one_thread_an_operation() -> Iterator[None]:
    """As in the stages' processes, so that sums keep their order."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
