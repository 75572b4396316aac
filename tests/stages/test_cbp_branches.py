"""Every network as the CBP branch, on every kind of features, through the stages."""

from pathlib import Path

import numpy as np
import pytest
import torch

from stages import b_step, f_step, infer, warm_up
from stages.parts.cbp_branches import KINDS, MODULES
from tests.stages.tiny_method import CLASSES, make_data
from wtal_core.checkpoint import load_checkpoint
from wtal_core.errors import WtalError
from wtal_core.schema.branch import NETWORKS, BranchParams
from wtal_core.store import read_sequences

OTHERS = [name for name in KINDS if name != "pyramid"]


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WTAL_ITEM_CACHE", str(tmp_path / "cache"))
    torch.set_num_threads(1)
    return make_data(tmp_path)


def params_of(data: Path) -> Path:
    return data.parent / "params.yaml"


def choose(data: Path, cbp: str, inputs: str, cls_weight: float = 0.0) -> None:
    text = params_of(data).read_text()
    for old, new in (("cbp: pyramid", f"cbp: {cbp}"), ("inputs: i3d", f"inputs: {inputs}")):
        assert old in text
        text = text.replace(old, new)
    params_of(data).write_text(text.replace("cls_weight: 0.0", f"cls_weight: {cls_weight}"))


def run_all(data: Path) -> None:
    warm_up.main(data, params_of(data))
    b_step.main(data, "r1", "r0", params_of(data))
    f_step.main(data, "r1", "r0", params_of(data))
    infer.main(data, "r1", params_of(data))


def test_every_name_has_its_network() -> None:
    assert list(NETWORKS) == list(KINDS)
    with pytest.raises(ValueError, match=r"one of pyramid, um.*got 'resnet'"):
        BranchParams(cbp="resnet")


def test_a_resumed_run_notices_changed_code_of_every_branch() -> None:
    files = {Path(str(module.__file__)).name for module in MODULES}
    assert {"inputs.py", "cbp.py", *(f"{name}.py" for name in OTHERS)} <= files
    assert len([m for m in MODULES if ".losses." in m.__name__]) == len(OTHERS)


@pytest.mark.parametrize(
    ("cbp", "inputs"),
    [("pyramid", "mean"), ("pyramid", "concat"), *((name, "i3d") for name in OTHERS),
     *((name, "concat") for name in OTHERS)],
)  # fmt: skip
def test_the_whole_method(data: Path, cbp: str, inputs: str) -> None:
    choose(data, cbp, inputs, cls_weight=1.0)
    run_all(data)
    first, meta = load_checkpoint(data / "r0" / "cbp")
    second, _ = load_checkpoint(data / "r1" / "cbp")
    assert (meta["network"], meta["inputs"]) == (cbp, inputs)
    assert set(first) == set(second)
    # Only a leftover of the network that no loss of the F step reaches may stand still.
    assert sum(not torch.equal(first[name], second[name]) for name in first) > len(first) / 2
    store = read_sequences(data / "scores" / "r1.zarr")
    prob_NC = store.arrays["cbp"][:]
    assert prob_NC.shape[1] == len(CLASSES)
    assert np.isfinite(prob_NC).all()
    assert prob_NC.min() >= 0
    assert prob_NC.sum(1).max() <= 1 + 1e-5


@pytest.mark.parametrize("cbp", OTHERS)
def test_the_warm_up_learns_by_the_branchs_own_loss(data: Path, cbp: str) -> None:
    choose(data, cbp, "i3d")
    warm_up.main(data, params_of(data))
    rows = (data / "r0" / "curves_cbp.csv").read_text().splitlines()
    assert rows[0] == "epoch,lr,total,cls"
    first, last = (float(row.split(",")[3]) for row in (rows[1], rows[-1]))
    assert last < 0.9 * first


@pytest.mark.parametrize(("cbp", "inputs"), [("um", "i3d"), ("pyramid", "concat")])
def test_a_checkpoint_of_another_branch_is_refused(data: Path, cbp: str, inputs: str) -> None:
    warm_up.main(data, params_of(data))
    choose(data, cbp, inputs)
    with pytest.raises(
        WtalError,
        match=rf"r0/cbp: holds the branch pyramid on i3d, but .* ask for {cbp} on {inputs}; train",
    ):
        b_step.main(data, "r1", "r0", params_of(data))
    assert not (data / "r1").exists()


def test_the_table_is_what_it_says() -> None:
    """Where a branch has no loss of its own, Eq. (1) is meant."""
    assert KINDS["pyramid"].loss is None
    assert all(KINDS[name].loss is not None for name in OTHERS)
