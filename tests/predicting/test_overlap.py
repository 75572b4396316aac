"""Decoding, flow and networks at the same time: what ends one ends all, and memory is bounded."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.predicting.tiny_trained import ROOT, make_trained
from tests.video.films import picture, write_film
from wtal_core.predicting import streaming
from wtal_core.predicting.encoding import Encoders
from wtal_core.predicting.settings import read_settings
from wtal_core.video.decode import DecodedFrame

N_FRAMES = 600  # 24 s: 79 snippets


@pytest.fixture
def encoders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Encoders:
    monkeypatch.setenv("WTAL_ITEM_CACHE", str(tmp_path / "cache"))
    return Encoders(read_settings(make_trained(tmp_path), "r1", tmp_path / "params.yaml"), 2)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pictures = [picture(i, 46, 62) for i in range(50)] * (N_FRAMES // 50)
    return write_film(tmp_path_factory.mktemp("film") / "film.mp4", pictures, preset="ultrafast")


def fails_after(calls: int, real: Callable[[np.ndarray], np.ndarray]) -> Callable[..., np.ndarray]:
    left = iter(range(calls))

    def forward(pictures: np.ndarray) -> np.ndarray:
        if next(left, None) is None:
            raise MemoryError("a part fails")
        return real(pictures)

    return forward


def break_decoding(monkeypatch: pytest.MonkeyPatch, encoders: Encoders) -> None:
    real = streaming.decode

    def decode(*given: object) -> Iterator[DecodedFrame]:
        for number, frame in enumerate(real(*given)):  # type: ignore[arg-type]
            if number == 200:
                raise MemoryError("a part fails")
            yield frame

    monkeypatch.setattr(streaming, "decode", decode)


def break_flow(monkeypatch: pytest.MonkeyPatch, encoders: Encoders) -> None:
    real, left = streaming.iter_flow, iter(range(150))

    def pictures(frames: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
        for frame in frames:
            # the pool's own thread meets this one: two sizes have no flow between them
            yield frame if next(left, None) is not None else frame[:-1]

    monkeypatch.setattr(streaming, "iter_flow", lambda frames, *more: real(pictures(frames), *more))


def break_network(name: str) -> Callable[[pytest.MonkeyPatch, Encoders], None]:
    def break_it(monkeypatch: pytest.MonkeyPatch, encoders: Encoders) -> None:
        monkeypatch.setitem(encoders.forward, name, fails_after(2, encoders.forward[name]))

    return break_it


PARTS = {
    "decoding": break_decoding,
    "flow": break_flow,
    "I3D on RGB": break_network("rgb"),
    "I3D on flow": break_network("flow"),
    "CLIP": break_network("clip"),
}


@pytest.mark.parametrize("part", PARTS)
def test_an_error_in_one_part_ends_all(
    encoders: Encoders, film: Path, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    before, told = threading.active_count(), []
    PARTS[part](monkeypatch, encoders)
    with pytest.raises((MemoryError, ValueError), match=r"a part fails|want two \(H, W\) pictures"):
        encoders.encode(film, lambda *at: told.append(at))
    assert threading.active_count() == before
    assert len(told) < 70  # it did not go on to the end


@pytest.mark.parametrize("call", [0, 3])
def test_ctrl_c_ends_all_parts(encoders: Encoders, film: Path, call: int) -> None:
    """While a network works and the main thread waits for it."""
    before, calls = threading.active_count(), []
    real = encoders.forward["rgb"]

    def interrupted(pictures: np.ndarray) -> np.ndarray:
        calls.append(len(pictures))
        if len(calls) == call + 1:
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
            time.sleep(0.3)  # the main thread cannot get through before it has heard
        return real(pictures)

    encoders.forward["rgb"] = interrupted
    with pytest.raises(KeyboardInterrupt):
        encoders.encode(film)
    assert call < len(calls) <= call + 4  # of 10: none was begun that waited
    # a thread of a pool that was just being started ends by itself
    end = time.monotonic() + 60
    while threading.active_count() > before:
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.slow
def test_memory_does_not_grow_from_3_to_30_minutes(tmp_path: Path) -> None:
    """The process's peak, with what libraries take, on the one pass and on the stages' way."""
    make_trained(tmp_path)
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "WTAL_ITEM_CACHE": str(tmp_path / "cache")}
    ran = subprocess.run(
        [sys.executable, "-m", "tests.predicting.long_film", str(tmp_path)],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)
    assert found["frames"] == [900, 9000]
    pictures_mb = 9000 * 48 * 64 * 3 / 1e6
    assert pictures_mb > 80
    for way in ("one pass", "stages"):
        short_mb, long_mb = found[way]
        # threads and the allocator leave some 12 MB, more where they get in each other's way
        assert long_mb - short_mb < 0.25 * pictures_mb, found
