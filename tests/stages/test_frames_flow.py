"""Stages frames and flow as commands: faults named, kills survived, one new video costs one."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.video.films import picture, write_film
from wtal_core.video.frames import read_flow, read_frames

ROOT = Path(__file__).parents[2]
# Enough of the run-wide section; the stages read nothing else.
PARAMS = "dataset: toy\nseed: 0\nmax_bad_fraction: {limit}\nrounds: {{r1: r0}}\n"
FACTS = (
    "video: {{fps: 25, short_side: {side}, crop: 16}}\nflow: {{method: dis}}\n"
    "i3d: {{}}\nclip: {{}}\n"
)


class Toy:
    """A data set of a few films, and the two stages run on it as a user would."""

    def __init__(self, folder: Path, films: int, limit: float = 0.5, side: int = 18) -> None:
        self.folder, self.data = folder, folder / "data" / "toy"
        (self.data / "videos").mkdir(parents=True)
        (folder / "params.yaml").write_text(PARAMS.format(limit=limit))
        (self.data / "dataset.yaml").write_text(FACTS.format(side=side))
        self.videos: dict[str, Any] = {}
        for number in range(films):
            self.add(f"film {number}", 8 + number)

    def add(self, name: str, frames: int, suffix: str = ".mp4") -> Path:
        """One more film; its number of frames makes its content its own."""
        pictures = [picture(frames + i) for i in range(frames)]
        return self.enter(name, write_film(self.data / "videos" / (name + suffix), pictures))

    def enter(self, name: str, path: Path) -> Path:
        """Name a file in labels.json."""
        self.videos[name] = {"file": f"videos/{path.name}", "subset": "test"}
        labels = {"classes": ["a"], "videos": self.videos}
        (self.data / "labels.json").write_text(json.dumps(labels))
        return path

    def start(self, stage: str, **environment: str) -> subprocess.Popen[str]:
        """Start a stage, from the folder that holds params.yaml."""
        cache = {"WTAL_ITEM_CACHE": str(self.folder / "cache"), "PYTHONPATH": str(ROOT)}
        return subprocess.Popen(
            [sys.executable, "-m", f"stages.{stage}", "data/toy"],
            cwd=self.folder,
            env={**os.environ, "WTAL_WORKERS": "1", **cache, **environment},
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, stage: str, **environment: str) -> tuple[int, str]:
        """Exit code and messages of a stage."""
        process = self.start(stage, **environment)
        _, messages = process.communicate(timeout=300)
        return process.returncode, messages

    def record(self, stage: str) -> dict[str, Any]:
        record: dict[str, Any] = json.loads((self.data / stage / "record.json").read_text())
        return record

    def finished(self, stage: str) -> dict[str, int]:
        """Items in the cache, and when each was made: a repeated one would be newer."""
        notes = (self.folder / "cache" / stage).glob("*.note")  # the last thing that is written
        return {p.name: p.with_suffix(".mkv").stat().st_mtime_ns for p in notes}

    def outcome(self, stage: str) -> dict[str, bytes]:
        return {p.name: p.read_bytes() for p in sorted((self.data / stage).iterdir())}


def test_frames_and_flow_of_a_small_data_set(tmp_path: Path) -> None:
    toy = Toy(tmp_path, films=2)
    toy.add("one frame", 1)
    assert toy.run("frames")[0] == 0
    assert toy.run("flow")[0] == 0
    record = toy.record("frames")
    assert (record["fps"], record["short_side"], record["bad"]) == (25.0, 18, [])
    assert [(n, v["frames"]) for n, v in record["videos"].items()] == [
        ("film 0", 8),
        ("film 1", 9),
        ("one frame", 1),
    ]
    video = record["videos"]["film 1"]
    assert (video["width"], video["height"], video["duration_s"]) == (26, 18, 0.36)
    frames = read_frames(toy.data / "frames" / "film 1.mkv")
    assert frames.shape == (9, 18, 26, 3)
    assert read_flow(toy.data / "flow" / "film 1.mkv").shape == (8, 18, 26, 2)
    assert read_flow(toy.data / "flow" / "one frame.mkv").shape == (0, 0, 0, 2)
    assert toy.record("flow")["videos"]["one frame"] == {"fields": 0}
    assert toy.record("flow")["bound"] == 20.0
    everything = (toy.data / "frames" / "record.json").read_text()
    assert str(tmp_path) not in everything, "an artifact must not know where it was made"


def test_broken_videos_are_named_skipped_and_counted(tmp_path: Path) -> None:
    toy = Toy(tmp_path, films=3)
    toy.enter("text", toy.data / "videos" / "text.mp4").write_text("no film")
    cut = toy.add("cut", 30)
    cut.write_bytes(cut.read_bytes()[:600])
    code, messages = toy.run("frames")
    assert code == 0
    assert "skipped: E102 data/toy/videos/text.mp4: not a video" in messages
    assert "skipped: E101 data/toy/videos/cut.mp4: " in messages
    record = toy.record("frames")
    assert [(b["id"], b["code"]) for b in record["bad"]] == [("cut", "E101"), ("text", "E102")]
    assert all(b["cause"] and b["remedy"] for b in record["bad"])
    assert sorted(toy.outcome("frames")) == [
        "film 0.mkv", "film 1.mkv", "film 2.mkv", "record.json",
    ]  # fmt: skip
    assert toy.run("flow")[0] == 0
    assert list(toy.record("flow")["videos"]) == ["film 0", "film 1", "film 2"]
    (tmp_path / "params.yaml").write_text(PARAMS.format(limit=0.3))
    before = toy.outcome("frames")
    code, messages = toy.run("frames")
    assert code == 2
    assert "2 of 5 videos cannot be used, more than max_bad_fraction 0.3" in messages
    assert "Traceback" not in messages
    assert toy.outcome("frames") == before


def test_one_new_video_costs_one(tmp_path: Path) -> None:
    toy = Toy(tmp_path, films=2)
    for stage in ("frames", "flow"):
        assert toy.run(stage)[0] == 0
    before = {stage: toy.finished(stage) for stage in ("frames", "flow")}
    toy.add("another", 5)
    shutil.copyfile(toy.data / "videos" / "film 0.mp4", toy.data / "videos" / "twin.mp4")
    toy.enter("twin", toy.data / "videos" / "twin.mp4")
    for stage in ("frames", "flow"):
        code, messages = toy.run(stage)
        assert code == 0
        after = toy.finished(stage)
        assert len(after) == 3, "the twin has the same content, so it costs nothing"
        assert before[stage].items() <= after.items(), "a finished video was computed again"
        assert ("W210" in messages) == (stage == "frames")
    (toy.data / "dataset.yaml").write_text(FACTS.format(side=20))
    assert toy.run("frames")[0] == 0
    assert len(toy.finished("frames")) == 6
    assert read_frames(toy.data / "frames" / "another.mkv").shape == (5, 20, 29, 3)


def test_nothing_is_left_to_decode(tmp_path: Path) -> None:
    toy = Toy(tmp_path, films=0, limit=1.0)
    toy.enter("text", toy.data / "videos" / "text.mp4").write_text("no film")
    code, messages = toy.run("frames")
    assert code == 2
    assert "1 of 1 videos cannot be used" in messages
    assert not (toy.data / "frames").exists()


def wait_for(condition: Any, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.002)


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["frames", "flow"])
def test_kill_at_any_moment_and_run_again(tmp_path: Path, stage: str) -> None:
    """SIGKILL after the first, second, ... finished video; the end is the undisturbed one."""
    toy = Toy(tmp_path, films=6)
    if stage == "flow":
        assert toy.run("frames")[0] == 0
    assert toy.run(stage)[0] == 0
    undisturbed = toy.outcome(stage)
    shutil.rmtree(toy.data / stage)
    shutil.rmtree(tmp_path / "cache" / stage)
    random = np.random.default_rng(3)
    for goal in (1, 2, 4, 5):
        before = toy.finished(stage)
        process = toy.start(stage)
        wait_for(lambda goal=goal: len(toy.finished(stage)) >= goal)
        time.sleep(random.uniform(0, 0.02))
        process.send_signal(signal.SIGKILL)
        process.communicate()  # the worker holds the pipe, too: it is gone afterwards
        if (toy.data / stage).exists():  # it was through before the signal came
            assert len(toy.finished(stage)) == 6
            assert toy.outcome(stage) == undisturbed
        assert before.items() <= toy.finished(stage).items()
    before = toy.finished(stage)
    assert toy.run(stage)[0] == 0
    assert toy.outcome(stage) == undisturbed
    assert before.items() <= toy.finished(stage).items(), "a finished video was computed again"
    assert not list((tmp_path / "cache" / stage).glob(".*")), "orphans are left"
    assert not list(toy.data.glob(".*"))


STOPS_AT_THE_SECOND = """
import sys, time
notes = []
def stop(event, given):
    if event == "os.rename" and str(given[1]).endswith(".note"):
        notes.append(given)
        time.sleep(600 if len(notes) == 2 else 0)
sys.addaudithook(stop)
"""


def test_an_interrupted_stage_does_not_look_done(tmp_path: Path) -> None:
    """In the midst of the second video, which by itself would not take long enough to be hit."""
    toy = Toy(tmp_path, films=5)
    (tmp_path / "sitecustomize.py").write_text(STOPS_AT_THE_SECOND)
    process = toy.start("frames", PYTHONPATH=f"{tmp_path}:{ROOT}")
    wait_for(lambda: toy.finished("frames"))
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=120)
    assert process.returncode == 130
    assert len(toy.finished("frames")) == 1
    assert not (toy.data / "frames").exists()


def test_a_full_disk_is_an_error_and_finished_videos_stay(tmp_path: Path) -> None:
    """A limit on the size of files stands for the full disk: both end in a failing write."""
    toy = Toy(tmp_path, films=2)
    assert toy.run("frames")[0] == 0
    before = toy.outcome("frames"), toy.finished("frames")
    big = toy.add("big", 60)
    limit = "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
    limit += f"resource.setrlimit(resource.RLIMIT_FSIZE, ({big.stat().st_size // 2},) * 2)"
    (tmp_path / "sitecustomize.py").write_text(limit)
    code, messages = toy.run("frames", PYTHONPATH=f"{tmp_path}:{ROOT}")
    assert code == 2
    assert "no room to write it" in messages
    assert "Traceback" not in messages
    assert (toy.outcome("frames"), toy.finished("frames")) == before
    (tmp_path / "sitecustomize.py").unlink()
    assert toy.run("frames")[0] == 0
    assert len(read_frames(toy.data / "frames" / "big.mkv")) == 60


def test_our_tvl1_runs_in_the_stage_whatever_its_path(tmp_path: Path) -> None:
    """numba and the compiled kernel share the cache's items; OpenCV's flow is another."""
    toy = Toy(tmp_path, films=2)
    assert toy.run("frames")[0] == 0
    facts = (toy.data / "dataset.yaml").read_text()
    seen = []
    for backend in ("numba", "auto", "opencv"):
        flow = f"flow: {{method: tvl1, backend: {backend}}}"
        (toy.data / "dataset.yaml").write_text(facts.replace("flow: {method: dis}", flow))
        code, messages = toy.run("flow", WTAL_WORKERS="5")  # more than videos: threads over pairs
        assert code == 0, messages
        assert ("TV-L1 runs in" in messages) == (backend != "opencv")
        seen.append((toy.outcome("flow"), toy.finished("flow")))
    (numba, items), (auto, same_items), (opencv, more_items) = seen
    assert auto == numba
    assert same_items == items
    assert len(more_items) == len(items) + 2
    assert opencv["record.json"] != numba["record.json"]
    assert json.loads(numba["record.json"])["engine"] == "wtal"
    assert "engine" not in json.loads(opencv["record.json"])
