"""Table 4 as data: a step without epochs, a weight without ground truth; and what is selected."""

import json
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from stages import b_step, f_step, infer, warm_up
from tests.stages.tiny_method import make_data
from wtal_core.checkpoint import Resume, load_checkpoint
from wtal_core.errors import WtalError
from wtal_core.store import read_sequences


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A warm-up and a round."""
    folder = tmp_path_factory.mktemp("switches")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WTAL_ITEM_CACHE", str(folder / "cache"))
        torch.set_num_threads(1)
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


def change(data: Path, section: str, old: str, new: str) -> None:
    """In one section alone, as `dvc exp run -S` would."""
    before, head, rest = params_of(data).read_text().partition(f"\n{section}:")
    assert old in rest
    params_of(data).write_text(before + head + rest.replace(old, new, 1))


def run_all(data: Path) -> None:
    warm_up.main(data, params_of(data))
    b_step.main(data, "r1", "r0", params_of(data))
    f_step.main(data, "r1", "r0", params_of(data))
    infer.main(data, "r1", params_of(data))


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_only_f(data: Path, made: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Without B steps VLP stays vanilla CLIP, round after round, and teaches CBP as that."""
    change(data, "b_step", "epochs: 20", "epochs: 0")
    with caplog.at_level(logging.INFO):
        b_step.main(data, "r1", "r0", params_of(data))
        f_step.main(data, "r1", "r0", params_of(data))
        b_step.main(data, "r2", "r1", params_of(data))
        f_step.main(data, "r2", "r1", params_of(data))
    assert files(data / "r1" / "vlp") == files(data / "r0" / "vlp") == files(data / "r2" / "vlp")
    assert load_checkpoint(data / "r2" / "vlp")[1]["vanilla"]
    assert "b_step@r1: skipped, epochs is 0" in caplog.text
    assert "f_step@r1: skipped" not in caplog.text
    # CBP still learns, from another teacher than in the whole method, and further in each round.
    cbp = [files(folder / "cbp") for folder in (data / "r0", data / "r1", data / "r2", made / "r1")]
    assert all(cbp[n] != cbp[m] for n in range(4) for m in range(n))
    # The labels that nobody learnt from can be looked at.
    assert files(data / "r1" / "pseudo_cbp.zarr") == files(made / "r1" / "pseudo_cbp.zarr")
    infer.main(data, "r2", params_of(data))


def test_only_b(data: Path, made: Path) -> None:
    change(data, "f_step", "epochs: 20", "epochs: 0")
    shutil.rmtree(data / "r1")
    b_step.main(data, "r1", "r0", params_of(data))
    f_step.main(data, "r1", "r0", params_of(data))
    assert files(data / "r1" / "cbp") == files(data / "r0" / "cbp")
    assert files(data / "r1" / "vlp") == files(made / "r1" / "vlp")
    assert files(data / "r1" / "pseudo_vlp.zarr") == files(made / "r1" / "pseudo_vlp.zarr")
    infer.main(data, "r1", params_of(data))


@pytest.mark.parametrize(
    ("step", "curves"), [("b_step", "curves_vlp.csv"), ("f_step", "curves_cbp.csv")]
)
def test_the_curve_of_a_skipped_step_has_its_header(
    data: Path, made: Path, step: str, curves: str
) -> None:
    change(data, step, "epochs: 20", "epochs: 0")
    {"b_step": b_step, "f_step": f_step}[step].main(data, "r1", "r0", params_of(data))
    header = (made / "r1" / curves).read_text().splitlines(keepends=True)[0]
    assert (data / "r1" / curves).read_text() == header


def test_a_skipped_step_needs_no_labels_that_could_be_learnt_from(data: Path) -> None:
    change(data, "thresholds", "delta_h: 0.3", "delta_h: 1.0")
    with pytest.raises(WtalError, match="no pseudo-label"):
        b_step.main(data, "r1", "r0", params_of(data))
    change(data, "b_step", "epochs: 20", "epochs: 0")
    b_step.main(data, "r1", "r0", params_of(data))
    assert files(data / "r1" / "vlp") == files(data / "r0" / "vlp")


@pytest.mark.slow
def test_dvc_plots_a_curve_without_rows(tmp_path: Path) -> None:
    """And one with rows beside it."""
    (tmp_path / "none.csv").write_text("epoch,lr,total,kd\n")
    (tmp_path / "some.csv").write_text("epoch,lr,total,kd\n1,0.1,2.0,2.0\n")
    (tmp_path / "dvc.yaml").write_text(
        "plots:\n" + "".join(f"  - {n}.csv: {{x: epoch, y: total}}\n" for n in ("none", "some"))
    )
    quiet = os.environ | {"DVC_NO_ANALYTICS": "1"}
    for arguments in (["init", "--no-scm", "--quiet"], ["plots", "show", "--json"]):
        done = subprocess.run(
            [sys.executable, "-m", "dvc", *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            env=quiet,
        )
        assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert not answer.get("errors")
    assert len(answer["data"]) == 2


def share_of_cbp(path: Path) -> tuple[float, np.ndarray]:
    """As the store says, and as its numbers say."""
    store = read_sequences(path)
    cbp, vlp, final = (
        np.concatenate([store.of(name)[key] for name in store.names]).astype(np.float64)
        for key in ("cbp", "vlp", "final")
    )
    far = abs(cbp - vlp) > 0.05
    return float(store.attrs["fuse_weight"]), (final - vlp)[far] / (cbp - vlp)[far]


def test_a_weight_by_the_labels_of_the_training_videos(
    data: Path, caplog: pytest.LogCaptureFixture
) -> None:
    change(data, "localize", "branch: cbp", "branch: fused")
    change(data, "localize", "fuse_weight: 0.5", "fuse_weight: auto")
    with caplog.at_level(logging.INFO):
        infer.main(data, "r1", params_of(data))
    told, seen = share_of_cbp(data / "scores" / "r1.zarr")
    np.testing.assert_allclose(seen, told, atol=1e-5)
    assert f"share of cbp {told:.2f}" in caplog.text
    # Labels turned round: whichever branch had explained them better now does so worse.
    labels = json.loads((data / "labels.json").read_text())
    for video in labels["videos"].values():
        if "labels" in video:
            place = labels["classes"].index(video["labels"][0])
            video["labels"] = [labels["classes"][(place + 1) % 3]]
    (data / "labels.json").write_text(json.dumps(labels))
    infer.main(data, "r1", params_of(data))
    other, seen = share_of_cbp(data / "scores" / "r1.zarr")
    np.testing.assert_allclose(seen, other, atol=1e-5)
    assert other != told


def test_a_given_weight_and_none(data: Path, made: Path) -> None:
    """The training split is read only where a weight must be chosen."""
    shutil.rmtree(data / "i3d" / "train.zarr")
    change(data, "localize", "fuse_weight: 0.5", "fuse_weight: auto")
    infer.main(data, "r1", params_of(data))
    assert files(data / "scores" / "r1.zarr") == files(made / "scores" / "r1.zarr")
    change(data, "localize", "branch: cbp", "branch: fused")
    change(data, "localize", "fuse_weight: auto", "fuse_weight: 0.25")
    infer.main(data, "r1", params_of(data))
    told, seen = share_of_cbp(data / "scores" / "r1.zarr")
    assert told == 0.25
    np.testing.assert_allclose(seen, 0.25, atol=1e-5)


def stage_of(name: str) -> tuple[Any, str, str]:
    """Module, checkpoint and curves."""
    return {
        "warm_up": (warm_up, "r0/cbp", "r0/curves_cbp.csv"),
        "b_step": (b_step, "r1/vlp", "r1/curves_vlp.csv"),
        "f_step": (f_step, "r1/cbp", "r1/curves_cbp.csv"),
    }[name]


@pytest.mark.parametrize("name", ["warm_up", "b_step", "f_step"])
def test_a_checkpoint_is_the_last_epoch_though_an_earlier_one_was_better(
    data: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A learning rate far too high makes the loss rise; the weights kept are the last ones."""
    module, checkpoint, curves = stage_of(name)
    epochs: list[dict[str, torch.Tensor]] = []

    def keep(self: Resume, epoch: int, tensors: dict[str, torch.Tensor], *rest: Any) -> None:
        epochs.append({k: v.clone() for k, v in tensors.items()})

    monkeypatch.setattr(Resume, "save", keep)

    def learn() -> list[float]:
        epochs.clear()
        module.main(data, *(() if name == "warm_up" else ("r1", "r0")), params_of(data))
        return [float(row.split(",")[2]) for row in (data / curves).read_text().splitlines()[1:]]

    change(data, name, "lr: 0.0001", "lr: 1.5")
    change(data, name, "epochs: 10" if name == "warm_up" else "epochs: 20", "epochs: 6")
    totals = learn()
    assert len(totals) == 6
    # In which epochs it rises, processors do not agree on: the training may have to end earlier.
    count = max(n for n in range(2, 7) if totals[n - 1] > min(totals[:n]))
    if count < 6:
        change(data, name, "epochs: 6", f"epochs: {count}")
        totals = learn()
    assert len(totals) == len(epochs) == count
    assert totals[-1] > min(totals)
    kept, _ = load_checkpoint(data / checkpoint)
    assert all(torch.equal(kept[key], epochs[-1][key]) for key in kept)
    best = epochs[totals.index(min(totals))]
    assert not all(torch.equal(kept[key], best[key]) for key in kept)


TRUTHS = {
    "garbage": b"\xff{ not JSON",
    "other segments": json.dumps(
        {"database": {"v0": {"annotations": [{"label": "run", "segment": [0.0, 1.0]}]}}}
    ).encode(),
}


@pytest.mark.parametrize("kind", TRUTHS)
def test_the_ground_truth_changes_no_byte(data: Path, made: Path, kind: str) -> None:
    """`made` had no ground truth at all."""
    assert not (made / "ground_truth.json").exists()
    for place in ("r0", "r1", "scores"):
        shutil.rmtree(data / place)
    (data / "ground_truth.json").write_bytes(TRUTHS[kind])
    run_all(data)
    for place in ("r0", "r1", "scores"):
        assert files(data / place) == files(made / place)
