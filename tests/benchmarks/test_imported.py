"""The benchmark of imported features: a package like THUMOS14's, and a tiny run of it."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.imported import adjust, main, used_bytes
from benchmarks.package import CLASSES, GRID, Size, draw_actions, draw_lengths, make_package
from wtal_core.annotations import read_labels
from wtal_core.ground_truth import read_ground_truth

TINY = Size(train=5, test=4, median=30, longest=90, rgb=7, clip=16, text_width=16, text_layers=1)
ROOT = Path(__file__).parents[2]


def test_lengths_are_those_of_thumos14() -> None:
    lengths = draw_lengths(20_000, Size(), np.random.default_rng(0))
    assert np.median(lengths) == pytest.approx(240, rel=0.03)
    assert np.quantile(lengths, 0.95) == pytest.approx(1090, rel=0.05)
    assert (lengths.min(), lengths.max()) >= (6, 2600)


def test_actions_keep_apart_and_cover_their_share() -> None:
    rng = np.random.default_rng(1)
    covered = total = 0
    for length in (6, 9, 40, 700, 2600):
        actions = draw_actions(length, [3, 4], 0.32, rng)
        borders = [edge for one in actions for edge in (one.start, one.end)]
        assert borders == sorted(borders)
        assert 0 <= borders[0] < borders[-1] <= length
        assert all(one.start <= one.peak < one.peak_end <= one.end for one in actions)
        assert {one.label for one in actions} <= {3, 4}
        covered += sum(one.end - one.start for one in actions)
        total += length
    assert covered / total == pytest.approx(0.32, abs=0.04)


def test_what_a_package_holds(tmp_path: Path) -> None:
    data = make_package(tmp_path, TINY)
    labels = read_labels(data / "labels.json")
    assert labels.classes == CLASSES
    assert (len(labels.videos("train")), len(labels.videos("test"))) == (5, 4)
    truth = read_ground_truth(data / "ground_truth.json", "test")
    for video in labels.videos("test"):
        rgb, flow = (np.load(tmp_path / "i3d" / s / f"{video.id}.npy") for s in ("rgb", "flow"))
        clip = np.load(tmp_path / "clip" / f"{video.id}.npy")
        assert rgb.shape == flow.shape == (len(clip), 7)
        assert clip.shape[1] == 16
        assert GRID.extent_s(len(clip)) == truth.durations[video.id]
        # in action the rows are longer, and all the more at a peak
        centre_s = GRID.centre_s(np.arange(len(rgb)))
        own = truth.of(video.id).seg_N2
        acts = ((own[:, :1] <= centre_s) & (centre_s < own[:, 1:])).any(axis=0)
        if acts.any() and not acts.all():
            size = np.square(rgb).sum(axis=1)
            assert size[acts].mean() > size[~acts].mean()


def test_shorter_epochs(tmp_path: Path) -> None:
    adjust(ROOT / "params.yaml", tmp_path / "p.yaml", 3, 1, "bf16")
    before, after = (
        path.read_text().splitlines() for path in (ROOT / "params.yaml", tmp_path / "p.yaml")
    )
    changed = [new for old, new in zip(before, after, strict=True) if old != new]
    assert sorted(line.split("#")[0].strip() for line in changed) == (
        ["epochs: 3"] * 3 + ["min_steps: 1"] * 3 + ["precision: bf16"] * 3
    )


def test_a_file_of_two_names_counts_once(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(bytes(7))
    (tmp_path / "b").hardlink_to(tmp_path / "a")
    (tmp_path / "c").write_bytes(bytes(3))
    assert used_bytes(tmp_path) == 10


@pytest.mark.slow
def test_import_to_warm_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first steps of the benchmark itself, at a size that takes a minute."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    words = ["--median", "6", "--train", "6", "--test", "5", "--until", "infer r0"]
    main([*words, "--folder", str(tmp_path / "made"), "--out", str(tmp_path)])
    tree = json.loads((tmp_path / "imported.json").read_text())
    names = [step["name"] for step in tree["steps"]]
    assert names[:2] == ["import i3d", "import clip"]
    assert names[-2:] == ["warm_up", "infer r0"]
    assert all(step["peak_gib"] < 4 for step in tree["steps"])
    assert tree["facts"]["videos"] == "6 + 5"
    assert "| infer r0 |" in (tmp_path / "imported.md").read_text()
