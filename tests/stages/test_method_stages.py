"""Stages warm_up, b_step, f_step and infer on toy features."""

import csv
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from stages import b_step, f_step, infer, warm_up
from tests.stages.tiny_method import CLASSES, GRID, I3D_WIDTH, make_data
from wtal_core.annotations import read_predictions
from wtal_core.checkpoint import Resume, load_checkpoint
from wtal_core.errors import WtalError
from wtal_core.store import Sequences, read_sequences, write_sequences


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The whole method once: warm-up and a round, and the scores of both."""
    folder = tmp_path_factory.mktemp("method")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WTAL_ITEM_CACHE", str(folder / "cache"))
        data = make_data(folder)
        run_all(data)
        yield data


@pytest.fixture
def data(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy to change."""
    monkeypatch.setenv("WTAL_ITEM_CACHE", str(tmp_path / "cache"))
    shutil.copytree(made.parent, tmp_path / "copy", ignore=shutil.ignore_patterns("cache"))
    return tmp_path / "copy" / "tiny"


def params_of(data: Path) -> Path:
    return data.parent / "params.yaml"


def change(data: Path, old: str, new: str) -> None:
    text = params_of(data).read_text()
    assert old in text
    params_of(data).write_text(text.replace(old, new))


def run_all(data: Path) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    warm_up.main(data, params_of(data))
    infer.main(data, "r0", params_of(data))
    b_step.main(data, "r1", "r0", params_of(data))
    f_step.main(data, "r1", "r0", params_of(data))
    infer.main(data, "r1", params_of(data))
    torch.set_num_threads(threads)


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(p.relative_to(folder)): p.read_bytes()
        for place in ("r0", "r1", "scores")
        for p in sorted((folder / place).rglob("*"))
        if p.is_file()
    }


def curve(path: Path) -> list[dict[str, float]]:
    with path.open(newline="") as file:
        return [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)]


def test_what_is_written(made: Path) -> None:
    there = {str(p.relative_to(made)) for place in ("r0", "r1") for p in (made / place).iterdir()}
    assert there == {
        "r0/cbp", "r0/vlp", "r0/curves_cbp.csv", "r0/predictions.json",
        "r1/cbp", "r1/vlp", "r1/curves_cbp.csv", "r1/curves_vlp.csv",
        "r1/pseudo_cbp.zarr", "r1/pseudo_vlp.zarr", "r1/predictions.json",
    }  # fmt: skip
    assert not list((made.parent / "cache" / "work").rglob("epoch-*"))


def test_curves(made: Path) -> None:
    warm = curve(made / "r0" / "curves_cbp.csv")
    assert list(warm[0]) == ["epoch", "lr", "total", "cls"]
    assert warm[-1]["cls"] < warm[0]["cls"]
    step = curve(made / "r1" / "curves_vlp.csv")
    assert [row["epoch"] for row in step] == [1, 2]
    assert list(step[0]) == ["epoch", "lr", "total", "kd", "fb"]
    assert step[0]["total"] == pytest.approx(step[0]["kd"] + 0.05 * step[0]["fb"], abs=1e-5)


def test_checkpoints_hold_what_learns(made: Path) -> None:
    vanilla, meta = load_checkpoint(made / "r0" / "vlp")
    assert (vanilla, meta["vanilla"]) == ({}, True)
    tensors, meta = load_checkpoint(made / "r1" / "vlp")
    assert {name.split(".")[0] for name in tensors} == {
        "prefix_PW", "suffix_PW", "position_PE", "layers",
    }  # fmt: skip
    assert (meta["vanilla"], meta["round"], meta["init"]) == (False, "r1", "r0")
    assert meta["precision"] == "fp32"
    _, meta = load_checkpoint(made / "r1" / "cbp")
    assert (meta["classes"], meta["in_channels"]) == (list(CLASSES), I3D_WIDTH)


@pytest.mark.parametrize("branch", ["cbp", "vlp"])
def test_pseudo_labels(made: Path, branch: str) -> None:
    store = read_sequences(made / "r1" / f"pseudo_{branch}.zarr")
    assert store.attrs["branch"] == branch
    assert store.attrs["thresholds"] == {"delta_h": 0.3, "delta_l": 0.1}
    assert store.attrs["grid"] == GRID.to_dict()
    for n, name in enumerate(store.names):
        label_TC, score_TC = store.of(name)["label"], store.of(name)["score"]
        assert label_TC.dtype == np.int8
        assert store.attrs["video_labels"][name] == [CLASSES[n % 3]]
        own = n % 3
        assert not np.delete(label_TC, own, axis=1).any()  # absent classes are background
        is_fg, is_bg = label_TC[:, own] == 1, label_TC[:, own] == 0
        assert (is_fg == (score_TC[:, own] > 0.3)).all()
        assert (is_bg == (score_TC[:, own] < 0.1)).all()


def test_scores(made: Path) -> None:
    store = read_sequences(made / "scores" / "r1.zarr")
    assert store.names == ("v6", "v7", "v8")
    assert store.lengths.tolist() == [26, 27, 28]
    for key in ("cbp", "vlp"):
        np.testing.assert_allclose(store.arrays[key].sum(1), 1, rtol=1e-5)
        assert store.arrays[key].dtype == np.float32
    assert (store.arrays["final"] == store.arrays["cbp"]).all()


def test_predictions_lie_inside_their_videos(made: Path) -> None:
    found = read_predictions(made / "r1" / "predictions.json")
    assert set(found.video.tolist()) == {"v6", "v7", "v8"}
    assert set(found.label.tolist()) <= set(CLASSES)
    assert float(found.end_s.max()) <= GRID.end_s(27)


def test_the_same_bytes_again(made: Path, data: Path) -> None:
    for place in ("r0", "r1", "scores"):
        shutil.rmtree(data / place)
    run_all(data)
    assert files(data) == files(made)


@pytest.mark.parametrize("stage", ["warm_up", "b_step", "f_step"])
def test_a_killed_stage_goes_on(
    made: Path, data: Path, stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped after its first epoch, then run again: the same bytes, and one epoch less."""
    module: Any = {"warm_up": warm_up, "b_step": b_step, "f_step": f_step}[stage]
    arguments = (params_of(data),) if stage == "warm_up" else ("r1", "r0", params_of(data))
    save = Resume.save
    saved: list[int] = []

    def save_and_stop(self: Resume, epoch: int, *state: Any) -> None:
        save(self, epoch, *state)
        raise KeyboardInterrupt

    def save_and_count(self: Resume, epoch: int, *state: Any) -> None:
        save(self, epoch, *state)
        saved.append(epoch)

    torch.set_num_threads(1)
    monkeypatch.setattr(Resume, "save", save_and_stop)
    with pytest.raises(KeyboardInterrupt):
        module.main(data, *arguments)
    monkeypatch.setattr(Resume, "save", save_and_count)
    module.main(data, *arguments)
    assert saved[0] == 2
    assert files(data) == files(made)


@pytest.mark.parametrize(("reinit", "fewest", "most"), [("false", 0, 0.01), ("true", 0.1, 9)])
def test_a_second_round_goes_on_from_the_first(
    data: Path, reinit: str, fewest: float, most: float
) -> None:
    """With a learning rate of next to nothing the weights stay, unless they are drawn anew."""
    change(data, "lr: 0.0001", "lr: 0.0000001")
    change(data, "reinit: false", f"reinit: {reinit}")
    b_step.main(data, "r2", "r1", params_of(data))
    f_step.main(data, "r2", "r1", params_of(data))
    for branch, name in (("vlp", "position_PE"), ("cbp", "last.conv.weight")):
        first, _ = load_checkpoint(data / "r1" / branch)
        second, meta = load_checkpoint(data / "r2" / branch)
        assert (meta["init"], meta["round"]) == ("r1", "r2")
        moved = float((second[name] - first[name]).norm() / first[name].norm())
        assert fewest < moved < most


def scores_of(store: Sequences, name: str) -> np.ndarray:
    score_TC: np.ndarray = store.of(name)["score"]
    return score_TC


def test_mean_of_both_branches_once_both_are_trained(data: Path) -> None:
    alone_b, alone_f = (read_sequences(data / "r1" / f"pseudo_{b}.zarr") for b in ("cbp", "vlp"))
    change(data, "partner: ignore", "partner: mean")
    b_step.main(data, "r1", "r0", params_of(data))
    f_step.main(data, "r1", "r0", params_of(data))
    both_b, both_f = (read_sequences(data / "r1" / f"pseudo_{b}.zarr") for b in ("cbp", "vlp"))
    # Vanilla CLIP has no voice, so the B step of the first round stays as it was.
    for name in alone_b.names:
        assert (scores_of(both_b, name) == scores_of(alone_b, name)).all()
        mean_TC = (scores_of(alone_f, name) + scores_of(alone_b, name)) / 2
        np.testing.assert_allclose(scores_of(both_f, name), mean_TC, atol=1e-6)


def test_thresholds_that_leave_no_foreground(data: Path) -> None:
    change(data, "delta_h: 0.3", "delta_h: 1.0")
    shutil.rmtree(data / "r1" / "vlp")
    with pytest.raises(WtalError, match=r"no pseudo-label.*foreground.*quantiles.*delta_h near"):
        b_step.main(data, "r1", "r0", params_of(data))
    assert not (data / "r1" / "vlp").exists()


def test_features_of_different_snippets_are_refused(data: Path) -> None:
    store = read_sequences(data / "clip" / "train.zarr")
    shorter = [(name, {"feat": store.of(name)["feat"][: 25 - 3]}) for name in store.names]
    write_sequences(data / "clip" / "train.zarr", shorter, {"feat": ("T", "E")}, store.attrs)
    with pytest.raises(WtalError, match=r"v3 has 23 and 22 snippets; rerun the stages"):
        b_step.main(data, "r1", "r0", params_of(data))


def test_weights_of_other_parameters_are_refused(data: Path) -> None:
    change(data, "window: 0  # snippets", "window: 0  # same")
    change(data, "  layers: 2", "  layers: 3")
    with pytest.raises(WtalError, match=r"weights are of another model.*layers\.2"):
        infer.main(data, "r1", params_of(data))


def test_ground_truth_is_not_there_and_not_missed(made: Path) -> None:
    assert not (made / "ground_truth.json").exists()
    assert "labels" not in json.loads((made / "labels.json").read_text())["videos"]["v7"]
